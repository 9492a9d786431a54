//! From what one network saw in faces to figures.

use std::collections::BTreeMap;

use deepface_attributes::AttributeId;

use crate::figure::Figure;
use crate::labels::Labels;
use crate::measures::{
    Attribute, KernelDistance, Measure, Neighbours, Samples, Scored, Sources, distance, mean,
    mean_of_references, mean_of_sets, mean_pairwise_distance, mean_vector, neighbours,
};
use crate::report::{AttributeAuc, Variety};
use crate::view::View;

/// What one network saw in a face that was generated from the attributes of a source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// Number of the source.
    pub(crate) set: usize,
    /// Number of the face among those of its set.
    pub(crate) seed: u64,
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

/// What one network saw of the photographs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Photographed<'a> {
    /// Labels of the sources.
    pub(crate) labels: &'a [Labels],
    pub(crate) sources: &'a [View],
    pub(crate) reference_labels: &'a [Labels],
    pub(crate) references: &'a [View],
    pub(crate) mean_face: &'a View,
    /// Embeddings of training people, where they were looked at.
    pub(crate) training: &'a [Vec<f32>],
}

/// One network's scale: what photographs look like to it.
#[derive(Debug)]
pub(crate) struct Scale<'a> {
    of: Photographed<'a>,
    sources: Sources,
    /// Mean distance of the sources from the mean face.
    from_mean_face: f64,
    /// Mean distance of the sources from the nearest training face.
    from_training: Option<f64>,
    embeddings: &'a [Vec<f32>],
    kernel: KernelDistance<'a>,
    /// Of each attribute that the network knows: what it says of each reference, and the reference's label.
    attributes: Vec<(AttributeId, Vec<(f32, bool)>)>,
}

impl<'a> Scale<'a> {
    /// `embeddings` are those of the references.
    pub(crate) fn new(of: Photographed<'a>, embeddings: &'a [Vec<f32>], samples: &Samples) -> Self {
        let sources: Vec<&[f32]> = of.sources.iter().map(|v| &v.embedding[..]).collect();
        let away = sources.iter().map(|e| distance(e, &of.mean_face.embedding));
        let from_training = sources.iter().map(|e| nearest(e, of.training));
        let from_training: Option<Vec<_>> = from_training.collect();
        Self {
            of,
            from_mean_face: mean(away).unwrap_or_default(),
            from_training: from_training.and_then(mean),
            sources: Sources::new(&sources, mean_vector(embeddings)),
            embeddings,
            kernel: KernelDistance::from(embeddings, samples),
            attributes: known(&of),
        }
    }

    /// The measures of faces.
    pub(crate) fn measures(&'a self, faces: &[Seen<'_>]) -> BTreeMap<Figure, Measure<'a>> {
        let embedded = faces.iter().map(|f| (f.set, &f.view.embedding[..]));
        let embedded: Vec<_> = embedded.collect();
        let mut measures = BTreeMap::new();
        let mut per_set = |figure, value: &dyn Fn(usize, &[f32]) -> Option<f64>| {
            let values = embedded.iter().map(|&(set, e)| Some((set, value(set, e)?)));
            if let Some(values) = values.collect::<Option<Vec<_>>>() {
                measures.insert(figure, mean_of_sets(values));
            }
        };
        let mean_face = &self.of.mean_face.embedding;
        per_set(Figure::MeanFaceDistance, &|_, e| {
            Some(distance(e, mean_face) / self.from_mean_face)
        });
        per_set(Figure::TrainingDistance, &|_, e| {
            Some(nearest(e, self.of.training)? / self.from_training?)
        });
        let similar = embedded
            .iter()
            .map(|&(set, e)| (set, self.sources.similarity(e, set)));
        let (cosines, ranks) = similar
            .map(|(set, similarity)| ((set, similarity.cosine), (set, similarity.rank as f64)))
            .unzip();
        measures.insert(Figure::Similarity, mean_of_sets(cosines));
        measures.insert(Figure::Rank, mean_of_sets(ranks));
        let kernel = self.kernel.to(&embedded);
        measures.insert(Figure::Kid, Box::new(move |weights| kernel.at(weights)));
        measures.extend(self.neighbourhood(faces).into_iter().flatten());
        measures.extend(self.shown(faces));
        measures
    }

    /// Precision, recall and coverage, of one face per set.
    fn neighbourhood(&self, faces: &[Seen<'_>]) -> Option<[(Figure, Measure<'a>); 3]> {
        let first: Vec<_> = faces.iter().filter(|face| face.seed == 0).collect();
        let embedded: Vec<&[f32]> = first.iter().map(|f| &f.view.embedding[..]).collect();
        let references: Vec<&[f32]> = self.embeddings.iter().map(|e| &e[..]).collect();
        let Neighbours {
            precise,
            recalled,
            covered,
        } = neighbours(&embedded, &references)?;
        let number = |yes: bool| f64::from(u8::from(yes));
        let numbers = |all: Vec<bool>| all.into_iter().map(number).collect();
        let precise = first.iter().zip(precise);
        let precise = precise.map(|(face, yes)| (face.set, number(yes)));
        Some([
            (Figure::Precision, mean_of_sets(precise.collect())),
            (Figure::Recall, mean_of_references(numbers(recalled))),
            (Figure::Coverage, mean_of_references(numbers(covered))),
        ])
    }

    /// What needs attributes.
    fn shown(&'a self, faces: &[Seen<'_>]) -> Vec<(Figure, Measure<'a>)> {
        let attributes = self.scored(faces);
        if attributes.is_empty() {
            return Vec::new();
        }
        let requested = faces.iter().flat_map(|face| {
            let asked = self.of.labels[face.set].all(true);
            asked.filter_map(|a| Some((face.set, f64::from(face.view.probability(a)?))))
        });
        let requested = mean_of_sets(requested.collect());
        let attributes = std::sync::Arc::new(attributes);
        let off = |asked| -> Measure<'a> {
            let attributes = attributes.clone();
            Box::new(move |weights| {
                let excess = attributes
                    .iter()
                    .filter_map(|(_, a)| a.excess(asked, weights));
                mean(excess.map(f64::abs))
            })
        };
        let (asked, others) = (off(true), off(false));
        let auc: Measure<'a> =
            Box::new(move |weights| mean(attributes.iter().filter_map(|(_, a)| a.auc(weights))));
        vec![
            (Figure::Auc, auc),
            (Figure::Requested, requested),
            (Figure::RequestedDeviation, asked),
            (Figure::OtherDeviation, others),
        ]
    }

    /// AUC of each attribute that some faces were asked for and some not.
    pub(crate) fn attributes(&self, faces: &[Seen<'_>], samples: &Samples) -> Vec<AttributeAuc> {
        let Some(schema) = self.of.labels.first().map(Labels::schema) else {
            return Vec::new();
        };
        let everybody = samples.all().first();
        let one = |(attribute, scored): (AttributeId, Attribute<'_>)| {
            Some(AttributeAuc {
                name: schema.name(attribute).to_owned(),
                asked: scored.asked(),
                auc: scored.auc(everybody?)?,
            })
        };
        self.scored(faces).into_iter().filter_map(one).collect()
    }

    fn scored(&self, faces: &[Seen<'_>]) -> Vec<(AttributeId, Attribute<'_>)> {
        let mut all = Vec::with_capacity(self.attributes.len());
        for (attribute, references) in &self.attributes {
            let scored = faces.iter().map(|face| {
                Some(Scored {
                    set: face.set,
                    asked: self.of.labels[face.set].has(*attribute),
                    probability: face.view.probability(*attribute)?,
                })
            });
            if let Some(scored) = scored.collect() {
                all.push((*attribute, Attribute::new(scored, references)));
            }
        }
        all
    }
}

/// What a network says of the references' attributes.
fn known(of: &Photographed<'_>) -> Vec<(AttributeId, Vec<(f32, bool)>)> {
    let Some(schema) = of.labels.first().map(Labels::schema) else {
        return Vec::new();
    };
    let one = |attribute: AttributeId| {
        let all = of.references.iter().zip(of.reference_labels);
        let all =
            all.map(|(view, labels)| Some((view.probability(attribute)?, labels.has(attribute))));
        Some((attribute, all.collect::<Option<Vec<_>>>()?))
    };
    schema.all().filter_map(one).collect()
}

/// Distance from the nearest of some vectors; `None` where there are none.
fn nearest(embedding: &[f32], vectors: &[Vec<f32>]) -> Option<f64> {
    let distances = vectors.iter().map(|other| distance(embedding, other));
    distances.min_by(f64::total_cmp)
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
    fn figures_are_of_what_was_asked_for_against_what_was_not() {
        let labels = [labels(&[0, 1]), labels(&[1])];
        let sources = [view([2.0, 0.0], &[]), view([0.0, 4.0], &[])];
        let references = [[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]].map(|e| view(e, &[]));
        let reference_labels = [labels[0].clone(), labels[1].clone(), labels[1].clone()];
        let embeddings = references.each_ref().map(|view| view.embedding.clone());
        let training = [vec![2.0, 3.0], vec![0.0, 2.0]];
        let samples = Samples::new(2, 3);
        let photographed = Photographed {
            labels: &labels,
            sources: &sources,
            reference_labels: &reference_labels,
            references: &references,
            mean_face: &view([0.0, 0.0], &[]),
            training: &training,
        };
        let scale = Scale::new(photographed, &embeddings, &samples);
        let faces = [
            view([1.0, 0.0], &[(0, 0.9), (1, 0.6)]),
            view([1.0, 0.5], &[(0, 0.2), (1, 0.3)]),
        ];
        let seen = [0, 1].map(|set| Seen {
            set,
            seed: 0,
            view: &faces[set],
        });
        let [first] = &scale.attributes(&seen, &samples)[..] else {
            panic!("only the first attribute was asked for by one and not by the other")
        };
        assert_eq!((&*first.name, first.asked, first.auc), ("Male", 0.5, 1.0));
        let measures = scale.measures(&seen);
        let value = |figure| measures[&figure](&samples.all()[0]).unwrap();
        let near = |figure, expected: f64| {
            let value = value(figure);
            assert!((value - expected).abs() < 1e-6, "{figure:?}: {value}");
        };
        near(Figure::Auc, 1.0);
        near(Figure::Requested, (0.9 + 0.6 + 0.3) / 3.0);
        // Of the two attributes that were asked for: 0.9 and 0.45, where photographs have 0.25.
        near(Figure::RequestedDeviation, (0.65 + 0.2) / 2.0);
        // The first was 0.2 where it was not asked for; the other 71 are as in photographs, and all have the second.
        near(Figure::OtherDeviation, 0.05 / 72.0);
        // The first lies towards its source, the second more towards the other's.
        near(Figure::Rank, 1.5);
        near(Figure::Similarity, (1.0 + 0.5 / f64::hypot(1.0, 0.5)) / 2.0);
        let away = (1.0 + f64::hypot(1.0, 0.5)) / 2.0;
        near(Figure::MeanFaceDistance, away / 3.0);
        let own = (f64::hypot(2.0, 2.0) + 2.0) / 2.0;
        let nearest = (f64::hypot(1.0, 2.0) + f64::hypot(1.0, 1.5)) / 2.0;
        near(Figure::TrainingDistance, nearest / own);
        assert!(value(Figure::Kid).is_finite());
        // Too few faces for neighbourhoods.
        assert!(!measures.contains_key(&Figure::Precision));
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
