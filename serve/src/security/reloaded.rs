//! A value made from files, and made anew when they change.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crate::ServeError;

/// How often the files are read. They are small, and names, times and links can all deceive.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long changed files must stay as they are before they count. Whoever writes over a file in place leaves it empty,
/// or half, for a moment.
const SETTLED: Duration = Duration::from_millis(200);

type Contents = Vec<Vec<u8>>;
type Make<T> = dyn Fn(&[Vec<u8>]) -> Result<T, String> + Send + Sync;

/// A value made from files.
pub(crate) struct Reloaded<T> {
    what: &'static str,
    paths: Vec<PathBuf>,
    make: Box<Make<T>>,
    /// What was read last, whether or not it was good.
    seen: Mutex<Contents>,
    current: RwLock<Arc<T>>,
}

impl<T> Reloaded<T> {
    /// Reads the files and makes the value from their contents, which come in the order of the paths.
    ///
    /// # Errors
    /// A file cannot be read, or the value cannot be made.
    pub(crate) fn load(
        what: &'static str,
        paths: Vec<PathBuf>,
        make: impl Fn(&[Vec<u8>]) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Self, ServeError> {
        let bad = |reason| ServeError::Security { what, reason };
        let contents = read(&paths).map_err(bad)?;
        let value = make(&contents).map_err(bad)?;
        Ok(Self {
            what,
            paths,
            make: Box::new(make),
            seen: Mutex::new(contents),
            current: RwLock::new(Arc::new(value)),
        })
    }

    /// The value of now.
    pub(crate) fn get(&self) -> Arc<T> {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the value anew whenever the files change, for as long as it is polled. Files that are not good, such as
    /// half of a new pair, leave the value as it was.
    pub(crate) async fn follow(&self) {
        let mut unreadable = false;
        loop {
            tokio::time::sleep(INTERVAL).await;
            match self.settled().await {
                Ok(contents) => {
                    unreadable = false;
                    self.update(contents);
                }
                // A file may be away for a moment while it is replaced.
                Err(reason) if !unreadable => {
                    unreadable = true;
                    tracing::warn!("{}: {reason}; keeping the last good ones", self.what);
                }
                Err(_) => {}
            }
        }
    }

    /// What the files contain, once they no longer change.
    async fn settled(&self) -> Result<Contents, String> {
        let mut last = self.read().await?;
        while !self.is_seen(&last) {
            tokio::time::sleep(SETTLED).await;
            let now = self.read().await?;
            if now == last {
                break;
            }
            last = now;
        }
        Ok(last)
    }

    async fn read(&self) -> Result<Contents, String> {
        let paths = self.paths.clone();
        let contents = tokio::task::spawn_blocking(move || read(&paths)).await;
        contents.unwrap_or_else(|error| Err(error.to_string()))
    }

    fn is_seen(&self, contents: &Contents) -> bool {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) == *contents
    }

    fn update(&self, contents: Contents) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == contents {
            return;
        }
        match (self.make)(&contents) {
            Ok(value) => {
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = Arc::new(value);
                tracing::info!("{}: reloaded", self.what);
            }
            Err(reason) => tracing::warn!("{}: {reason}; keeping the last good ones", self.what),
        }
        *seen = contents;
    }
}

fn read(paths: &[PathBuf]) -> Result<Contents, String> {
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    paths.iter().map(read).collect()
}
