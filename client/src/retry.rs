//! Retries, where they are safe and useful.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Code, Request, Response, Status};

use crate::{ClientError, channel::Connection};

const ATTEMPTS: u32 = 4;
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(2);

/// Makes an idempotent unary call, at most four times within `limit`, retries and pauses included.
///
/// Retries only UNAVAILABLE and RESOURCE_EXHAUSTED, with which a service has not done the work. The pause is a random
/// share of 100 ms, 200 ms, ... and at least the delay that the service asked for.
pub(crate) async fn unary<T, R, F, C>(
    connection: &Connection,
    limit: Duration,
    message: T,
    mut call: F,
) -> Result<R, ClientError>
where
    T: Clone,
    F: FnMut(Request<T>) -> C,
    C: Future<Output = Result<Response<R>, Status>>,
{
    let deadline = Instant::now() + limit;
    for attempt in 1.. {
        let mut request = Request::new(message.clone());
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        let error = match timeout_at(deadline, call(request)).await {
            Ok(Ok(response)) => return Ok(response.into_inner()),
            Ok(Err(status)) => connection.error(&status),
            Err(_) => return Err(deadline_error(connection, limit)),
        };
        let pause = pause(attempt, error.retry_after());
        if attempt == ATTEMPTS || !retryable(error.code()) || Instant::now() + pause >= deadline {
            return Err(error);
        }
        tracing::debug!(%error, attempt, ?pause, "retrying");
        sleep(pause).await;
    }
    unreachable!("the last attempt returns")
}

/// The error of a wait that exceeded its limit.
pub(crate) fn deadline_error(connection: &Connection, limit: Duration) -> ClientError {
    ClientError::Deadline {
        url: connection.url.to_string(),
        limit,
    }
}

fn retryable(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::ResourceExhausted)
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
    ) -> (usize, Result<u8, ClientError>) {
        let connection = Connection::lazy("localhost:1").unwrap();
        let mut calls = 0;
        let result = unary(&connection, limit, (), |_| {
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
        )
        .await;
        assert_eq!((calls, result.unwrap()), (3, 3));
        let (calls, result) = outcome(&[Err(Code::InvalidArgument)], limit).await;
        assert_eq!(
            (calls, result.unwrap_err().code()),
            (1, Code::InvalidArgument)
        );
        let (calls, result) = outcome(&[Err(Code::Unavailable)], limit).await;
        assert_eq!((calls, result.unwrap_err().code()), (4, Code::Unavailable));
    }

    #[tokio::test]
    async fn no_pause_exceeds_the_deadline() {
        let (calls, result) = outcome(&[Err(Code::Unavailable)], Duration::from_millis(20)).await;
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
