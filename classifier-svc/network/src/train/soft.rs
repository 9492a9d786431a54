//! Soft labels: scores as probabilities, for label files that say how sure they are.

use deepface_dataset::Photograph;

/// The logit of a score that is as far from 0 as its attribute's scores are on average.
const TYPICAL: f32 = 2.0;

/// The probability that each attribute is present, per photograph: the logistic function of its score, which is measured in
/// units of the attribute's mean distance from 0.
pub(super) fn probabilities(photographs: &[&Photograph]) -> Vec<Vec<f32>> {
    let attributes = photographs.first().map_or(0, |p| p.scores.len());
    let mut units = vec![0.0_f64; attributes];
    for photograph in photographs {
        let both = units.iter_mut().zip(&photograph.scores);
        both.for_each(|(unit, &score)| *unit += f64::from(score.abs()));
    }
    let count = photographs.len() as f64;
    let units: Vec<f32> = units.iter().map(|unit| (unit / count) as f32).collect();
    let probability = |(&score, &unit): (&f32, &f32)| {
        let logit = TYPICAL * score / unit.max(f32::MIN_POSITIVE);
        1.0 / (1.0 + (-logit).exp())
    };
    let soft = |p: &&Photograph| p.scores.iter().zip(&units).map(probability).collect();
    photographs.iter().map(soft).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_counts_in_units_of_its_attribute() {
        let photograph = |scores: [f32; 2]| {
            let mut p = Photograph::new("a.jpg".into(), "Ada", vec![false; 2]);
            p.scores = scores.to_vec();
            p
        };
        let all = [photograph([0.5, -3.0]), photograph([-1.5, 0.0])];
        let soft = probabilities(&all.iter().collect::<Vec<_>>());
        let logistic = |x: f32| 1.0 / (1.0 + (-x).exp());
        // The mean distances from 0 are 1 and 1.5.
        let expected = [
            [logistic(1.0), logistic(-4.0)],
            [logistic(-3.0), logistic(0.0)],
        ];
        assert_eq!(soft, expected);
        assert_eq!(
            probabilities(&[&photograph([0.0; 2])]),
            [[0.5; 2]],
            "scores of 0 decide nothing"
        );
    }
}
