//! The inputs of a step: pixels where all stages learn, else the activations of the stages that do not, computed
//! every time or once.

use std::path::Path;

use anyhow::Context;
use deepface_files::sha256;
use indicatif::{ProgressBar, ProgressStyle};
use rand::RngExt;
use rayon::prelude::*;

use super::{
    cache::Cache,
    data::{Faces, Photographs},
    frozen::Frozen,
    random::Random,
};
use crate::Preprocessing;

/// Where the inputs of a step come from.
pub(super) enum Source {
    /// Random views of photographs.
    Pixels,
    /// Activations of random views below the stages that learn.
    Fresh(Box<Frozen>),
    /// Activations of fixed views below the stages that learn, from the disk.
    Cached(Cached),
}

impl Source {
    /// The inputs for a step with some photographs, one after the other, in random views.
    ///
    /// # Errors
    /// The cache cannot be read, or is damaged.
    pub(super) fn inputs(
        &mut self,
        photographs: &Photographs,
        preprocessing: &Preprocessing,
        indices: &[usize],
        random: Random,
    ) -> anyhow::Result<Vec<f32>> {
        let views = || photographs.views(preprocessing, indices, random);
        match self {
            Self::Pixels => Ok(views()),
            Self::Fresh(lower) => Ok(lower.activations(&views())),
            Self::Cached(cached) => cached.inputs(indices, random),
        }
    }
}

/// What is computed once: fixed views of the training photographs, and the faces to measure with.
pub(super) struct Views<'a> {
    pub(super) photographs: &'a Photographs,
    pub(super) faces: &'a Faces,
    pub(super) preprocessing: &'a Preprocessing,
    /// Views of a photograph.
    pub(super) count: usize,
    /// Decides the views beyond the second.
    pub(super) seed: u64,
}

impl Views<'_> {
    fn len(&self) -> usize {
        self.photographs.len() * self.count + self.faces.truth.len()
    }

    /// Everything that decides what the views are.
    fn content(&self) -> String {
        let count = self.count;
        // Files that say "seed" have views by the random numbers of an older version.
        let random = match count > 2 {
            true => format!("key {}", self.seed),
            false => "seed 0".into(),
        };
        let pictures = self
            .photographs
            .digests()
            .into_iter()
            .chain(self.faces.digests());
        let pictures: String = pictures.collect();
        format!(
            "views {count} {random} pictures {}",
            sha256(pictures.as_bytes())
        )
    }

    /// Writes a view as the network expects it: first those of the photographs, then the faces.
    fn write(&self, at: usize, out: &mut [f32]) {
        let (index, view) = (at / self.count, at % self.count);
        if index < self.photographs.len() {
            self.photographs.fixed_view(index, view, self.seed, out);
        } else {
            let face = at - self.photographs.len() * self.count;
            out.copy_from_slice(&self.faces.pixels[face * out.len()..][..out.len()]);
        }
        self.preprocessing.apply(out);
    }
}

/// The activations of [`Views`], from the disk.
pub(super) struct Cached {
    cache: Cache,
    /// Photographs, and views of each.
    photographs: usize,
    views: usize,
}

impl Cached {
    /// Opens the cache and computes the missing records. `stages` identifies the network and the first stage that
    /// learns.
    ///
    /// # Errors
    /// The cache would be too large, or its file cannot be written.
    pub(super) fn open(
        path: &Path,
        limit: u64,
        stages: &str,
        lower: &mut Frozen,
        views: &Views<'_>,
    ) -> anyhow::Result<Self> {
        if let Some(folder) = path.parent() {
            let made = std::fs::create_dir_all(folder);
            made.with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let content = format!("{stages} {}", views.content());
        let size = [views.len(), lower.values];
        let (cache, missing) = Cache::open(path, &content, size, limit)?;
        fill(&cache, &missing, lower, views)?;
        Ok(Self {
            cache,
            photographs: views.photographs.len(),
            views: views.count,
        })
    }

    fn inputs(&self, indices: &[usize], random: Random) -> anyhow::Result<Vec<f32>> {
        self.views(indices, |index| {
            random.stream(index).random_range(0..self.views)
        })
    }

    /// The inputs for some photographs; `view` says which view of each.
    ///
    /// # Errors
    /// The cache cannot be read, or is damaged.
    pub(super) fn views(
        &self,
        indices: &[usize],
        view: impl Fn(usize) -> usize,
    ) -> anyhow::Result<Vec<f32>> {
        let record = |&index: &usize| index * self.views + view(index);
        self.read(indices.iter().map(record).collect())
    }

    /// The inputs for some of the faces.
    ///
    /// # Errors
    /// The cache cannot be read, or is damaged.
    pub(super) fn faces(&self, faces: std::ops::Range<usize>) -> anyhow::Result<Vec<f32>> {
        let first = self.photographs * self.views;
        self.read(faces.map(|face| first + face).collect())
    }

    fn read(&self, records: Vec<usize>) -> anyhow::Result<Vec<f32>> {
        let read = records.into_par_iter().map(|at| self.cache.get(at));
        Ok(read.collect::<anyhow::Result<Vec<_>>>()?.concat())
    }
}

fn fill(
    cache: &Cache,
    missing: &[usize],
    lower: &mut Frozen,
    views: &Views<'_>,
) -> anyhow::Result<()> {
    let style = "frozen stages [{bar:40}] {pos}/{len} views, {per_sec}, {eta} left";
    let style = ProgressStyle::with_template(style)?.progress_chars("=> ");
    let bar = ProgressBar::new(missing.len() as u64).with_style(style);
    let began = std::time::Instant::now();
    let pixels = views.photographs.pixels();
    for part in missing.chunks(lower.capacity()) {
        let mut images = vec![0.0; part.len() * pixels];
        let both = images.par_chunks_mut(pixels).zip(part);
        both.for_each(|(out, &at)| views.write(at, out));
        let activations = lower.activations(&images);
        let records = activations.par_chunks(lower.values).zip(part);
        records.try_for_each(|(values, &at)| cache.put(at, values))?;
        bar.inc(part.len() as u64);
    }
    bar.finish_and_clear();
    if !missing.is_empty() {
        let (n, rate) = (
            missing.len(),
            missing.len() as f64 / began.elapsed().as_secs_f64(),
        );
        deepface_files::note!("computed the frozen stages for {n} views, {rate:.1} views/s");
    }
    Ok(())
}
