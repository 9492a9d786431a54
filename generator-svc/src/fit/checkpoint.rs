//! A fit that can be resumed: all sums so far, written whole or not at all, beside the output.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use deepface_dataset::Photograph;
use deepface_files::{
    Destination, DoubleArray, Existing, Tensors, sha256_of, tensors_digest, write_tensors,
};

use super::args::FitArgs;
use super::sums::{Pass, Sums};

/// How often the sums are kept.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);
/// Of the time, at most one part in so many goes into writing: the sums of VGG-Face take over 1 GB.
const SHARE: u32 = 20;
/// Most intervals between two times: on a slow disk, losing less is worth more.
const RAREST: u32 = 60;

/// The identity of a fit: its settings, its classifier and its photographs. A checkpoint of another one is of no use.
pub(super) fn identity(
    args: &FitArgs,
    classifier: &str,
    decoder: Option<&str>,
    splits: [&[&Photograph]; 2],
) -> String {
    let counts = splits.map(<[_]>::len);
    // Neither what happens to an earlier result nor who computes makes another fit.
    let args = FitArgs {
        force: false,
        classifier: Vec::new(),
        access: Default::default(),
        ..args.clone()
    };
    let all = sha256_of(splits.into_iter().flatten().map(|p| p.identity()));
    format!("{args:?} of {classifier} on {counts:?} photographs {all} with {decoder:?}")
}

/// How far a fit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) pass: Pass,
    /// Photographs of this pass that are summed.
    pub(super) photographs: usize,
}

/// Before the first photograph.
const START: Position = Position {
    pass: Pass::First,
    photographs: 0,
};

/// Where the sums of one fit are kept.
pub(super) struct Checkpoint {
    /// `None` where the output is not a file, beside which another could lie.
    path: Option<PathBuf>,
    identity: String,
    interval: Duration,
    /// When the sums are kept next.
    due: Instant,
}

impl Checkpoint {
    /// Beside the output, at most once in this interval. A checkpoint that is there must be of the same fit.
    ///
    /// # Errors
    /// It is of another one, or cannot be read.
    pub(super) fn beside(
        output: &Destination,
        identity: String,
        interval: Duration,
    ) -> anyhow::Result<Self> {
        let path = output.path().with_extension("checkpoint");
        let path = output.is_file().then_some(path);
        if path.is_none() {
            deepface_files::note!(
                "--output is not a file: the fit writes no checkpoint, and cannot be resumed"
            );
        }
        let checkpoint = Self {
            path,
            identity,
            interval,
            due: Instant::now() + interval,
        };
        // Before minutes of work on images.
        if let Some(file) = checkpoint.read()? {
            checkpoint.open(&file)?;
        }
        Ok(checkpoint)
    }

    /// Replaces the sums by those of the checkpoint, if there is one, and says where to go on.
    ///
    /// # Errors
    /// It is damaged, or cannot be read.
    pub(super) fn resume(&self, sums: &mut Sums<'_>) -> anyhow::Result<Position> {
        let Some(file) = self.read()? else {
            return Ok(START);
        };
        let (tensors, at) = self.open(&file)?;
        ensure!(
            at.photographs <= sums.photographs(at.pass).len(),
            self.damaged()
        );
        let damaged = || self.damaged();
        tensors
            .check_digest(Some(tensors.text("sums").with_context(damaged)?))
            .with_context(damaged)?;
        for (i, part) in sums.parts_mut().into_iter().enumerate() {
            let kept = tensors.doubles(&i.to_string(), &[part.len()]);
            part.copy_from_slice(&kept.with_context(damaged)?);
        }
        tensors.check_all_taken().with_context(damaged)?;
        let (pass, n) = (at.pass as usize + 1, at.photographs);
        let from = self.name();
        deepface_files::note!("resuming pass {pass} after photograph {n} from {from}");
        Ok(at)
    }

    /// Keeps the sums if it is time to.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn keep(&mut self, at: Position, sums: &mut Sums<'_>) -> anyhow::Result<()> {
        let Some(path) = self.path.as_deref().filter(|_| self.due <= Instant::now()) else {
            return Ok(());
        };
        let began = Instant::now();
        let parts = sums.parts_mut();
        let numbered = parts.iter().enumerate();
        let arrays = numbered.map(|(i, part)| (i.to_string(), DoubleArray::of(part)));
        let arrays: Vec<_> = arrays.collect();
        let texts = HashMap::from([
            ("run".to_owned(), self.identity.clone()),
            ("pass".to_owned(), (at.pass as usize).to_string()),
            ("photographs".to_owned(), at.photographs.to_string()),
            ("sums".to_owned(), tensors_digest(&arrays)),
        ]);
        let destination = Destination::check(path, &[], Existing::Replace)?;
        write_tensors(&destination, arrays, texts)?;
        let seldom = SHARE * began.elapsed();
        let pause = seldom.clamp(self.interval, RAREST * self.interval);
        self.due = Instant::now() + pause;
        Ok(())
    }

    /// Removes the checkpoint of a fit that is finished.
    ///
    /// # Errors
    /// It is there, but cannot be removed.
    pub(super) fn remove(&self) -> anyhow::Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(e).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// The bytes of the file, if there is one.
    fn read(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(path) = &self.path else {
            return Ok(None);
        };
        match fs::read(path) {
            Ok(file) => Ok(Some(file)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// The sums in a file of this fit, and how far it was.
    fn open<'f>(&self, file: &'f [u8]) -> anyhow::Result<(Tensors<'f>, Position)> {
        let damaged = || self.damaged();
        let tensors = Tensors::open(file).with_context(damaged)?;
        let run = tensors.text("run").with_context(damaged)?;
        if run != self.identity {
            bail!(
                "{} belongs to another run ({run}), this one is {}; delete it to start over",
                self.name(),
                self.identity
            );
        }
        let number = |key: &str| tensors.text(key).and_then(|text| text.parse().ok());
        let pass: usize = number("pass").with_context(damaged)?;
        let at = Position {
            pass: *Pass::ALL.get(pass).with_context(damaged)?,
            photographs: number("photographs").with_context(damaged)?,
        };
        Ok((tensors, at))
    }

    fn damaged(&self) -> String {
        format!("{} is damaged; delete it to start over", self.name())
    }

    fn name(&self) -> String {
        let path = self.path.as_ref();
        path.map_or_else(String::new, |path| path.display().to_string())
    }
}
