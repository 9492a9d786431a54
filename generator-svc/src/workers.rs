//! The threads for arithmetic, so that the threads that serve calls stay free.

use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::oneshot;

/// A bounded pool of threads. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct Workers(Arc<ThreadPool>);

/// Work panicked and has no result.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a worker panicked")]
pub struct WorkLost;

impl Workers {
    /// Starts `threads` threads.
    ///
    /// # Errors
    /// The system cannot start them.
    pub fn new(threads: usize) -> Result<Self, ThreadPoolBuildError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("worker-{i}"))
            // Without a handler, a panic would end the process.
            .panic_handler(|_| tracing::error!("a worker panicked"));
        Ok(Self(Arc::new(pool.build()?)))
    }

    /// Runs work on the pool; parallel parts of it stay on the pool, too. Work whose caller is gone does not start.
    ///
    /// # Errors
    /// The work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkLost> {
        let (done, result) = oneshot::channel();
        self.0.spawn(move || {
            if !done.is_closed() {
                // The caller may be gone.
                done.send(work()).ok();
            }
        });
        result.await.map_err(|_| WorkLost)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_runs_on_the_pool_and_leaves_the_calling_thread_free() {
        let workers = Workers::new(3).unwrap();
        let (send, receive) = mpsc::channel();
        let waits = workers.run(move || (receive.recv().unwrap(), rayon::current_num_threads()));
        // The runtime of this test has one thread: work on it would wait for ever.
        let sends = async move { send.send(7).unwrap() };
        assert_eq!(tokio::join!(waits, sends).0.unwrap(), (7, 3));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_workers_continue() {
        let workers = Workers::new(1).unwrap();
        assert!(workers.run(|| panic!("told to")).await.is_err());
        assert_eq!(workers.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn work_whose_caller_is_gone_does_not_start() {
        let workers = Workers::new(1).unwrap();
        let (release, held) = mpsc::channel::<()>();
        let (begun, seen) = mpsc::channel();
        let soon = std::time::Duration::from_millis(20);
        let busy = workers.run(move || held.recv().is_err());
        let mut busy = std::pin::pin!(busy);
        assert!(tokio::time::timeout(soon, &mut busy).await.is_err());
        let abandoned = workers.run(move || begun.send(()).is_ok());
        assert!(tokio::time::timeout(soon, abandoned).await.is_err());
        drop(release);
        assert!(busy.await.unwrap());
        workers.run(|| ()).await.unwrap();
        assert!(seen.try_recv().is_err());
    }
}
