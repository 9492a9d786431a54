//! The threads for arithmetic, so that the threads that serve calls stay free.

use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::{Semaphore, oneshot};

/// A bounded pool of threads. Cheap to clone; clones share it.
///
/// Only as much work begins as there are threads; the rest waits, first come, first served. A thread that waits for the
/// parallel parts of its work would otherwise begin other work meanwhile, within it: then all work that there is would hold
/// its memory at once, and what came first would end last.
#[derive(Clone, Debug)]
pub struct Workers {
    pool: Arc<ThreadPool>,
    begin: Arc<Semaphore>,
}

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
        Ok(Self {
            pool: Arc::new(pool.build()?),
            begin: Arc::new(Semaphore::new(threads)),
        })
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
        let turn = self.begin.clone().acquire_owned().await;
        let turn = turn.map_err(|_| WorkLost)?;
        self.pool.spawn(move || {
            // Also when the work panics.
            let _turn = turn;
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
    use std::sync::atomic::{AtomicUsize, Ordering};
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
    async fn no_more_work_begins_than_there_are_threads() {
        const THREADS: usize = 2;
        let workers = Workers::new(THREADS).unwrap();
        // Under way, and the most that ever were.
        let counts = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let work = |_| {
            let counts = counts.clone();
            workers.run(move || {
                let now = 1 + counts.0.fetch_add(1, Ordering::SeqCst);
                counts.1.fetch_max(now, Ordering::SeqCst);
                // Parallel parts, for whose end a thread waits.
                rayon::join(
                    || std::thread::sleep(std::time::Duration::from_millis(1)),
                    || std::thread::sleep(std::time::Duration::from_millis(2)),
                );
                counts.0.fetch_sub(1, Ordering::SeqCst);
            })
        };
        let all = futures_util::future::join_all((0..32).map(work)).await;
        assert!(all.iter().all(Result::is_ok));
        let most = counts.1.load(Ordering::SeqCst);
        assert!(most <= THREADS, "{most} at once");
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
