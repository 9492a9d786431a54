//! Gradients that outlast their connection: `Differentiate` is pure, so a step that was lost is sent again.

use std::{sync::Arc, time::Duration};

use deepface_proto::{
    Array,
    v1::{DifferentiateResponse, DifferentiateSetup},
};
use tokio::time::Instant;

use crate::{
    ClientError, DifferentiateStream,
    pool::Pool,
    retry::{Policy, Retries},
};

/// A stream that did not answer for this many times its slowest step is lost.
const SLOWER_THAN_SLOWEST: u32 = 8;
/// Shortest time to wait for a step: a busy service may take several seconds.
const LEAST_PATIENCE: Duration = Duration::from_secs(15);

/// How streams are opened.
#[derive(Clone, Debug)]
pub(crate) struct Opener {
    pub(crate) pool: Pool,
    pub(crate) policy: Policy,
    /// Longest time for a step.
    pub(crate) step_deadline: Duration,
}

/// A Differentiate stream that is opened again when it breaks, with the same setup: after a cut, a restart, a drain, an
/// overload, or when the service no longer answers. The reply to a step is the same in any case, to the last bit on the
/// same kind of processor. The setup should name the network (`model_digest`), which may have changed in between.
///
/// Dropping it ends the work of the service.
#[derive(Debug)]
pub struct DurableDifferentiate {
    opener: Opener,
    setup: Arc<DifferentiateSetup>,
    /// `None` during a step, and after one that failed or was cancelled.
    stream: Option<DifferentiateStream>,
    slowest: Option<Duration>,
    reopened: u32,
}

impl DurableDifferentiate {
    pub(crate) async fn open(
        opener: Opener,
        setup: DifferentiateSetup,
    ) -> Result<Self, ClientError> {
        let mut durable = Self {
            opener,
            setup: Arc::new(setup),
            stream: None,
            slowest: None,
            reopened: 0,
        };
        let mut retries = Retries::new(&durable.opener.policy);
        loop {
            match durable.connect().await {
                Ok(stream) => durable.stream = Some(stream),
                Err(error) => retries.pause_after(error).await?,
            }
            if durable.stream.is_some() {
                return Ok(durable);
            }
        }
    }

    /// As [`DifferentiateStream::step`], and repeats a step that was lost.
    ///
    /// # Errors
    /// Any [`ClientError`]: one that a repetition does not mend, or the last one after the client's patience. The stream
    /// can still be used.
    pub async fn step(
        &mut self,
        image: &Array,
        return_layers: &[String],
    ) -> Result<DifferentiateResponse, ClientError> {
        let mut retries = Retries::new(&self.opener.policy);
        loop {
            match self.attempt(image, return_layers).await {
                Ok(response) => {
                    self.opener.policy.budget.succeeded();
                    return Ok(response);
                }
                Err(error) => retries.pause_after(error).await?,
            }
        }
    }

    /// How often the stream was opened again.
    pub fn reopened(&self) -> u32 {
        self.reopened
    }

    /// Ends the stream as agreed and in the background, see [`DifferentiateStream::finish`].
    pub fn finish(&mut self) {
        if let Some(stream) = self.stream.take() {
            tokio::spawn(stream.finish());
        }
    }

    /// One try: on the open stream if there is one. It is kept only if it answers.
    async fn attempt(
        &mut self,
        image: &Array,
        return_layers: &[String],
    ) -> Result<DifferentiateResponse, ClientError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                self.reopened += 1;
                self.connect().await?
            }
        };
        stream.limit_steps(self.patience());
        let before = Instant::now();
        let response = stream.step(image, return_layers).await?;
        self.slowest = self.slowest.max(Some(before.elapsed()));
        self.stream = Some(stream);
        Ok(response)
    }

    async fn connect(&self) -> Result<DifferentiateStream, ClientError> {
        let setup = (*self.setup).clone();
        DifferentiateStream::open(self.opener.pool.take(), setup, self.patience()).await
    }

    /// How long to wait for a reply: as long as any until one has come, then in proportion to the slowest.
    fn patience(&self) -> Duration {
        let most = self.opener.step_deadline;
        let usual = self.slowest.map(|slowest| slowest * SLOWER_THAN_SLOWEST);
        usual.map_or(most, |usual| usual.max(LEAST_PATIENCE).min(most))
    }
}
