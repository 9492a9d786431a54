//! A fit that is killed, and goes on from its checkpoint.

use std::path::PathBuf;

use super::*;

/// Starts a fit that keeps its sums after every batch, and drops it once the classifier was called this often.
async fn killed(args: &FitArgs, classifier: &Running, calls: usize) {
    let until = async {
        while classifier.calls() < calls {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        done = run_keeping(args, Duration::ZERO) => panic!("it ended before it was killed: {done:?}"),
        () = until => {}
    }
}

fn checkpoint(args: &FitArgs) -> PathBuf {
    args.output.with_extension("checkpoint")
}

/// The pass that the checkpoint is in, and the photographs of it that are summed.
fn kept(args: &FitArgs) -> Option<(String, String)> {
    let kept = fs::read(checkpoint(args)).ok()?;
    let kept = deepface_files::Tensors::open(&kept).unwrap();
    let text = |key| kept.text(key).unwrap().to_owned();
    Some((text("pass"), text("photographs")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_fit_goes_on_and_ends_as_if_nothing_had_happened() {
    let dir = tempfile::tempdir().unwrap();
    let labels = Arc::new(dataset(dir.path()).0);
    let classifier = Running::new(&labels, GOOD).await;
    let mut args = args(dir.path(), &[&classifier]);
    run(&args).await.unwrap();
    let whole = fs::read(&args.output).unwrap();
    assert!(!checkpoint(&args).exists());

    args.output = dir.path().join("out/again.safetensors");
    let delay = Duration::from_millis(30);
    let slow = Running::new(&labels, Behaviour { delay, ..GOOD }).await;
    // Whoever computes makes no other fit.
    args.classifier = vec![slow.url.clone()];
    // Again and again, until it is in the second pass.
    let mut at = None;
    for _ in 0..30 {
        killed(&args, &slow, slow.calls() + 6).await;
        assert!(!args.output.exists());
        at = kept(&args);
        if at.as_ref().is_some_and(|(pass, _)| pass == "1") {
            break;
        }
    }
    assert!(at.is_some_and(|(pass, _)| pass == "1"));
    run(&args).await.unwrap();
    assert!(whole == fs::read(&args.output).unwrap());
    assert!(!checkpoint(&args).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fit_that_is_killed_between_two_passes_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (labels, train) = dataset(dir.path());
    let labels = Arc::new(labels);
    let good = Running::new(&labels, GOOD).await;
    let mut args = args(dir.path(), &[&good]);
    args.force = true;
    run(&args).await.unwrap();
    let whole = fs::read(&args.output).unwrap();
    let held_out = 1;
    let batches = (good.calls() - held_out) / 2;
    assert_eq!(batches, train.len().div_ceil(32));
    // The next call is the first one of the next pass, so all before is kept.
    for (answers, pass) in [(batches, "0"), (2 * batches, "1")] {
        let dying = Running::new(&labels, Behaviour { answers, ..GOOD }).await;
        args.classifier = vec![dying.url.clone()];
        killed(&args, &dying, answers + 1).await;
        let photographs = train.len().to_string();
        assert_eq!(kept(&args), Some((pass.to_owned(), photographs)));
        args.classifier = vec![good.url.clone()];
        run(&args).await.unwrap();
        assert!(whole == fs::read(&args.output).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_of_another_fit_or_a_damaged_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let labels = Arc::new(dataset(dir.path()).0);
    let delay = Duration::from_millis(30);
    let classifier = Running::new(&labels, Behaviour { delay, ..GOOD }).await;
    let good = args(dir.path(), &[&classifier]);
    killed(&good, &classifier, 8).await;
    let path = checkpoint(&good);
    let kept = fs::read(&path).unwrap();
    let refused = async |args: &FitArgs| format!("{:#}", run(args).await.unwrap_err());
    for change in [
        |a: &mut FitArgs| a.seed = 2,
        |a: &mut FitArgs| a.limit = Some(200),
        |a: &mut FitArgs| a.layers.truncate(1),
    ] {
        let mut other = good.clone();
        change(&mut other);
        let said = refused(&other).await;
        assert!(said.contains(" belongs to another run (FitArgs"), "{said}");
        assert!(said.ends_with("; delete it to start over"), "{said}");
    }
    let digest = "lawless";
    let other = Running::new(&labels, Behaviour { digest, ..GOOD }).await;
    let said = refused(&args(dir.path(), &[&other])).await;
    assert!(said.contains(" of lawful on ") && said.contains(" of lawless on "));

    let mut flipped = kept.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [&kept[..kept.len() - 1], &flipped[..], b"", b"nonsense"] {
        fs::write(&path, damaged).unwrap();
        let said = refused(&good).await;
        assert!(
            said.contains(" is damaged; delete it to start over"),
            "{said}"
        );
    }
    assert!(!good.output.exists());
    fs::write(&path, &kept).unwrap();
    run(&good).await.unwrap();
}
