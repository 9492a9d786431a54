//! Progress bars of one inversion or many, on stderr, if it is a terminal.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use deepface_client::{Event, v1};
use indicatif::{ProgressBar, ProgressStyle};

/// Time between two turns of the spinner, which shows until the work begins.
const SPIN: Duration = Duration::from_millis(120);
const TEMPLATE: &str = "{msg:>12} [{bar:32}] {pos}/{len}  {elapsed} elapsed, {eta} left";
/// Many faces are counted in steps, so that the bar moves from the first one on.
const MANY: &str = "{msg:>16} [{bar:32}] {percent:>3} %  {elapsed} elapsed, {eta} left";

/// A progress bar with the loss; nothing if stderr is not a terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar that shows `waiting` until the work begins.
    pub(crate) fn new(waiting: &'static str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(waiting);
        bar.enable_steady_tick(SPIN);
        Self(bar)
    }

    /// Shows an event of the stream.
    pub(crate) fn event(&self, event: &Event) {
        match event {
            Event::Started(started) => begin(&self.0, TEMPLATE, steps(started)),
            Event::Iterate(iterate) => self.step(iterate),
            Event::Result(_) => {}
        }
    }

    fn step(&self, iterate: &v1::Iterate) {
        let loss = iterate.loss.unwrap_or_default().total;
        self.0.set_message(format!("loss {loss:.4}"));
        self.0
            .set_position(u64::try_from(iterate.step).unwrap_or_default());
    }
}

impl Drop for Progress {
    /// Removes the bar, however the work ended: the output takes its place.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A progress bar of many faces; nothing if stderr is not a terminal.
pub(crate) struct ManyProgress {
    bar: ProgressBar,
    /// What is counted: faces, or frames.
    what: &'static str,
    total: usize,
    done: AtomicUsize,
}

impl ManyProgress {
    /// A bar of `total` things.
    pub(crate) fn new(total: usize, what: &'static str) -> Self {
        let bar = ProgressBar::new_spinner().with_message("starting");
        bar.enable_steady_tick(SPIN);
        Self {
            bar,
            what,
            total,
            done: AtomicUsize::new(0),
        }
    }

    /// Follows the stream of one of them.
    pub(crate) fn follow(&self) -> impl FnMut(&Event) {
        let (mut before, mut all) = (0, 0);
        move |event| match event {
            Event::Started(started) => {
                all = steps(started);
                self.begin(all);
            }
            Event::Iterate(iterate) => {
                let step = u64::try_from(iterate.step).unwrap_or_default();
                self.bar.inc(step.saturating_sub(before));
                before = step.max(before);
            }
            Event::Result(_) => {
                self.bar.inc(all.saturating_sub(before));
                self.done.fetch_add(1, Ordering::Relaxed);
                self.say();
            }
        }
    }

    /// Learns from the first stream how many steps each face takes.
    fn begin(&self, steps: u64) {
        if self.bar.length().is_none() {
            begin(&self.bar, MANY, self.total as u64 * steps);
            self.say();
        }
    }

    fn say(&self) {
        let (done, total, what) = (self.done.load(Ordering::Relaxed), self.total, self.what);
        self.bar.set_message(format!("{done}/{total} {what}"));
    }
}

impl Drop for ManyProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Turns a spinner into a bar.
fn begin(bar: &ProgressBar, template: &str, length: u64) {
    bar.disable_steady_tick();
    bar.set_length(length);
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    bar.set_style(style.progress_chars("=> "));
    bar.reset_elapsed();
}

fn steps(started: &v1::Started) -> u64 {
    let settings = started.settings.as_ref();
    let inversion = settings.and_then(|settings| settings.inversion);
    let steps = inversion.and_then(|inversion| inversion.steps);
    u64::try_from(steps.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(steps: i32, shown: &[i32]) -> Vec<Event> {
        let inversion = v1::InversionSettings {
            steps: Some(steps),
            ..Default::default()
        };
        let settings = v1::GenerationSettings {
            inversion: Some(inversion),
            ..Default::default()
        };
        let started = Event::Started(v1::Started {
            settings: Some(settings),
            ..Default::default()
        });
        let iterate = |&step: &i32| {
            Event::Iterate(v1::Iterate {
                step,
                ..Default::default()
            })
        };
        let result = Event::Result(v1::Result::default());
        [started]
            .into_iter()
            .chain(shown.iter().map(iterate))
            .chain([result])
            .collect()
    }

    #[test]
    fn many_faces_are_one_bar_of_their_steps() {
        let progress = ManyProgress::new(3, "faces");
        for shown in [&[10, 20, 25][..], &[1], &[]] {
            let mut follow = progress.follow();
            events(25, shown).iter().for_each(&mut follow);
        }
        assert_eq!(progress.bar.length(), Some(75));
        assert_eq!(progress.bar.position(), 75);
        assert_eq!(progress.bar.message(), "3/3 faces");
    }
}
