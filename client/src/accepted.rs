//! Calls that live on for a moment when nobody waits for them any more.
//!
//! A server counts streams that were reset before it accepted them, and closes a connection with too many of them: so a
//! few cancelled calls would end all others that share the connection.

use std::{pin::pin, time::Duration};

use tokio::{sync::oneshot, time::timeout};
use tonic::Status;

/// How long a cancelled call may still take until the server has answered.
const GRACE: Duration = Duration::from_secs(1);

/// Waits for the answer of a call. If this is dropped before, the call is cancelled only once it is answered, or after a
/// second.
pub(crate) async fn accepted<T: Send + 'static>(
    call: impl Future<Output = Result<T, Status>> + Send + 'static,
) -> Result<T, Status> {
    let (mut answer, wanted) = oneshot::channel();
    tokio::spawn(async move {
        let mut call = pin!(call);
        tokio::select! {
            result = &mut call => {
                answer.send(result).ok();
            }
            () = answer.closed() => {
                timeout(GRACE, call).await.ok();
            }
        }
    });
    let lost = |_| Err(Status::unavailable("the program is ending"));
    wanted.await.unwrap_or_else(lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_is_no_longer_wanted_is_still_answered() {
        let (answered, heard) = oneshot::channel();
        let call = async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            answered.send(7).ok();
            Ok(())
        };
        let dropped = timeout(Duration::from_millis(5), accepted(call)).await;
        assert!(dropped.is_err());
        assert_eq!(heard.await, Ok(7));
    }
}
