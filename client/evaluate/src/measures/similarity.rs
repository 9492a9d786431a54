//! How similar a face is to the photograph whose attributes it was asked for: of attributes, or of the person, whatever
//! the embedding knows.

/// How similar a face is to the photograph whose attributes it was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Similarity {
    /// Cosine of the two embeddings after the mean embedding is taken away, -1 to 1.
    pub(crate) cosine: f64,
    /// Place of that photograph among all sources, by cosine: 1 is the most similar; ties count against it.
    pub(crate) rank: usize,
}

/// The source photographs' embeddings, seen from the mean embedding of many other photographs.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    mean: Vec<f32>,
    /// Of unit length.
    directions: Vec<Vec<f64>>,
}

impl Sources {
    /// Embeddings of the source photographs, and the mean embedding.
    pub(crate) fn new<V: AsRef<[f32]>>(embeddings: &[V], mean: Vec<f32>) -> Self {
        let directions = embeddings.iter();
        Self {
            directions: directions.map(|e| direction(e.as_ref(), &mean)).collect(),
            mean,
        }
    }

    /// How similar a face is to the source `own`.
    pub(crate) fn similarity(&self, face: &[f32], own: usize) -> Similarity {
        let face = direction(face, &self.mean);
        let cosine = |source: &[f64]| face.iter().zip(source).map(|(a, b)| a * b).sum::<f64>();
        let own = cosine(&self.directions[own]);
        let ahead = self.directions.iter().filter(|s| cosine(s) >= own);
        Similarity {
            cosine: own,
            rank: ahead.count(),
        }
    }
}

/// The direction from the mean, of unit length; zero for the mean itself.
fn direction(embedding: &[f32], mean: &[f32]) -> Vec<f64> {
    let way = embedding.iter().zip(mean);
    let way: Vec<f64> = way.map(|(e, m)| f64::from(e - m)).collect();
    let norm = way.iter().map(|x| x * x).sum::<f64>().sqrt();
    way.iter()
        .map(|x| x / norm.max(f64::MIN_POSITIVE))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_ranked_by_direction_from_the_mean() {
        let sources = [[2.0, 1.0], [1.0, 3.0], [0.0, 1.0]];
        let sources = Sources::new(&sources, vec![1.0, 1.0]);
        // From (1, 1) the face lies at (3, 1): cosines 3 / sqrt 10, 1 / sqrt 10, -3 / sqrt 10.
        let face = [4.0, 2.0];
        let root = 10f64.sqrt();
        for (own, cosine, rank) in [(0, 3.0 / root, 1), (1, 1.0 / root, 2), (2, -3.0 / root, 3)] {
            let similarity = sources.similarity(&face, own);
            assert!((similarity.cosine - cosine).abs() < 1e-12, "{similarity:?}");
            assert_eq!(similarity.rank, rank);
        }
        // The mean itself is like nobody: the worst rank, not the best.
        let nobody = sources.similarity(&[1.0, 1.0], 0);
        assert_eq!(
            nobody,
            Similarity {
                cosine: 0.0,
                rank: 3
            }
        );
    }
}
