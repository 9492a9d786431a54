//! Reading all photographs before any work, so that every bad one is known at once.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::{Dataset, Photograph};

/// Most files that a message lists.
const LISTED: usize = 20;

impl Dataset {
    /// Reads and decodes every photograph that is `needed`, so that no bad one is found after hours, and leaves out those that
    /// cannot be read; a remark says how many. `progress` gets how many are done, and how many there are.
    ///
    /// # Errors
    /// There are some, and `skip` is not set: the error lists them.
    pub fn leave_out_unreadable(
        &mut self,
        needed: impl Fn(&Photograph) -> bool,
        skip: bool,
        progress: impl Fn(usize, usize) + Sync,
    ) -> Result<(), Unreadable> {
        let all: Vec<&Photograph> = self.photographs.iter().filter(|p| needed(p)).collect();
        let (done, total) = (AtomicUsize::new(0), all.len());
        let bad = Unreadable::among(&all, || {
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
        });
        let bad = bad.refuse_unless(skip)?;
        if let Some(left_out) = bad.left_out() {
            self.remarks.push(left_out);
            self.photographs.retain(|p| !bad.has(p));
        }
        Ok(())
    }
}

/// The photographs that cannot be used.
#[derive(Clone, Debug, Default)]
pub struct Unreadable {
    /// Why, in the order of the data set; each begins with the file.
    problems: Vec<String>,
    paths: HashSet<PathBuf>,
    checked: usize,
}

impl Unreadable {
    /// Reads and decodes photographs; calls `progress` after each.
    pub fn among(photographs: &[&Photograph], progress: impl Fn() + Sync) -> Self {
        let problem = |p: &&Photograph| {
            let problem = p.image().err().map(|e| (e.to_string(), p.path.clone()));
            progress();
            problem
        };
        let found: Vec<_> = photographs.par_iter().filter_map(problem).collect();
        let (problems, paths) = found.into_iter().unzip();
        Self {
            problems,
            paths,
            checked: photographs.len(),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.problems.len()
    }

    /// Whether a photograph is one of them.
    pub fn has(&self, photograph: &Photograph) -> bool {
        self.paths.contains(&photograph.path)
    }

    /// What to tell the user where they are left out, if there are some.
    pub fn left_out(&self) -> Option<String> {
        match self.count() {
            0 => None,
            1 => Some("1 unreadable photograph left out".into()),
            n => Some(format!("{n} unreadable photographs left out")),
        }
    }

    /// Leaves them out of a list where `skip` allows it, and says how many there are.
    ///
    /// # Errors
    /// There are some, and `skip` is not set: the error lists them.
    pub fn refuse_unless(self, skip: bool) -> Result<Self, Self> {
        if self.problems.is_empty() || skip {
            Ok(self)
        } else {
            Err(self)
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, all) = (self.problems.len(), self.checked);
        write!(
            f,
            "{n} of {all} photographs cannot be used; --skip-unreadable leaves them out:"
        )?;
        for problem in self.problems.iter().take(LISTED) {
            write!(f, "\n  {problem}")?;
        }
        match n.saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl std::error::Error for Unreadable {}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn all_bad_photographs_are_named_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let make = |i: usize| {
            let path = dir.path().join(format!("{i:02}.jpg"));
            match i % 3 {
                0 => {
                    _ = image::RgbImage::new(4, 4).save_with_format(&path, image::ImageFormat::Png)
                }
                1 => std::fs::write(&path, b"<html>404</html>").unwrap(),
                _ => {}
            }
            Photograph::new(path, "Ada", vec![true])
        };
        let all: Vec<Photograph> = (0..36).map(make).collect();
        let all: Vec<&Photograph> = all.iter().collect();
        let done = AtomicUsize::new(0);
        let bad = Unreadable::among(&all, || _ = done.fetch_add(1, Ordering::Relaxed));
        assert_eq!((done.into_inner(), bad.count()), (36, 24));
        assert!(bad.has(all[1]) && bad.has(all[2]) && !bad.has(all[3]));
        let said = bad.left_out().unwrap();
        assert_eq!(said, "24 unreadable photographs left out");
        assert!(Unreadable::default().left_out().is_none());
        assert!(bad.clone().refuse_unless(true).is_ok());
        let said = bad.refuse_unless(false).unwrap_err().to_string();
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines[0].starts_with("24 of 36 photographs cannot be used"));
        assert!(lines[1].contains("01.jpg: ") && lines[2].contains("02.jpg: "));
        assert_eq!((lines.len(), lines[21]), (22, "  and 4 more"));
        assert!(
            Unreadable::among(&all[..1], || ())
                .refuse_unless(false)
                .is_ok()
        );
    }
}
