//! From faces to figures.

use deepface_attributes::AttributeId;
use deepface_statistics::auc;

use crate::labels::Labels;
use crate::measures::{
    KernelDistance, Sources, distance, mean, mean_pairwise_distance, mean_vector,
};
use crate::report::{AttributeAuc, Variety, Verdict};
use crate::view::View;

/// What one network saw in a face that was generated from the attributes of a source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// Number of the source.
    pub(crate) set: usize,
    pub(crate) view: &'a View,
}

/// Vectors of the seeds of one request, and what they are compared with.
#[derive(Clone, Debug)]
pub(crate) struct Repeated<'a> {
    /// One per seed.
    pub(crate) seeds: Vec<&'a [f32]>,
    /// Photographs that have nearly the attributes asked for.
    pub(crate) alike: Vec<&'a [f32]>,
}

/// One network's scale: what photographs look like to it.
#[derive(Debug)]
pub(crate) struct Scale<'a> {
    labels: &'a [Labels],
    sources: Sources,
    mean_face: &'a [f32],
    /// Mean distance of the sources from the mean face.
    from_mean_face: f64,
    kernel: Option<KernelDistance<'a>>,
    references: &'a [Vec<f32>],
}

impl<'a> Scale<'a> {
    /// Labels and views of the sources, embeddings of the references and of the mean face.
    pub(crate) fn new(
        labels: &'a [Labels],
        sources: &[View],
        references: &'a [Vec<f32>],
        mean_face: &'a [f32],
    ) -> Self {
        let embeddings: Vec<&[f32]> = sources.iter().map(|v| &v.embedding[..]).collect();
        let away = embeddings.iter().map(|e| distance(e, mean_face));
        Self {
            labels,
            from_mean_face: mean(away).unwrap_or_default(),
            sources: Sources::new(&embeddings, mean_vector(references)),
            mean_face,
            kernel: KernelDistance::from(references),
            references,
        }
    }

    /// The figures of at least one face, and the variety of faces that answer the same request.
    pub(crate) fn verdict(&self, faces: &[Seen<'_>], repeated: &[Repeated<'_>]) -> Verdict {
        let attributes = self.attributes(faces);
        let likenesses = faces
            .iter()
            .map(|f| self.sources.likeness(&f.view.embedding, f.set));
        let likenesses: Vec<_> = likenesses.collect();
        let embeddings: Vec<&[f32]> = faces.iter().map(|f| &f.view.embedding[..]).collect();
        let away = embeddings.iter().map(|e| distance(e, self.mean_face));
        let of = |value: Option<f64>| value.unwrap_or(f64::NAN);
        Verdict {
            auc: mean(attributes.iter().map(|a| a.auc)),
            requested: of(mean(self.requested(faces))),
            similarity: of(mean(likenesses.iter().map(|l| l.cosine))),
            rank: of(mean(likenesses.iter().map(|l| l.rank as f64))),
            kid: self
                .kernel
                .as_ref()
                .and_then(|kernel| kernel.to(&embeddings)),
            mean_face_distance: of(mean(away)) / self.from_mean_face,
            variety: variety(repeated, self.references),
            attributes,
        }
    }

    /// Probabilities of what was asked for, one per face and attribute.
    fn requested(&self, faces: &[Seen<'_>]) -> impl Iterator<Item = f64> {
        faces.iter().flat_map(|face| {
            let asked = self.labels[face.set].all(true);
            asked.filter_map(|attribute| Some(f64::from(face.view.probability(attribute)?)))
        })
    }

    fn attributes(&self, faces: &[Seen<'_>]) -> Vec<AttributeAuc> {
        let Some(schema) = self.labels.first().map(Labels::schema) else {
            return Vec::new();
        };
        let one = |attribute: AttributeId| {
            let scored = |face: &Seen<'_>| {
                let asked = self.labels[face.set].has(attribute);
                Some((face.view.probability(attribute)?, asked))
            };
            let scored: Vec<_> = faces.iter().map(scored).collect::<Option<_>>()?;
            let asked = scored.iter().filter(|(_, asked)| *asked).count();
            Some(AttributeAuc {
                name: schema.name(attribute).to_owned(),
                asked: asked as f64 / faces.len() as f64,
                auc: auc(scored)?,
            })
        };
        schema.all().filter_map(one).collect()
    }
}

/// Mean over the requests with at least two seeds; `None` if there are none.
pub(crate) fn variety<V: AsRef<[f32]>>(
    repeated: &[Repeated<'_>],
    photographs: &[V],
) -> Option<Variety> {
    let measured = repeated.iter().filter_map(|r| {
        let distance = mean_pairwise_distance(&r.seeds)?;
        Some((distance, mean_pairwise_distance(&r.alike)?))
    });
    let measured: Vec<(f64, f64)> = measured.collect();
    let distance = mean(measured.iter().map(|(distance, _)| *distance))?;
    let alike = mean(measured.iter().map(|(_, alike)| *alike))?;
    Some(Variety {
        distance,
        of_photographs: distance / mean_pairwise_distance(photographs)?,
        of_alike: distance / alike,
    })
}

/// Numbers of the `count` photographs whose labels agree most with `wanted`; ties keep their order.
pub(crate) fn most_alike(wanted: &Labels, photographs: &[Labels], count: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..photographs.len()).collect();
    numbers.sort_by_key(|&number| wanted.differences(&photographs[number]));
    numbers.truncate(count);
    numbers
}

#[cfg(test)]
mod tests {
    use deepface_attributes::Schema;

    use super::*;

    fn labels(present: &[usize]) -> Labels {
        let labels = (0..73).map(|i| present.contains(&i));
        Labels::new(&Schema::default(), labels.collect())
    }

    fn view(embedding: [f32; 2], probabilities: &[(usize, f32)]) -> View {
        let mut all = vec![Some(0.25); 73];
        probabilities.iter().for_each(|&(i, p)| all[i] = Some(p));
        View {
            embedding: embedding.to_vec(),
            probabilities: all,
        }
    }

    #[test]
    fn a_verdict_is_what_was_asked_for_against_what_was_not() {
        let labels = [labels(&[0, 1]), labels(&[1])];
        let sources = [view([2.0, 0.0], &[]), view([0.0, 4.0], &[])];
        let references = [vec![1.0, 0.0], vec![-1.0, 0.0], vec![0.0, 0.0]];
        let scale = Scale::new(&labels, &sources, &references, &[0.0, 0.0]);
        let faces = [
            view([1.0, 0.0], &[(0, 0.9), (1, 0.6)]),
            view([1.0, 0.5], &[(0, 0.2), (1, 0.3)]),
        ];
        let seen = [0, 1].map(|set| Seen {
            set,
            view: &faces[set],
        });
        let verdict = scale.verdict(&seen, &[]);
        // Only the first attribute was asked for by one and not by the other.
        let [first] = &verdict.attributes[..] else {
            panic!("{verdict:?}")
        };
        assert_eq!((first.asked, first.auc), (0.5, 1.0));
        assert_eq!(first.name, "Male");
        assert_eq!(verdict.auc, Some(1.0));
        assert!((verdict.requested - (0.9 + 0.6 + 0.3) / 3.0).abs() < 1e-6);
        // The first lies towards its source, the second more towards the other's.
        assert_eq!(verdict.rank, 1.5);
        let cosine = 0.5 / f64::hypot(1.0, 0.5);
        assert!((verdict.similarity - (1.0 + cosine) / 2.0).abs() < 1e-6);
        let away = (1.0 + f64::hypot(1.0, 0.5)) / 2.0;
        assert!((verdict.mean_face_distance - away / 3.0).abs() < 1e-6);
        assert!(verdict.kid.is_some() && verdict.variety.is_none());
    }

    #[test]
    fn variety_is_relative_to_photographs() {
        let repeated = [
            Repeated {
                seeds: vec![&[0.0], &[1.0]],
                alike: vec![&[0.0], &[2.0]],
            },
            Repeated {
                seeds: vec![&[0.0], &[3.0]],
                alike: vec![&[0.0], &[6.0]],
            },
        ];
        let variety = variety(&repeated, &[[0.0], [8.0]]).unwrap();
        let figures = (variety.distance, variety.of_photographs, variety.of_alike);
        assert_eq!(figures, (2.0, 0.25, 0.5));
    }

    #[test]
    fn photographs_with_nearly_these_labels_are_found() {
        let photographs = [
            labels(&[5]),
            labels(&[1, 2, 3]),
            labels(&[1, 2]),
            labels(&[1, 2, 4]),
        ];
        assert_eq!(most_alike(&labels(&[1, 2, 3]), &photographs, 3), [1, 2, 3]);
    }
}
