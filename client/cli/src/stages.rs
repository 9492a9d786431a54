//! A progress bar of work in several stages, on stderr, if it is a terminal.

use std::time::Duration;

use deepface_evaluate::{REST, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const TEMPLATE: &str = "{msg:>20} [{bar:32}] {pos}/{len}  {elapsed} elapsed, {eta} left";

/// Time between two drawings of a stage that does not move.
const TICK: Duration = Duration::from_millis(120);

/// A progress bar of work in several stages.
pub(crate) struct Stages(ProgressBar);

impl Stages {
    /// A bar before the first stage.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Receives the progress of each stage.
    pub(crate) fn watch(&self) -> Watch {
        let bar = self.0.clone();
        Watch::new(move |progress| show(&bar, progress))
    }
}

fn show(bar: &ProgressBar, progress: deepface_evaluate::Progress) {
    let (done, total) = (progress.done as u64, progress.total as u64);
    if progress.stage == REST {
        bar.disable_steady_tick();
        bar.set_draw_target(ProgressDrawTarget::hidden());
        bar.set_message(REST);
        return;
    }
    if bar.message() == REST {
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.enable_steady_tick(TICK);
    }
    if bar.message() != progress.stage {
        let style = ProgressStyle::with_template(TEMPLATE);
        let style = style.expect("the template is well formed");
        bar.set_style(style.progress_chars("=> "));
        bar.set_message(progress.stage);
        bar.set_position(done);
        bar.reset_elapsed();
        // Progress of an earlier run says nothing about the speed of this one.
        bar.reset_eta();
    }
    bar.set_length(total);
    bar.set_position(done);
}

impl Drop for Stages {
    /// Removes the bar, even if the work was interrupted.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
