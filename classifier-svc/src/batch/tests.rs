//! The queue, with a network that is a few multiplications: what is tested is the line before it.

mod turns;

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use deepface_serve::{Allowance, Caller, Deadline};

use super::{BatchSettings, Call, Engine, EngineError, Inference, Kind, State};
use deepface_attributes::Schema;
use deepface_network::{
    ChannelOrder, Differentiated, Heads, LayerInfo, ModelError, ModelInfo, Objective, Part,
    Preprocessing, Term,
};

/// A pixel of this value makes the network panic.
const PANIC: f32 = 666.0;
/// A pixel of this value makes its device fail.
const FAULT: f32 = 777.0;
/// A pixel of this value makes an operation on the device fail.
const CANDLE_FAULT: f32 = 888.0;

/// What was called, and the first channel of each image.
type Noted = (&'static str, Vec<f32>);

/// Images of one pixel. It notes every call and waits for leave before each.
#[derive(Clone)]
struct Tiny {
    info: ModelInfo,
    calls: Arc<Mutex<Vec<Noted>>>,
    leave: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Tiny {
    /// Notes the first channel of each image, which tells the images apart.
    fn call(&self, kind: &'static str, images: &[f32], n: usize) -> Result<(), ModelError> {
        assert_eq!(images.len(), 3 * n);
        let firsts = images.iter().step_by(3).copied().collect();
        self.calls.lock().unwrap().push((kind, firsts));
        // Fails once the test is over.
        self.leave.lock().unwrap().recv().ok();
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
        parts: &[Part<'_>],
    ) -> Result<Vec<Differentiated>, ModelError> {
        let n = parts.iter().map(|part| part.n).sum();
        self.call("differentiate", images, n)?;
        let mut images = images.chunks(3);
        let each = parts.iter().map(|part| {
            let images: Vec<&[f32]> = images.by_ref().take(part.n).collect();
            let losses = |image: &&[f32]| {
                part.objectives
                    .iter()
                    .map(|o| o.weight * f64::from(image[0]))
                    .collect()
            };
            let layers = part.return_layers.iter();
            Differentiated {
                losses: images.iter().map(losses).collect(),
                gradient: times(&images.concat(), 10.0),
                activations: layers.map(|&l| times(&images.concat(), l as f32)).collect(),
            }
        });
        Ok(each.collect())
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
        mean_metrics: None,
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
    calls: Arc<Mutex<Vec<Noted>>>,
    leave: mpsc::Sender<()>,
}

/// A queue of 8 images and batches of 4.
async fn bench() -> Bench {
    let calls = Arc::default();
    let (leave, waits) = mpsc::channel();
    let tiny = Tiny {
        info: info(),
        calls: Arc::clone(&calls),
        leave: Arc::new(Mutex::new(waits)),
    };
    let settings = BatchSettings {
        queue: 8,
        share: 8,
        max_batch: 4,
    };
    let engine = Engine::start(move || Ok::<_, ModelError>(tiny.clone()), settings).unwrap();
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

/// A caller, by the last number of its address.
fn call(last: u8, deadline: Deadline) -> Call {
    let mut request = tonic::Request::new(());
    let remote = tonic::transport::server::TcpConnectInfo {
        local_addr: None,
        remote_addr: Some(([10, 0, 0, last], 1).into()),
    };
    request.extensions_mut().insert(remote);
    Call {
        caller: Caller::of(&request),
        arrived: Instant::now(),
        deadline,
        allowance: Allowance::default(),
    }
}

fn image(first: f32) -> Vec<f32> {
    vec![first, 0.25, 0.5]
}

impl Bench {
    /// Starts to classify, in a task of its own.
    fn classify(&self, firsts: &[f32], deadline: Deadline) -> Task<Vec<f32>> {
        self.classify_for(1, firsts, deadline)
    }

    fn classify_for(&self, caller: u8, firsts: &[f32], deadline: Deadline) -> Task<Vec<f32>> {
        let call = call(caller, deadline);
        let n = firsts.len();
        let images = firsts.iter().flat_map(|&x| image(x)).collect();
        let engine = self.engine.clone();
        tokio::spawn(async move {
            let room = engine.admit(Kind::Classify, &call, n).await?;
            let done = engine.classify(&call, room, images).await;
            done.map(|d| d.value)
        })
    }

    fn activations(&self, first: f32, layers: &[usize]) -> Task<Vec<Vec<f32>>> {
        let call = call(1, soon());
        let (engine, layers) = (self.engine.clone(), Arc::from(layers));
        tokio::spawn(async move {
            let room = engine.admit(Kind::Activations, &call, 1).await?;
            let done = engine.activations(&call, room, image(first), layers).await;
            done.map(|d| d.value)
        })
    }

    /// A step of a stream of its own.
    fn differentiate(&self, firsts: &[f32], objectives: &Arc<[Objective]>) -> Task<Differentiated> {
        let (engine, objectives) = (self.engine.clone(), objectives.clone());
        let images = firsts.iter().flat_map(|&x| image(x)).collect();
        let stream = engine.stream(call(1, soon()));
        tokio::spawn(async move {
            let layers = Arc::from([3]);
            let done = engine.differentiate(&stream, images, objectives, layers);
            done.await.map(|d| d.value)
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

    fn calls(&self) -> Vec<Noted> {
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
async fn a_full_queue_refuses_at_once_and_room_comes_back() {
    let b = bench().await;
    let first = b.occupy().await;
    let rest = b.classify(&[1.0; 7], soon());
    settle().await;
    let now = call(1, soon());
    let refused = b.engine.claim(Kind::Classify, &now, 1, [Duration::ZERO; 2]);
    assert!(matches!(refused, Err(EngineError::Full { capacity: 8 })));
    let brief = call(1, Deadline::after(Duration::from_millis(20)));
    let later = b.engine.admit(Kind::Classify, &brief, 1).await;
    assert!(matches!(later, Err(EngineError::Expired)));
    let never = b.engine.admit(Kind::Classify, &now, 9).await;
    assert!(matches!(never, Err(EngineError::Full { .. })));
    // Steps have room of their own.
    assert_eq!(b.engine.depth(super::Lane::Bulk), 0);
    b.release();
    first.await.unwrap().unwrap();
    rest.await.unwrap().unwrap();
    let again = b.engine.admit(Kind::Classify, &now, 8);
    assert!(again.await.is_ok());
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
    let started = Instant::now();
    assert!(matches!(expired.await.unwrap(), Err(EngineError::Expired)));
    assert!(started.elapsed() < Duration::from_millis(500));
    b.release();
    first.await.unwrap().unwrap();
    wanted.await.unwrap().unwrap();
    assert_eq!(
        b.calls(),
        [("classify", vec![0.0]), ("classify", vec![3.0])]
    );
    let again = call(1, soon());
    let again = b.engine.admit(Kind::Classify, &again, 8);
    assert!(again.await.is_ok(), "room was lost");
}

#[tokio::test]
async fn a_panic_fails_its_own_batch_and_the_model_is_loaded_again() {
    let b = bench().await;
    let first = b.classify(&[PANIC], soon());
    settle().await;
    let behind = b.activations(1.0, &[0]);
    settle().await;
    b.release();
    b.release();
    assert!(matches!(first.await.unwrap(), Err(EngineError::Stopped)));
    assert!(behind.await.unwrap().is_ok());
    assert!(b.engine.info().is_ok());
}

#[tokio::test]
async fn a_model_that_keeps_panicking_fails() {
    let b = bench().await;
    let mut state = b.engine.state();
    for _ in 0..4 {
        let working = |s: &State| matches!(s, State::Ready(_));
        drop(state.wait_for(working).await.unwrap());
        let panics = b.classify(&[PANIC], soon());
        b.release();
        assert!(matches!(panics.await.unwrap(), Err(EngineError::Stopped)));
        settle().await;
    }
    let failed = state.wait_for(|s| matches!(s, State::Failed(_))).await;
    let failed = failed.unwrap().clone();
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
        share: 1,
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
