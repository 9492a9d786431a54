//! The handle by which async code reaches the model thread.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use deepface_serve::Deadline;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc, oneshot, watch};
use tokio::time::timeout_at;

use super::entry::{Entry, Output, Task};
use super::queue::Queue;
use super::state::{EngineError, State};
use super::{Inference, worker};
use deepface_network::{Differentiated, ModelInfo, Objective};

/// The sizes of the queue and of a batch.
#[derive(Clone, Copy, Debug)]
pub struct BatchSettings {
    /// Images that may wait or be computed; further ones are refused.
    pub queue: usize,
    /// Images in one call of the network.
    pub max_batch: usize,
}

/// Room in the queue for some images, held from when they are ready until they are computed.
#[derive(Debug)]
pub struct Admission(OwnedSemaphorePermit);

/// A result.
#[derive(Clone, Debug)]
pub struct Computed<T> {
    /// The result.
    pub value: T,
    /// Time in the network, of the whole batch.
    pub compute: Duration,
}

/// A handle to the model thread, which ends with the last of them.
#[derive(Clone, Debug)]
pub struct Engine {
    arriving: mpsc::Sender<Entry>,
    room: Arc<Semaphore>,
    state: watch::Receiver<State>,
    settings: BatchSettings,
}

impl Engine {
    /// Starts the model thread, which loads the network by `load` and owns it.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start<N: Inference, E: Display>(
        load: impl FnOnce() -> Result<N, E> + Send + 'static,
        settings: BatchSettings,
    ) -> std::io::Result<Self> {
        // Every entry holds a permit, so the channel is never full.
        let (arriving, entries) = mpsc::channel(settings.queue);
        let (said, state) = watch::channel(State::Loading);
        let queue = Queue::new(entries, settings.max_batch);
        std::thread::Builder::new()
            .name("model".into())
            .spawn(move || worker::run(load, queue, &said))?;
        Ok(Self {
            arriving,
            room: Arc::new(Semaphore::new(settings.queue)),
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

    /// Refuses `n` images for which there is no room now, before anything is done for them. Takes no room: to make
    /// them ready may take a caller for ever.
    ///
    /// # Errors
    /// [`EngineError::Full`].
    pub fn check_room(&self, n: usize) -> Result<(), EngineError> {
        match self.room.available_permits() >= n {
            true => Ok(()),
            false => Err(self.full()),
        }
    }

    /// Takes room for `n` images, or refuses at once.
    ///
    /// # Errors
    /// [`EngineError::Full`].
    pub fn admit(&self, n: usize) -> Result<Admission, EngineError> {
        match self.room.clone().try_acquire_many_owned(self.permits(n)?) {
            Ok(permit) => Ok(Admission(permit)),
            Err(TryAcquireError::NoPermits) => Err(self.full()),
            Err(TryAcquireError::Closed) => Err(EngineError::Stopped),
        }
    }

    /// Takes room for `n` images, waiting for it: for work that has already begun and is bounded elsewhere.
    ///
    /// # Errors
    /// [`EngineError::Expired`]; [`EngineError::Full`] where `n` exceeds the whole queue.
    pub async fn admit_later(
        &self,
        n: usize,
        deadline: Deadline,
    ) -> Result<Admission, EngineError> {
        let permit = self.room.clone().acquire_many_owned(self.permits(n)?);
        let permit = timeout_at(deadline.at(), permit).await;
        let permit = permit.map_err(|_| EngineError::Expired)?;
        permit.map(Admission).map_err(|_| EngineError::Stopped)
    }

    /// Probabilities of every head, as many values an image as the model has logits. `images` is `[n, 3, S, S]`, RGB, 0 to 1.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn classify(
        &self,
        room: Admission,
        images: Vec<f32>,
        deadline: Deadline,
    ) -> Result<Computed<Vec<f32>>, EngineError> {
        let done = self.submit(room, images, Task::Classify, deadline).await?;
        Ok(done.map(|output| output.arrays.into_iter().flatten().collect()))
    }

    /// Activations of some layers, one `[n, ...]` array each, in one pass.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn activations(
        &self,
        room: Admission,
        images: Vec<f32>,
        layers: Arc<[usize]>,
        deadline: Deadline,
    ) -> Result<Computed<Vec<Vec<f32>>>, EngineError> {
        let task = Task::Activations(layers);
        let done = self.submit(room, images, task, deadline).await?;
        Ok(done.map(|output| output.arrays))
    }

    /// Loss and gradient of each image, and activations of some layers. Steps with the very same objectives can be
    /// computed together.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn differentiate(
        &self,
        room: Admission,
        images: Vec<f32>,
        objectives: Arc<[Objective]>,
        return_layers: Arc<[usize]>,
        deadline: Deadline,
    ) -> Result<Computed<Differentiated>, EngineError> {
        let task = Task::Differentiate {
            objectives,
            return_layers,
        };
        let done = self.submit(room, images, task, deadline).await?;
        Ok(done.map(|output| {
            let mut arrays = output.arrays.into_iter();
            Differentiated {
                losses: output.losses,
                gradient: arrays.next().unwrap_or_default(),
                activations: arrays.collect(),
            }
        }))
    }

    /// Puts the images into the queue, in portions of at most a batch so that nothing waits long behind a large
    /// request, and waits for the results.
    async fn submit(
        &self,
        Admission(mut permit): Admission,
        mut images: Vec<f32>,
        task: Task,
        deadline: Deadline,
    ) -> Result<Computed<Output>, EngineError> {
        let size = self.info()?.pixels();
        let mut replies = Vec::new();
        while !images.is_empty() {
            let n = (images.len() / size).clamp(1, self.settings.max_batch);
            let rest = images.split_off((n * size).min(images.len()));
            let (reply, done) = oneshot::channel();
            let entry = Entry {
                images: std::mem::replace(&mut images, rest),
                n,
                task: task.clone(),
                deadline,
                reply,
                _permit: permit.split(n).ok_or_else(|| self.full())?,
            };
            self.arriving.try_send(entry).map_err(|e| match e {
                mpsc::error::TrySendError::Full(_) => self.full(),
                mpsc::error::TrySendError::Closed(_) => EngineError::Stopped,
            })?;
            replies.push(done);
        }
        let mut all = Computed {
            value: Output::default(),
            compute: Duration::ZERO,
        };
        for done in replies {
            let done = timeout_at(deadline.at(), done).await;
            let done = done.map_err(|_| EngineError::Expired)?;
            // Dropped unanswered: the thread has ended.
            let done = done.map_err(|_| EngineError::Stopped)??;
            all.value.append(done.output);
            all.compute += done.compute;
        }
        Ok(all)
    }

    fn permits(&self, n: usize) -> Result<u32, EngineError> {
        let permits = u32::try_from(n).ok().filter(|_| n <= self.settings.queue);
        permits.ok_or_else(|| self.full())
    }

    fn full(&self) -> EngineError {
        EngineError::Full {
            capacity: self.settings.queue,
        }
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
