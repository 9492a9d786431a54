//! The queue, with a network that is a few multiplications: what is tested is the line before it.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use deepface_serve::Deadline;

use super::{BatchSettings, Engine, EngineError, Inference, State};
use deepface_attributes::Schema;
use deepface_network::{
    ChannelOrder, Differentiated, Heads, LayerInfo, ModelError, ModelInfo, Objective,
    Preprocessing, Term,
};

/// A pixel of this value makes the network panic.
const PANIC: f32 = 666.0;
/// A pixel of this value makes its device fail.
const FAULT: f32 = 777.0;
/// A pixel of this value makes an operation on the device fail.
const CANDLE_FAULT: f32 = 888.0;

/// What was called, and the first channel of each image.
type Call = (&'static str, Vec<f32>);

/// Images of one pixel. It notes every call and waits for leave before each.
struct Tiny {
    info: ModelInfo,
    calls: Arc<Mutex<Vec<Call>>>,
    leave: mpsc::Receiver<()>,
}

impl Tiny {
    /// Notes the first channel of each image, which tells the images apart.
    fn call(&self, kind: &'static str, images: &[f32], n: usize) -> Result<(), ModelError> {
        assert_eq!(images.len(), 3 * n);
        let firsts = images.iter().step_by(3).copied().collect();
        self.calls.lock().unwrap().push((kind, firsts));
        // Fails once the test is over.
        self.leave.recv().ok();
        assert!(!images.contains(&PANIC), "told to");
        if images.contains(&FAULT) {
            return Err(ModelError::Device("it burns".into()));
        }
        if images.contains(&CANDLE_FAULT) {
            return Err(candle_core::Error::Msg("it burns".into()).into());
        }
        Ok(())
    }
}

fn times(images: &[f32], k: f32) -> Vec<f32> {
    images.iter().map(|x| x * k).collect()
}

impl Inference for Tiny {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn probabilities(&mut self, images: &[f32], n: usize) -> Result<Vec<f32>, ModelError> {
        self.call("classify", images, n)?;
        Ok(times(images, 2.0))
    }

    fn activations(
        &mut self,
        images: &[f32],
        n: usize,
        layers: &[usize],
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        self.call("activations", images, n)?;
        Ok(layers.iter().map(|&l| times(images, l as f32)).collect())
    }

    fn differentiate(
        &mut self,
        images: &[f32],
        n: usize,
        objectives: &[Objective],
        return_layers: &[usize],
    ) -> Result<Differentiated, ModelError> {
        self.call("differentiate", images, n)?;
        let losses = |image: &[f32]| vec![f64::from(image[0]); objectives.len()];
        Ok(Differentiated {
            losses: images.chunks(3).map(losses).collect(),
            gradient: times(images, 10.0),
            activations: return_layers
                .iter()
                .map(|&l| times(images, l as f32))
                .collect(),
        })
    }
}

fn info() -> ModelInfo {
    ModelInfo {
        name: "tiny".into(),
        digest: String::new(),
        input_size: 1,
        preprocessing: Preprocessing {
            order: ChannelOrder::Rgb,
            mean: [0.0; 3],
            scale: 1.0,
        },
        layers: vec![LayerInfo {
            name: "pixels".into(),
            shape: vec![3],
        }],
        heads: Heads::of(&Schema::default()),
        schema: Schema::default(),
        thresholds: Vec::new(),
        metrics: Vec::new(),
        compare_mean: Vec::new(),
        verification: None,
        parameters: 0,
        device: "cpu".into(),
        license: String::new(),
        heads_untrained: false,
    }
}

struct Bench {
    engine: Engine,
    calls: Arc<Mutex<Vec<Call>>>,
    leave: mpsc::Sender<()>,
}

/// A queue of 8 images and batches of 4.
async fn bench() -> Bench {
    let calls = Arc::default();
    let (leave, waits) = mpsc::channel();
    let tiny = Tiny {
        info: info(),
        calls: Arc::clone(&calls),
        leave: waits,
    };
    let settings = BatchSettings {
        queue: 8,
        max_batch: 4,
    };
    let engine = Engine::start(move || Ok::<_, ModelError>(tiny), settings).unwrap();
    let mut state = engine.state();
    let ready = state.wait_for(|s| matches!(s, State::Ready(_))).await;
    drop(ready.unwrap());
    Bench {
        engine,
        calls,
        leave,
    }
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

fn image(first: f32) -> Vec<f32> {
    vec![first, 0.25, 0.5]
}

impl Bench {
    /// Starts to classify, in a task of its own.
    fn classify(&self, firsts: &[f32], deadline: Deadline) -> Task<Vec<f32>> {
        let room = self.engine.admit(firsts.len()).unwrap();
        let images = firsts.iter().flat_map(|&x| image(x)).collect();
        let engine = self.engine.clone();
        tokio::spawn(async move {
            let done = engine.classify(room, images, deadline).await;
            done.map(|d| d.value)
        })
    }

    fn activations(&self, first: f32, layers: &[usize]) -> Task<Vec<Vec<f32>>> {
        let room = self.engine.admit(1).unwrap();
        let (engine, layers) = (self.engine.clone(), Arc::from(layers));
        tokio::spawn(async move {
            let done = engine.activations(room, image(first), layers, soon()).await;
            done.map(|d| d.value)
        })
    }

    fn differentiate(&self, first: f32, objectives: &Arc<[Objective]>) -> Task<Differentiated> {
        let room = self.engine.admit(1).unwrap();
        let (engine, objectives) = (self.engine.clone(), objectives.clone());
        tokio::spawn(async move {
            let layers = Arc::from([3]);
            let done = engine
                .differentiate(room, image(first), objectives, layers, soon())
                .await;
            done.map(|d| d.value)
        })
    }

    /// Keeps the network busy with a first call.
    async fn occupy(&self) -> Task<Vec<f32>> {
        let task = self.classify(&[0.0], soon());
        while self.calls().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        task
    }

    /// Lets the network make any number of calls.
    fn release(&self) {
        for _ in 0..32 {
            self.leave.send(()).ok();
        }
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

type Task<T> = tokio::task::JoinHandle<Result<T, EngineError>>;

/// Lets the tasks reach the queue, one after the other.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[tokio::test]
async fn what_waits_together_is_computed_together_and_each_gets_its_own() {
    let b = bench().await;
    let first = b.occupy().await;
    let one = b.classify(&[1.0], soon());
    settle().await;
    let other = b.activations(9.0, &[5, 7]);
    settle().await;
    let two = b.classify(&[2.0, 3.0], soon());
    settle().await;
    let same = b.activations(8.0, &[5, 7]);
    let different = b.activations(7.0, &[5]);
    settle().await;
    b.release();
    assert_eq!(first.await.unwrap().unwrap(), times(&image(0.0), 2.0));
    assert_eq!(one.await.unwrap().unwrap(), times(&image(1.0), 2.0));
    let both = [image(2.0), image(3.0)].concat();
    assert_eq!(two.await.unwrap().unwrap(), times(&both, 2.0));
    for (task, x) in [(other, 9.0), (same, 8.0)] {
        let arrays = task.await.unwrap().unwrap();
        assert_eq!(arrays, [times(&image(x), 5.0), times(&image(x), 7.0)]);
    }
    assert_eq!(different.await.unwrap().unwrap(), [times(&image(7.0), 5.0)]);
    let expected = [
        ("classify", vec![0.0]),
        ("classify", vec![1.0, 2.0, 3.0]),
        ("activations", vec![9.0, 8.0]),
        ("activations", vec![7.0]),
    ];
    assert_eq!(b.calls(), expected);
}

#[tokio::test]
async fn a_batch_has_a_limit_and_nothing_overtakes_its_like() {
    let b = bench().await;
    let first = b.occupy().await;
    let mut tasks = vec![first];
    for firsts in [&[1.0, 2.0, 3.0][..], &[4.0, 5.0], &[6.0]] {
        tasks.push(b.classify(firsts, soon()));
        settle().await;
    }
    b.release();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let sizes: Vec<_> = b.calls().into_iter().map(|c| c.1).collect();
    // 6 would have fitted beside 1, 2, 3, but 4 and 5 came before it.
    assert_eq!(sizes, [vec![0.0], vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.0]]);
}

#[tokio::test]
async fn a_large_request_goes_in_portions_and_comes_back_whole() {
    let b = bench().await;
    b.release();
    let firsts: Vec<f32> = (0..7u8).map(f32::from).collect();
    let all = b.classify(&firsts, soon()).await.unwrap().unwrap();
    let images: Vec<f32> = firsts.iter().flat_map(|&x| image(x)).collect();
    assert_eq!(all, times(&images, 2.0));
    assert_eq!(b.calls().iter().map(|c| c.1.len()).max(), Some(4));
}

#[tokio::test]
async fn steps_join_only_for_the_very_same_objectives() {
    let b = bench().await;
    let first = b.occupy().await;
    let objectives = || -> Arc<[Objective]> {
        Arc::from([Objective {
            weight: 1.0,
            term: Term::AttributeLikelihood(Arc::from([])),
        }])
    };
    let (ours, theirs) = (objectives(), objectives());
    let mut steps = Vec::new();
    for (x, set) in [(1.0, &ours), (2.0, &theirs), (3.0, &ours)] {
        steps.push((x, b.differentiate(x, set)));
        settle().await;
    }
    b.release();
    first.await.unwrap().unwrap();
    for (x, step) in steps {
        let done = step.await.unwrap().unwrap();
        assert_eq!(done.losses, [[f64::from(x)]]);
        assert_eq!(done.gradient, times(&image(x), 10.0));
        assert_eq!(done.activations, [times(&image(x), 3.0)]);
    }
    let batches: Vec<_> = b.calls().into_iter().map(|c| c.1).collect();
    assert_eq!(batches, [vec![0.0], vec![1.0, 3.0], vec![2.0]]);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_room_comes_back() {
    let b = bench().await;
    let first = b.occupy().await;
    let rest = b.classify(&[1.0; 7], soon());
    settle().await;
    let refused = b.engine.admit(1);
    assert!(matches!(refused, Err(EngineError::Full { capacity: 8 })));
    let later = b
        .engine
        .admit_later(1, Deadline::after(Duration::from_millis(20)));
    assert!(matches!(later.await, Err(EngineError::Expired)));
    let never = b.engine.admit_later(9, soon()).await;
    assert!(matches!(never, Err(EngineError::Full { .. })));
    b.release();
    first.await.unwrap().unwrap();
    rest.await.unwrap().unwrap();
    assert!(b.engine.admit_later(8, soon()).await.is_ok());
}

#[tokio::test]
async fn abandoned_and_expired_work_is_never_computed() {
    let b = bench().await;
    let first = b.occupy().await;
    let abandoned = b.classify(&[1.0], soon());
    let expired = b.classify(&[2.0], Deadline::after(Duration::from_millis(30)));
    let wanted = b.classify(&[3.0], soon());
    settle().await;
    abandoned.abort();
    let started = std::time::Instant::now();
    assert!(matches!(expired.await.unwrap(), Err(EngineError::Expired)));
    assert!(started.elapsed() < Duration::from_millis(500));
    b.release();
    first.await.unwrap().unwrap();
    wanted.await.unwrap().unwrap();
    assert_eq!(
        b.calls(),
        [("classify", vec![0.0]), ("classify", vec![3.0])]
    );
    assert!(
        b.engine.admit_later(8, soon()).await.is_ok(),
        "room was lost"
    );
}

#[tokio::test]
async fn a_panic_of_the_model_thread_leaves_nobody_waiting() {
    let b = bench().await;
    let first = b.classify(&[PANIC], soon());
    settle().await;
    let behind = b.classify(&[1.0], soon());
    settle().await;
    b.release();
    assert!(matches!(first.await.unwrap(), Err(EngineError::Stopped)));
    assert!(matches!(behind.await.unwrap(), Err(EngineError::Stopped)));
    let mut state = b.engine.state();
    let failed = state
        .wait_for(|s| matches!(s, State::Failed(_)))
        .await
        .unwrap()
        .clone();
    assert!(matches!(failed, State::Failed(why) if why.contains("told to")));
    assert!(matches!(b.engine.info(), Err(EngineError::Stopped)));
}

#[tokio::test]
async fn a_device_fault_is_answered_and_ends_the_thread() {
    for fault in [FAULT, CANDLE_FAULT] {
        let b = bench().await;
        b.release();
        let error = b.classify(&[fault], soon()).await.unwrap().unwrap_err();
        assert!(matches!(&error, EngineError::Model(e) if e.to_string().contains("it burns")));
        let mut state = b.engine.state();
        let failed = state.wait_for(|s| matches!(s, State::Failed(_)));
        let failed = tokio::time::timeout(Duration::from_secs(20), failed).await;
        assert!(failed.unwrap().is_ok());
    }
}

#[tokio::test]
async fn a_model_that_cannot_be_loaded_is_a_failure_with_the_reason() {
    let settings = BatchSettings {
        queue: 1,
        max_batch: 1,
    };
    let load = || Err::<Tiny, _>(ModelError::Weights("truncated".into()));
    let engine = Engine::start(load, settings).unwrap();
    let mut state = engine.state();
    let failed = state
        .wait_for(|s| matches!(s, State::Failed(_)))
        .await
        .unwrap()
        .clone();
    assert!(matches!(failed, State::Failed(why) if why.contains("truncated")));
}

#[tokio::test]
async fn the_thread_ends_with_its_last_handle() {
    let b = bench().await;
    let mut state = b.engine.state();
    drop(b.engine);
    let stopped = state.wait_for(|s| matches!(s, State::Stopped)).await;
    assert!(stopped.is_ok());
}
