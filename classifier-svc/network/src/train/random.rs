//! Random numbers of training: every use has a stream of its own.

use deepface_statistics::standard_normal;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What random numbers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Initial weights; the index is the stage.
    Weights = 1,
    /// The order of the photographs; the index is the epoch.
    Order = 2,
    /// Views of photographs, or which of their fixed views; the index is the step.
    View = 3,
    /// Blends of photographs; the index is the step.
    Mixup = 4,
    /// Features that are left out; the index is the step.
    Dropout = 5,
    /// Views that the moments of batch normalisation are measured on; the index is the batch.
    Moments = 6,
    /// Fixed views of photographs; the index is the photograph.
    FixedView = 7,
}

/// Where random numbers come from: streams that the seed of the run, the purpose and an index decide. Other seeds,
/// purposes and indices have other streams: each is the key of a cipher, and no two keys are alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random {
    seed: u64,
    purpose: Purpose,
    index: u64,
    part: u64,
}

impl Random {
    /// The streams of a seed for a purpose and an index.
    pub(crate) fn new(seed: u64, purpose: Purpose, index: usize) -> Self {
        Self {
            seed,
            purpose,
            index: index as u64,
            part: 0,
        }
    }

    /// The streams of a part, such as a stage in a step; the whole has those of part 0.
    pub(crate) fn part(self, part: usize) -> Self {
        Self {
            part: part as u64,
            ..self
        }
    }

    /// The stream with this number, such as that of a photograph in a step.
    pub(crate) fn stream(self, number: usize) -> ChaCha8Rng {
        let mut key = [0; 32];
        let words = [self.seed, self.purpose as u64, self.index, self.part];
        for (bytes, word) in key.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        let mut stream = ChaCha8Rng::from_seed(key);
        stream.set_stream(number as u64);
        stream
    }
}

/// Independent normal values of mean 0.
pub(crate) fn normal(random: &mut impl Rng, n: usize, deviation: f32) -> Vec<f32> {
    (0..n)
        .map(|_| deviation * standard_normal(random))
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashSet;

    use rand::RngExt;

    use super::*;

    /// Normal values to test with, which a number decides.
    pub(in crate::train) fn noise(seed: u64, n: usize, deviation: f32) -> Vec<f32> {
        normal(&mut ChaCha8Rng::seed_from_u64(seed), n, deviation)
    }

    const PURPOSES: [Purpose; 7] = [
        Purpose::Weights,
        Purpose::Order,
        Purpose::View,
        Purpose::Mixup,
        Purpose::Dropout,
        Purpose::Moments,
        Purpose::FixedView,
    ];

    #[test]
    fn no_two_streams_are_alike() {
        let mut seen = HashSet::new();
        let mut all = 0;
        // Numbers that sums or exclusive ors of them would mix up.
        let numbers = [0, 1, 2, 3, 18, 19, 1 << 32];
        for seed in numbers.map(|n| n as u64).into_iter().chain([u64::MAX]) {
            for purpose in PURPOSES {
                for index in numbers {
                    for (part, number) in numbers.iter().flat_map(|p| numbers.map(|n| (*p, n))) {
                        let random = Random::new(seed, purpose, index).part(part);
                        let mut stream = random.stream(number);
                        seen.insert([stream.random::<u64>(), stream.random()]);
                        all += 1;
                    }
                }
            }
        }
        assert_eq!(seen.len(), all);
    }

    #[test]
    fn a_stream_is_the_same_again() {
        let draw = || -> u64 {
            let random = Random::new(7, Purpose::View, 3).part(2);
            random.stream(5).random()
        };
        assert_eq!(draw(), draw());
    }
}
