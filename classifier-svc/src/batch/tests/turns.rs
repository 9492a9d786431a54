//! Whose turn it is.

use super::super::Lane;
use super::*;

/// A term of this weight, at the heads.
fn objective(weight: f64) -> Arc<[Objective]> {
    Arc::from([Objective {
        weight,
        term: Term::AttributeLikelihood(Arc::from([])),
    }])
}

#[tokio::test]
async fn steps_of_different_streams_are_computed_together_and_each_gets_its_own() {
    let b = bench().await;
    let first = b.occupy().await;
    let mut steps = Vec::new();
    for x in [1.0, 2.0, 3.0] {
        steps.push((x, b.differentiate(&[x], &objective(f64::from(x)))));
        settle().await;
    }
    b.release();
    first.await.unwrap().unwrap();
    for (x, step) in steps {
        let done = step.await.unwrap().unwrap();
        assert_eq!(done.losses, [[f64::from(x) * f64::from(x)]]);
        assert_eq!(done.gradient, times(&image(x), 10.0));
        assert_eq!(done.activations, [times(&image(x), 3.0)]);
    }
    let batches: Vec<_> = b.calls().into_iter().map(|c| c.1).collect();
    assert_eq!(batches, [vec![0.0], vec![1.0, 2.0, 3.0]]);
}

#[tokio::test]
async fn a_large_step_takes_turns_with_the_small_ones_of_others() {
    let b = bench().await;
    let first = b.occupy().await;
    let large: Vec<f32> = (10..22u8).map(f32::from).collect();
    let step = b.differentiate(&large, &objective(1.0));
    settle().await;
    // Of a step of 12 images, no more than a batch waits.
    assert_eq!(b.engine.depth(Lane::Bulk), 4);
    let small = b.differentiate(&[1.0], &objective(1.0));
    settle().await;
    b.release();
    first.await.unwrap().unwrap();
    small.await.unwrap().unwrap();
    let done = step.await.unwrap().unwrap();
    let images: Vec<f32> = large.iter().flat_map(|&x| image(x)).collect();
    assert_eq!(done.gradient, times(&images, 10.0));
    let firsts: Vec<f32> = b.calls().into_iter().flat_map(|c| c.1).collect();
    let place = firsts.iter().position(|&x| x == 1.0).unwrap();
    assert!(place <= 5, "{firsts:?}");
}

#[tokio::test]
async fn neither_lane_waits_long_for_the_other() {
    let b = bench().await;
    let mut tasks = vec![b.occupy().await];
    let mut steps = Vec::new();
    for x in [1.0, 2.0] {
        steps.push(b.differentiate(&[x, x, x, x], &objective(1.0)));
        settle().await;
    }
    for x in [11.0, 12.0, 13.0] {
        tasks.push(b.classify(&[x, x], soon()));
        settle().await;
    }
    b.release();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    for step in steps {
        step.await.unwrap().unwrap();
    }
    let kinds: Vec<_> = b.calls().into_iter().map(|c| c.0).collect();
    let steps_at = kinds.iter().position(|&kind| kind == "differentiate");
    let answers_at = kinds.iter().skip(1).position(|&kind| kind == "classify");
    assert!(steps_at.unwrap() <= 3, "{kinds:?}");
    assert!(answers_at.unwrap() <= 1, "{kinds:?}");
}

#[tokio::test]
async fn a_caller_passes_the_crowd_of_another() {
    let b = bench().await;
    let first = b.occupy().await;
    let crowd: Vec<_> = (0..3).map(|_| b.classify(&[1.0, 1.0], soon())).collect();
    settle().await;
    let other = b.classify_for(2, &[9.0], soon());
    settle().await;
    b.release();
    for task in crowd.into_iter().chain([first, other]) {
        task.await.unwrap().unwrap();
    }
    let firsts: Vec<f32> = b.calls().into_iter().flat_map(|c| c.1).collect();
    let place = firsts.iter().position(|&x| x == 9.0).unwrap();
    assert!(place <= 3, "{firsts:?}");
}

#[tokio::test]
async fn what_would_come_too_late_is_refused_at_once() {
    let b = bench().await;
    let first = b.occupy().await;
    // The first call teaches the pace: 100 ms an image.
    tokio::time::sleep(Duration::from_millis(100)).await;
    b.leave.send(()).unwrap();
    first.await.unwrap().unwrap();
    let waiting = b.classify(&[1.0, 2.0], soon());
    settle().await;
    let within = |ms| call(1, Deadline::after(Duration::from_millis(ms)));
    let claim = |call: &Call| b.engine.claim(Kind::Classify, call, 1, [Duration::ZERO; 2]);
    let refused = claim(&within(150));
    assert!(
        matches!(refused, Err(EngineError::Late { .. })),
        "{refused:?}"
    );
    // What is on its way to the queue counts as well.
    let claimed: Vec<_> = (0..4).map(|_| claim(&within(5000)).unwrap()).collect();
    let refused = claim(&within(700));
    assert!(
        matches!(refused, Err(EngineError::Late { .. })),
        "{refused:?}"
    );
    drop(claimed);
    claim(&within(700)).unwrap();
    b.release();
    waiting.await.unwrap().unwrap();
}
