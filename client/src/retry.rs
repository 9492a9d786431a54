//! Retries, where they are safe and useful.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Code, Request, Response, Status};

use crate::{
    ClientError,
    accepted::accepted,
    budget::RetryBudget,
    channel::{Channel, Connection},
    pool::Pool,
};

/// Tries of a call whose client has no patience.
const ATTEMPTS: u32 = 4;
/// Tries to find a replica with the network that a request names.
const REPLICAS: u32 = 4;
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(2);

/// How a client retries. Clones share the budget.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// How long calls are tried again after the first failure; `None`: at most four tries.
    pub(crate) patience: Option<Duration>,
    /// Limits the retries of all calls together.
    pub(crate) budget: Arc<RetryBudget>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            patience: None,
            budget: Arc::new(RetryBudget::new()),
        }
    }
}

/// The retries of one call.
#[derive(Debug)]
pub(crate) struct Retries {
    policy: Policy,
    deadline: Option<Instant>,
    first_failure: Option<Instant>,
    failures: u32,
    other_networks: u32,
}

impl Retries {
    pub(crate) fn new(policy: &Policy) -> Self {
        Self {
            policy: policy.clone(),
            deadline: None,
            first_failure: None,
            failures: 0,
            other_networks: 0,
        }
    }

    fn until(policy: &Policy, deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            ..Self::new(policy)
        }
    }

    /// Waits until the next try: a random share of 100 ms, 200 ms, ... and at least the delay that the service asked
    /// for; longer while the budget is used up.
    ///
    /// # Errors
    /// The error itself, if there should be no further try.
    pub(crate) async fn pause_after(&mut self, error: ClientError) -> Result<(), ClientError> {
        loop {
            let Some(pause) = self.next(&error) else {
                return Err(error);
            };
            tracing::debug!(%error, failures = self.failures, ?pause, "retrying");
            sleep(pause).await;
            if self.policy.budget.take() {
                return Ok(());
            }
        }
    }

    /// The pause before the next try; `None` if there should be none.
    fn next(&mut self, error: &ClientError) -> Option<Duration> {
        let now = Instant::now();
        let first = *self.first_failure.get_or_insert(now);
        self.failures += 1;
        let pause = if error.is_of_another_network() {
            self.other_networks += 1;
            FIRST_BACKOFF.mul_f64(rand::random_range(0.1..0.5))
        } else {
            pause(self.failures, error.retry_after())
        };
        // A call whose own deadline passed is over; a stream's is only the service's limit.
        let expired = self.deadline.is_some() && error.code() == Code::DeadlineExceeded;
        let may_help = error.is_transient() && !expired || error.is_of_another_network();
        let more = match self.policy.patience {
            _ if self.other_networks >= REPLICAS || !may_help => false,
            Some(patience) => now + pause < first + patience,
            None => self.failures < ATTEMPTS,
        };
        let in_time = self.deadline.is_none_or(|deadline| now + pause < deadline);
        (more && in_time).then_some(pause)
    }
}

/// Makes an idempotent unary call, within `limit`, retries and pauses included.
pub(crate) async fn unary<T, R, F, C>(
    pool: &Pool,
    policy: &Policy,
    limit: Duration,
    message: T,
    mut call: F,
) -> Result<R, ClientError>
where
    T: Clone,
    R: Send + 'static,
    F: FnMut(Channel, Request<T>) -> C,
    C: Future<Output = Result<Response<R>, Status>> + Send + 'static,
{
    let deadline = Instant::now() + limit;
    let mut retries = Retries::until(policy, deadline);
    loop {
        let replica = pool.take();
        let mut request = replica.request(message.clone());
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        let connection = replica.connection();
        let answer = accepted(call(connection.channel.clone(), request));
        let error = match timeout_at(deadline, answer).await {
            Ok(Ok(response)) => {
                policy.budget.succeeded();
                replica.succeeded();
                return Ok(response.into_inner());
            }
            Ok(Err(status)) => connection.error(&status),
            Err(_) => deadline_error(connection, limit),
        };
        replica.failed(&error);
        drop(replica);
        retries.pause_after(error).await?;
    }
}

/// The error of a wait that exceeded its limit.
pub(crate) fn deadline_error(connection: &Connection, limit: Duration) -> ClientError {
    ClientError::Deadline {
        url: connection.url.to_string(),
        limit,
    }
}

/// Half to all of an exponential backoff, so that clients that failed together do not retry together.
fn pause(attempt: u32, asked: Option<Duration>) -> Duration {
    let backoff = (FIRST_BACKOFF * 2u32.saturating_pow(attempt - 1)).min(LAST_BACKOFF);
    backoff
        .mul_f64(rand::random_range(0.5..1.0))
        .max(asked.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn outcome(
        answers: &[Result<u8, Code>],
        limit: Duration,
        patience: Option<Duration>,
    ) -> (usize, Result<u8, ClientError>) {
        let pool = Pool::lazy("localhost:1", &crate::Credentials::default()).unwrap();
        let policy = Policy {
            patience,
            ..Policy::default()
        };
        let mut calls = 0;
        let result = unary(&pool, &policy, limit, (), |_, _| {
            let answer = answers[calls.min(answers.len() - 1)];
            calls += 1;
            let answer = answer
                .map(Response::new)
                .map_err(|code| Status::new(code, "no"));
            std::future::ready(answer)
        })
        .await;
        (calls, result)
    }

    #[tokio::test]
    async fn overload_is_retried_and_a_bad_request_is_not() {
        let limit = Duration::from_secs(10);
        let (calls, result) = outcome(
            &[Err(Code::Unavailable), Err(Code::ResourceExhausted), Ok(3)],
            limit,
            None,
        )
        .await;
        assert_eq!((calls, result.unwrap()), (3, 3));
        let (calls, result) = outcome(&[Err(Code::InvalidArgument)], limit, None).await;
        assert_eq!(
            (calls, result.unwrap_err().code()),
            (1, Code::InvalidArgument)
        );
        let (calls, result) = outcome(&[Err(Code::Unavailable)], limit, None).await;
        assert_eq!((calls, result.unwrap_err().code()), (4, Code::Unavailable));
    }

    #[tokio::test]
    async fn a_patient_client_tries_for_as_long_as_it_has_patience() {
        let limit = Duration::from_secs(10);
        let answers = [Err(Code::Unavailable); 5];
        let patience = Some(Duration::from_millis(150));
        let (calls, result) = outcome(&answers, limit, patience).await;
        assert!((2..=3).contains(&calls), "{calls}");
        assert_eq!(result.unwrap_err().code(), Code::Unavailable);
    }

    #[tokio::test]
    async fn no_pause_exceeds_the_deadline() {
        let limit = Duration::from_millis(20);
        let patience = Some(Duration::from_secs(9));
        let (calls, result) = outcome(&[Err(Code::Unavailable)], limit, patience).await;
        assert_eq!((calls, result.unwrap_err().code()), (1, Code::Unavailable));
    }

    #[test]
    fn the_service_may_ask_for_a_longer_pause() {
        assert_eq!(
            pause(1, Some(Duration::from_secs(3))),
            Duration::from_secs(3)
        );
        assert!(pause(40, None) <= LAST_BACKOFF);
    }
}
