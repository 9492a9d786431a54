//! How far the descent is, on stderr, where that is a terminal.

use std::time::Duration;

use deepface_client::v1;
use indicatif::{ProgressBar, ProgressStyle};

const TEMPLATE: &str = "{msg:>12} [{bar:32}] {pos}/{len}  {elapsed} gone, {eta} to go";

/// A progress bar with the loss; nothing at all where stderr is not a terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar that says `waiting` until the work has begun.
    pub(crate) fn new(waiting: &'static str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(waiting);
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// The work has begun.
    pub(crate) fn started(&self, steps: i32) {
        self.0.disable_steady_tick();
        self.0.set_length(u64::try_from(steps).unwrap_or_default());
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is well formed");
        self.0.set_style(style.progress_chars("=> "));
        self.0.reset_elapsed();
    }

    /// A step is done.
    pub(crate) fn step(&self, iterate: &v1::Iterate) {
        let loss = iterate.loss.unwrap_or_default().total;
        self.0.set_message(format!("loss {loss:.4}"));
        self.0
            .set_position(u64::try_from(iterate.step).unwrap_or_default());
    }
}

impl Drop for Progress {
    /// The bar goes, however the work ended: what is printed next belongs in its place.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
