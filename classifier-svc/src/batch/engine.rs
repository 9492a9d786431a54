//! The handle by which async code reaches the model thread.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deepface_serve::Deadline;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout_at;

use super::entry::{Done, Entry, Output, Owner, Task};
use super::lane::{Call, Kind, Lane};
use super::pace::Pace;
use super::passage::Passage;
use super::queue::Queue;
use super::room::{Admission, Claim, Room, Time};
use super::state::{EngineError, State};
use super::{Inference, worker};
use deepface_network::{Differentiated, ModelInfo, Objective};

/// What is added to an expected time: under load, what is expected to be done just in time should not be late.
const MARGIN: (u32, u32) = (5, 4);

/// The sizes of the queue and of a batch.
#[derive(Clone, Copy, Debug)]
pub struct BatchSettings {
    /// Images of one lane that may wait or be computed; further ones are refused.
    pub queue: usize,
    /// How many of them may be of one caller.
    pub share: usize,
    /// Images in one call of the network.
    pub max_batch: usize,
}

/// A result.
#[derive(Clone, Debug, Default)]
pub struct Computed<T> {
    /// The result.
    pub value: T,
    /// Time in the network, of the whole batch.
    pub compute: Duration,
}

/// A stream of steps, which takes turns with the others.
#[derive(Clone, Debug)]
pub struct Stream {
    number: u64,
    call: Call,
}

/// A handle to the model thread, which ends with the last of them.
#[derive(Clone, Debug)]
pub struct Engine {
    arriving: mpsc::Sender<Entry>,
    rooms: [Arc<Room>; 2],
    pace: Arc<Pace>,
    streams: Arc<AtomicU64>,
    state: watch::Receiver<State>,
    settings: BatchSettings,
}

impl Engine {
    /// Starts the model thread, which loads the network by `load`, again after a panic, and owns it.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start<N: Inference, E: Display>(
        load: impl Fn() -> Result<N, E> + Send + 'static,
        settings: BatchSettings,
    ) -> std::io::Result<Self> {
        // Every entry holds room of its lane, so the channel is never full.
        let (arriving, entries) = mpsc::channel(2 * settings.queue);
        let (said, state) = watch::channel(State::Loading);
        let pace = Arc::<Pace>::default();
        let queue = Queue::new(entries, settings.max_batch, pace.clone());
        std::thread::Builder::new()
            .name("model".into())
            .spawn(move || worker::run(load, queue, &said))?;
        let rooms = [settings.share, settings.queue].map(|share| Room::new(settings.queue, share));
        Ok(Self {
            arriving,
            rooms: rooms.map(Arc::new),
            pace,
            streams: Arc::default(),
            state,
            settings,
        })
    }

    /// The state of the model thread, now and later.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// What there is to know about the model.
    ///
    /// # Errors
    /// [`EngineError::Loading`], [`EngineError::Stopped`].
    pub fn info(&self) -> Result<Arc<ModelInfo>, EngineError> {
        match &*self.state.borrow() {
            State::Ready(info) => Ok(info.clone()),
            State::Loading => Err(EngineError::Loading),
            State::Failed(_) | State::Stopped => Err(EngineError::Stopped),
        }
    }

    /// Images of a lane that wait or are computed.
    pub fn depth(&self, lane: Lane) -> usize {
        self.rooms[lane as usize].taken()
    }

    /// Refuses `n` images for which there is no room now, or no time before the deadline, before anything is done for
    /// them. Otherwise they are expected until the claim is dropped. `prepare` is the time to get them ready, of the small
    /// images among them and of the large ones.
    ///
    /// # Errors
    /// [`EngineError::Full`], [`EngineError::Share`], [`EngineError::Late`].
    pub fn claim(
        &self,
        kind: Kind,
        call: &Call,
        n: usize,
        prepare: [Duration; 2],
    ) -> Result<Claim, EngineError> {
        let [small, large] = prepare;
        let work = small + self.expected(kind, n);
        let time = Time { work, large };
        let in_time = |ahead| self.in_time(kind.lane(), call, ahead, time.sum());
        self.room(kind).claim(&call.caller, n, time, in_time)
    }

    /// The time that computing `n` images is expected to take.
    pub fn expected(&self, kind: Kind, n: usize) -> Duration {
        self.pace.of(kind, n)
    }

    /// Takes room for `n` images that are ready, waiting for it.
    ///
    /// # Errors
    /// [`EngineError::Expired`]; [`EngineError::Full`] where `n` exceeds the whole queue.
    pub async fn admit(&self, kind: Kind, call: &Call, n: usize) -> Result<Admission, EngineError> {
        let room = self.room(kind);
        let waited = room.wait(&call.caller, n, self.expected(kind, n));
        let waited = timeout_at(call.deadline.at(), waited).await;
        waited.map_err(|_| EngineError::Expired)?
    }

    /// A new stream of steps of a call.
    pub fn stream(&self, call: Call) -> Stream {
        let number = self.streams.fetch_add(1, Ordering::Relaxed);
        Stream { number, call }
    }

    fn room(&self, kind: Kind) -> &Arc<Room> {
        &self.rooms[kind.lane() as usize]
    }

    /// Refuses what would come too late. Where nothing is before it, it is tried.
    fn in_time(
        &self,
        lane: Lane,
        call: &Call,
        ahead: Duration,
        own: Duration,
    ) -> Result<(), EngineError> {
        if ahead.is_zero() || own.is_zero() {
            return Ok(());
        }
        let mut wait = (ahead + own) * MARGIN.0 / MARGIN.1;
        if self.depth(lane.other()) > 0 {
            let weights = lane.weight() + lane.other().weight();
            wait = wait * weights / lane.weight();
        }
        match Instant::now() + wait <= call.deadline.at().into_std() {
            true => Ok(()),
            false => Err(EngineError::Late { wait }),
        }
    }

    /// Probabilities of every head, as many values an image as the model has logits. `images` is `[n, 3, S, S]`, RGB, 0 to 1.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn classify(
        &self,
        call: &Call,
        room: Admission,
        images: Vec<f32>,
    ) -> Result<Computed<Vec<f32>>, EngineError> {
        let done = self.interactive(call, room, images, Task::Classify).await?;
        Ok(done.map(|output| output.arrays.into_iter().flatten().collect()))
    }

    /// Activations of some layers, one `[n, ...]` array each, in one pass.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn activations(
        &self,
        call: &Call,
        room: Admission,
        images: Vec<f32>,
        layers: Arc<[usize]>,
    ) -> Result<Computed<Vec<Vec<f32>>>, EngineError> {
        let task = Task::Activations(layers);
        let done = self.interactive(call, room, images, task).await?;
        Ok(done.map(|output| output.arrays))
    }

    /// Loss and gradient of each image, and activations of some layers. Steps of several streams are computed together.
    ///
    /// The images go through the queue by and by, so that no stream takes more of it than another, in portions so small that
    /// an interactive call never waits for more than one of them.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn differentiate(
        &self,
        stream: &Stream,
        images: Vec<f32>,
        objectives: Arc<[Objective]>,
        return_layers: Arc<[usize]>,
    ) -> Result<Computed<Differentiated>, EngineError> {
        let info = self.info()?;
        let Stream { number, call } = stream;
        let task = Task::Differentiate {
            reach: info.reach(&objectives, &return_layers),
            objectives,
            return_layers,
        };
        let mut all = Computed::<Output>::default();
        let mut images = Images::new(images, info.pixels());
        while !images.is_empty() {
            let n = images.left().min(self.settings.max_batch);
            let n = n.min(self.pace.steps());
            let room = self.admit(Kind::Differentiate, call, n).await?;
            let work = Work {
                task: task.clone(),
                owner: Owner::Stream(*number),
                n,
                portion: self.pace.short_steps(),
            };
            let done = self.submit(call, room, &mut images, work).await?;
            all.append(done);
        }
        Ok(all.map(|output| {
            let mut arrays = output.arrays.into_iter();
            Differentiated {
                losses: output.losses,
                gradient: arrays.next().unwrap_or_default(),
                activations: arrays.collect(),
            }
        }))
    }

    /// Puts images of a call of `Classify` or `GetActivations` into the queue, and waits for the results.
    async fn interactive(
        &self,
        call: &Call,
        room: Admission,
        images: Vec<f32>,
        task: Task,
    ) -> Result<Computed<Output>, EngineError> {
        let mut images = Images::new(images, self.info()?.pixels());
        let work = Work {
            task,
            owner: Owner::Caller(call.caller.clone()),
            n: images.left(),
            portion: self.settings.max_batch,
        };
        self.submit(call, room, &mut images, work).await
    }

    /// Puts images into the queue, in portions so that nothing waits long behind many of them, and waits for the results.
    async fn submit(
        &self,
        call: &Call,
        mut room: Admission,
        images: &mut Images,
        work: Work,
    ) -> Result<Computed<Output>, EngineError> {
        let (mut left, mut replies) = (work.n, Vec::new());
        while left > 0 {
            let n = left.min(work.portion);
            let part = room.split(n).ok_or_else(|| self.full())?;
            replies.push(self.enter(call, &work, part, images.take(n), n)?);
            left -= n;
        }
        let mut all = Computed::<Output>::default();
        let mut last = None;
        for reply in replies {
            let done = answer(reply, call.deadline).await?;
            // Portions that were computed together have taken that time once.
            if last.replace(done.started) != Some(done.started) {
                all.compute += done.compute;
            }
            all.value.append(done.output);
        }
        Ok(all)
    }

    /// Puts an entry into the queue.
    fn enter(
        &self,
        call: &Call,
        work: &Work,
        room: Admission,
        images: Vec<f32>,
        n: usize,
    ) -> Result<Reply, EngineError> {
        let (reply, done) = oneshot::channel();
        let entry = Entry {
            images,
            n,
            passage: Passage::new(work.task.kind(), n),
            task: work.task.clone(),
            deadline: call.deadline,
            owner: work.owner.clone(),
            since: call.arrived,
            reply,
            _room: room,
        };
        self.arriving.try_send(entry).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => self.full(),
            mpsc::error::TrySendError::Closed(_) => EngineError::Stopped,
        })?;
        Ok(done)
    }

    fn full(&self) -> EngineError {
        EngineError::Full {
            capacity: self.settings.queue,
        }
    }
}

/// What is to be done with images, and how they wait.
struct Work {
    task: Task,
    owner: Owner,
    /// How many there are.
    n: usize,
    /// How many of them wait as one entry of the queue.
    portion: usize,
}

type Reply = oneshot::Receiver<Result<Done, EngineError>>;

/// The result of an entry, if it comes in time.
async fn answer(reply: Reply, deadline: Deadline) -> Result<Done, EngineError> {
    let done = timeout_at(deadline.at(), reply).await;
    let done = done.map_err(|_| EngineError::Expired)?;
    // Dropped unanswered: the thread has ended.
    done.map_err(|_| EngineError::Stopped)?
}

/// Images that go through the queue one portion after the other. The rest stays where it is: moving it each time would
/// take longer than the network takes for a few images.
struct Images {
    values: Vec<f32>,
    /// Values that have been taken.
    at: usize,
    /// Values of one image.
    size: usize,
}

impl Images {
    fn new(values: Vec<f32>, size: usize) -> Self {
        Self {
            values,
            at: 0,
            size,
        }
    }

    fn is_empty(&self) -> bool {
        self.at >= self.values.len()
    }

    /// How many are left; a part of one counts as one.
    fn left(&self) -> usize {
        (self.values.len() - self.at).div_ceil(self.size.max(1))
    }

    /// Takes the next `n`.
    fn take(&mut self, n: usize) -> Vec<f32> {
        let end = (self.at + n * self.size).min(self.values.len());
        let from = std::mem::replace(&mut self.at, end);
        match (from, end) {
            (0, end) if end == self.values.len() => {
                self.at = 0;
                std::mem::take(&mut self.values)
            }
            (from, end) => self.values[from..end].to_vec(),
        }
    }
}

impl Computed<Output> {
    fn append(&mut self, other: Self) {
        self.value.append(other.value);
        self.compute += other.compute;
    }
}

impl<T> Computed<T> {
    fn map<U>(self, f: impl FnOnce(T) -> U) -> Computed<U> {
        Computed {
            value: f(self.value),
            compute: self.compute,
        }
    }
}
