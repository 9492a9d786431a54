//! Several replicas of the classifier.

use super::*;

/// The file that a fit by these classifiers writes.
async fn file(dir: &TempDir, classifiers: &[&Running]) -> Vec<u8> {
    let mut args = args(dir.path(), classifiers);
    args.force = true;
    run(&args).await.unwrap();
    fs::read(&args.output).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_does_not_depend_on_the_replicas() {
    let dir = tempfile::tempdir().unwrap();
    let labels = Arc::new(dataset(dir.path()).0);
    let behaving = async |behaviour| Running::new(&labels, behaviour).await;
    let good = behaving(GOOD).await;
    let alone = file(&dir, &[&good]).await;
    let whole = good.calls();

    // One is slow, and one dies half way.
    let slow = behaving(Behaviour {
        delay: Duration::from_millis(100),
        ..GOOD
    });
    // Smaller batches, so that there are many.
    let dying = behaving(Behaviour {
        answers: 2,
        max_images: 8,
        ..GOOD
    });
    let (slow, dying) = (slow.await, dying.await);
    let together = file(&dir, &[&slow, &dying, &good]).await;
    assert!(alone == together);
    assert!(dying.calls() > 2, "it was asked until it died");
    let (slow, good) = (slow.calls(), good.calls() - whole);
    assert!(0 < slow && slow < good, "{slow} {good}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_with_another_network_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let labels = Arc::new(dataset(dir.path()).0);
    let good = Running::new(&labels, GOOD).await;
    let digest = "lawless";
    let other = Running::new(&labels, Behaviour { digest, ..GOOD }).await;
    let args = args(dir.path(), &[&good, &other]);
    let refused = run(&args).await.unwrap_err().to_string();
    let expected = format!(
        "--classifier: all replicas must serve the same: {} has the network \"lawful\", {} has the network \"lawless\"",
        good.url, other.url
    );
    assert_eq!(refused, expected);
    assert_eq!((good.calls(), other.calls()), (0, 0));
    assert!(!args.output.exists());
}
