//! The sets S_j of section 3.3.2: as many photographs of each attribute, all of which have it.

use deepface_dataset::{Photograph, Split};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::bench::Bench;

/// The training photographs, and which of them are in the set of each attribute.
pub(crate) struct Sets<'a> {
    pub(crate) photographs: Vec<&'a Photograph>,
    /// Numbers of photographs, by attribute. A set is smaller where fewer photographs have the attribute.
    pub(crate) sets: Vec<Vec<usize>>,
}

/// Draws the sets by the seed of the run.
pub(crate) fn sets<'a>(bench: &'a Bench<'_>) -> Sets<'a> {
    let photographs = bench.photographs(Split::Train);
    let set = |j: usize| {
        let positives = (0..photographs.len()).filter(|&i| photographs[i].labels[j]);
        let mut positives: Vec<usize> = positives.collect();
        let seed = bench.settings.seed.wrapping_mul(1 << 16) + j as u64;
        positives.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        positives.truncate(bench.effort.set);
        positives
    };
    Sets {
        sets: (0..bench.schema().len()).map(set).collect(),
        photographs,
    }
}
