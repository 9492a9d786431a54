//! The directions of Deep Feature Interpolation (Upchurch et al., CVPR 2017): the mean activation of the photographs that
//! show what is asked for, less that of those that do not, each of the ones that are most like the photograph otherwise.

use std::collections::BTreeMap;
use std::sync::Arc;

use deepface_dataset::{Dataset, Photograph, Split};
use rayon::prelude::*;

use super::wishes::Wish;
use crate::assessment::most_alike;
use crate::blocking;
use crate::error::EvaluateError;
use crate::eyes::Eyes;
use crate::labels::Labels;
use crate::photographs::Subject;
use crate::progress::Watch;

/// K, the photographs behind each mean; the number of the paper.
const NEIGHBOURS: usize = 100;
/// Photographs that are in memory at once.
const BATCH: usize = 32;

/// How much a training photograph counts in each direction: numbers of directions, and weights that add up to 1 for those
/// that show what is asked for, and to -1 for the others.
type Parts = BTreeMap<usize, Vec<(usize, f32)>>;

/// A direction of the layer for each change of a photograph with these labels; empty where the training photographs all
/// show what is asked for, or none does.
///
/// # Errors
/// A photograph cannot be read, or the classifier fails.
pub(super) async fn directions(
    data: &Arc<Dataset>,
    wanted: &[(Wish, Labels)],
    layer: &str,
    eyes: &Eyes,
    watch: &Watch,
) -> Result<Vec<Vec<f32>>, EvaluateError> {
    let photographs: Vec<Photograph> = data.split(Split::Train).cloned().collect();
    let labels = |p: &Photograph| Labels::new(&data.schema, p.labels.clone());
    let labels: Vec<Labels> = photographs.iter().map(labels).collect();
    let parts: Vec<(usize, Vec<(usize, f32)>)> = parts(&labels, wanted).into_iter().collect();
    let mut directions = vec![Vec::new(); wanted.len()];
    for (number, batch) in parts.chunks(BATCH).enumerate() {
        watch.at("looking at neighbours", number * BATCH, parts.len());
        let (schema, own) = (data.schema.clone(), batch.iter());
        let own: Vec<Photograph> = own.map(|(p, _)| photographs[*p].clone()).collect();
        let read = move || {
            let face = |p: &Photograph| Ok(Arc::new(Subject::read(&schema, p)?.0.face));
            let faces = own.par_iter().map(face);
            faces.collect::<Result<Vec<_>, EvaluateError>>()
        };
        let activations = eyes.activations(&blocking(read).await?, layer).await?;
        for ((_, parts), activation) in batch.iter().zip(&activations) {
            for &(number, weight) in parts {
                add(&mut directions[number], weight, activation);
            }
        }
    }
    Ok(directions)
}

fn parts(labels: &[Labels], wanted: &[(Wish, Labels)]) -> Parts {
    let mut parts = Parts::new();
    for (number, (wish, own)) in wanted.iter().enumerate() {
        let Some([with, without]) = neighbours(labels, wish, own, NEIGHBOURS) else {
            continue;
        };
        for (group, sign) in [(with, 1.0), (without, -1.0)] {
            let weight = sign / group.len() as f32;
            for photograph in group {
                parts.entry(photograph).or_default().push((number, weight));
            }
        }
    }
    parts
}

/// Numbers of the `count` photographs that share most labels with `own` and show what is asked for, and of those that do
/// not show it. As everybody in a group is alike in the attribute itself, only the others decide who is near.
fn neighbours(
    labels: &[Labels],
    wish: &Wish,
    own: &Labels,
    count: usize,
) -> Option<[Vec<usize>; 2]> {
    let group = |shown: bool| {
        let numbers = (0..labels.len()).filter(|&i| wish.is_in(&labels[i]) == Some(shown));
        let numbers: Vec<usize> = numbers.collect();
        let group: Vec<Labels> = numbers.iter().map(|&i| labels[i].clone()).collect();
        let near = most_alike(own, &group, count).into_iter();
        Some(near.map(|i| numbers[i]).collect::<Vec<_>>()).filter(|near| !near.is_empty())
    };
    Some([group(true)?, group(false)?])
}

fn add(direction: &mut Vec<f32>, weight: f32, activation: &[f32]) {
    direction.resize(activation.len(), 0.0);
    let both = direction.iter_mut().zip(activation);
    both.for_each(|(d, a)| *d += weight * a);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edits::wishes::WISHES;
    use crate::labels::tests::labels;

    #[test]
    fn neighbours_share_the_other_labels() {
        let [smile, frown, man, glad_man] = [
            labels(&["Smiling"]),
            labels(&[]),
            labels(&["Male"]),
            labels(&["Male", "Smiling"]),
        ];
        let all = [smile, frown, man.clone(), glad_man];
        let near = |count| neighbours(&all, &WISHES[0], &man, count);
        assert_eq!(near(1), Some([vec![3], vec![2]]));
        assert_eq!(near(100), Some([vec![3, 0], vec![2, 1]]));
        assert_eq!(neighbours(&all[1..3], &WISHES[0], &man, 1), None);
    }

    #[test]
    fn a_direction_is_the_difference_of_two_means() {
        let all = [
            labels(&["Smiling"]),
            labels(&["Male", "Smiling"]),
            labels(&[]),
        ];
        let parts = parts(&all, &[(WISHES[0], all[2].clone())]);
        let mut direction = Vec::new();
        for (photograph, parts) in parts {
            let activation = [[1.0, 4.0], [3.0, 0.0], [5.0, 1.0]][photograph];
            parts
                .iter()
                .for_each(|&(_, w)| add(&mut direction, w, &activation));
        }
        assert_eq!(direction, [2.0 - 5.0, 2.0 - 1.0]);
    }
}
