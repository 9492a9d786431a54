//! Figure 3: how faces lie in the space of fc7, before and after fine-tuning: t-SNE for two attributes, as in the paper,
//! and for every attribute a number, which t-SNE does not give.
//!
//! The number is how well the nearest neighbours of a face know its attribute: the share of the `NEIGHBOURS` nearest
//! people that have it, ranked over all people (area under the ROC curve; one half is chance).

use bhtsne::tSNE;
use classifier_svc::source::ModelSource;
use deepface_dataset::{Photograph, Split};
use deepface_network::Model;
use deepface_statistics::{auc, standard_normal};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::transfer;
use crate::activations::{layer, look};
use crate::bench::Bench;
use crate::error::PaperError;

/// The layer.
const LAYER: &str = "fc7";
/// The attributes of the paper's figure: the first forms clusters, the second does not.
pub(crate) const SHOWN: [&str; 2] = ["Youth", "Soft Lighting"];
/// Neighbours that are asked.
const NEIGHBOURS: usize = 15;
/// Perplexity of t-SNE, at most: a third of the people is the largest that it can be.
const PERPLEXITY: f32 = 30.0;

/// The people of the figure, and how they lie in each network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Separability {
    /// All attributes.
    pub attributes: Vec<String>,
    /// Number of people.
    pub people: usize,
    /// The attributes of the plots, and whether each person has them.
    pub shown: Vec<(String, Vec<bool>)>,
    /// One per network.
    pub networks: Vec<Embedding>,
}

/// How people lie in the space of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    /// The network.
    pub network: String,
    /// What neighbours know of each attribute: area under the ROC curve; `None` where all or no people have it.
    pub neighbours: Vec<Option<f64>>,
    /// Mean of those.
    pub mean: f64,
    /// Where t-SNE puts each person.
    pub points: Vec<(f32, f32)>,
}

/// The network before and after fine-tuning, and the one that is served.
///
/// # Errors
/// A photograph cannot be read, or a network is missing.
pub(crate) fn of_networks(bench: &Bench<'_>) -> Result<Separability, PaperError> {
    let before = bench.load(&ModelSource::File(transfer::initial(bench)?.0))?;
    let after = bench.load(&transfer::fine_tuned(bench))?;
    let networks = [
        ("before fine-tuning", before),
        ("after fine-tuning", after),
        ("the served network", bench.served()?),
    ];
    make(
        bench,
        networks
            .map(|(name, model)| (name.to_owned(), model))
            .into(),
    )
}

/// Shows held-out people, and training people if there are too few, to each network.
///
/// # Errors
/// A photograph cannot be read, or a network lacks the layer.
fn make(bench: &Bench<'_>, networks: Vec<(String, Model)>) -> Result<Separability, PaperError> {
    let people = people(bench);
    let mut found = Vec::new();
    for (name, mut model) in networks {
        found.push(embedding(bench, name, &mut model, &people)?);
    }
    let shown = SHOWN.iter().filter_map(|name| {
        let j = bench.attribute(name)?;
        let has = people.iter().map(|p| p.labels[j]).collect();
        Some(((*name).to_owned(), has))
    });
    Ok(Separability {
        attributes: bench.schema().names().map(str::to_owned).collect(),
        people: people.len(),
        shown: shown.collect(),
        networks: found,
    })
}

/// One photograph a person, of test and validation people first: the networks were not trained on them.
fn people<'a>(bench: &'a Bench<'_>) -> Vec<&'a Photograph> {
    let mut rng = ChaCha8Rng::seed_from_u64(bench.settings.seed);
    let mut people = [bench.people(Split::Test), bench.people(Split::Validation)].concat();
    people.truncate(bench.effort.people);
    people.shuffle(&mut rng);
    people
}

fn embedding(
    bench: &Bench<'_>,
    network: String,
    model: &mut Model,
    people: &[&Photograph],
) -> Result<Embedding, PaperError> {
    let layer = layer(model, LAYER)?;
    let mut rows: Vec<Vec<f32>> = Vec::new();
    look(model, people, &[layer], bench.watch, |_, mut all| {
        let all = all.remove(0);
        let size = all.len() / (people.len() - rows.len()).clamp(1, 64);
        rows.extend(all.chunks_exact(size).map(<[f32]>::to_vec));
    })?;
    centre(&mut rows);
    bench.watch.at("t-SNE", 0, 0);
    let neighbours = nearest(&rows);
    let attributes = 0..bench.schema().len();
    let known: Vec<Option<f64>> = attributes
        .into_par_iter()
        .map(|j| knowledge(&neighbours, people, j))
        .collect();
    let told: Vec<f64> = known.iter().copied().flatten().collect();
    Ok(Embedding {
        network,
        mean: told.iter().sum::<f64>() / told.len().max(1) as f64,
        neighbours: known,
        points: tsne(&rows, bench.effort.tsne_steps, bench.settings.seed)?,
    })
}

/// Moves the mean to 0 and every length to 1, so that distances compare angles about the mean, as `compare` does.
fn centre(rows: &mut [Vec<f32>]) {
    let size = rows.first().map_or(0, Vec::len);
    let n = rows.len() as f32;
    let mean: Vec<f32> = (0..size)
        .map(|k| rows.iter().map(|row| row[k]).sum::<f32>() / n)
        .collect();
    for row in rows {
        row.iter_mut().zip(&mean).for_each(|(x, m)| *x -= m);
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= length.max(1e-12));
    }
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f32>().sqrt()
}

/// The nearest other rows of each.
fn nearest(rows: &[Vec<f32>]) -> Vec<Vec<usize>> {
    let of = |i: usize| {
        let others = (0..rows.len()).filter(|&other| other != i);
        let mut others: Vec<_> = others.map(|o| (distance(&rows[i], &rows[o]), o)).collect();
        others.sort_by(|a, b| a.0.total_cmp(&b.0));
        others.into_iter().take(NEIGHBOURS).map(|o| o.1).collect()
    };
    (0..rows.len()).into_par_iter().map(of).collect()
}

/// How well neighbours know an attribute.
fn knowledge(neighbours: &[Vec<usize>], people: &[&Photograph], j: usize) -> Option<f64> {
    let scored = neighbours.iter().zip(people).map(|(near, person)| {
        let votes = near
            .iter()
            .filter(|&&other| people[other].labels[j])
            .count();
        (votes as f32, person.labels[j])
    });
    auc(scored.collect())
}

/// Rows in the plane. The same rows and seed give the same points on the same machine, because one thread alone adds.
///
/// # Errors
/// The thread cannot be started.
fn tsne(rows: &[Vec<f32>], steps: usize, seed: u64) -> Result<Vec<(f32, f32)>, PaperError> {
    if rows.len() < 8 {
        return Ok(vec![(0.0, 0.0); rows.len()]);
    }
    let alone = ThreadPoolBuilder::new().num_threads(1).build();
    let alone = alone.map_err(|e| PaperError::Data(format!("threads: {e}")))?;
    Ok(alone.install(|| placed(rows, steps, seed)))
}

fn placed(rows: &[Vec<f32>], steps: usize, seed: u64) -> Vec<(f32, f32)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let start: Vec<f32> = (0..2 * rows.len())
        .map(|_| 1e-4 * standard_normal(&mut rng))
        .collect();
    let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    let mut tsne: tSNE<'_, f32, &[f32]> = tSNE::new(&rows);
    let perplexity = PERPLEXITY
        .min((rows.len() as f32 - 1.0) / 3.0 - 1.0)
        .max(1.0);
    tsne.perplexity(perplexity)
        .epochs(steps)
        .initial_embedding(start)
        .exact(|a, b| distance(a, b));
    let points = tsne.embedding();
    points.chunks_exact(2).map(|p| (p[0], p[1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two groups of people, far apart; the attribute 0 is the first group's, 1 is anybody's.
    fn groups() -> (Vec<Vec<f32>>, Vec<Photograph>) {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let row = |i: usize, rng: &mut ChaCha8Rng| -> Vec<f32> {
            let middle = if i < 40 { 1.0 } else { -1.0 };
            (0..6)
                .map(|_| middle + 0.1 * standard_normal(rng))
                .collect()
        };
        let mut rows: Vec<_> = (0..80).map(|i| row(i, &mut rng)).collect();
        centre(&mut rows);
        let person = |i: usize| {
            let labels = vec![i < 40, i * 7919 % 11 < 5];
            Photograph::new("none".into(), &i.to_string(), labels)
        };
        (rows, (0..80).map(person).collect())
    }

    #[test]
    fn neighbours_know_what_separates_people_and_nothing_else() {
        let (rows, people) = groups();
        let people: Vec<_> = people.iter().collect();
        let near = nearest(&rows);
        assert_eq!(knowledge(&near, &people, 0), Some(1.0));
        let chance = knowledge(&near, &people, 1).unwrap();
        assert!((0.3..0.7).contains(&chance), "{chance}");
    }

    #[test]
    fn groups_are_apart_in_the_plane_and_points_are_repeated() {
        let (rows, _) = groups();
        let points = tsne(&rows, 300, 1).unwrap();
        assert_eq!(points, tsne(&rows, 300, 1).unwrap());
        let middle = |of: &[(f32, f32)]| {
            let n = of.len() as f32;
            let sum = of.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
            vec![sum.0 / n, sum.1 / n]
        };
        let (a, b) = (middle(&points[..40]), middle(&points[40..]));
        let spread = points[..40].iter().map(|p| distance(&[p.0, p.1], &a));
        let spread = spread.sum::<f32>() / 40.0;
        assert!(distance(&a, &b) > 2.0 * spread, "{a:?} {b:?} {spread}");
    }
}
