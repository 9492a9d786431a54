//! How near a sample is to a normal distribution: moments, the test of D'Agostino and Pearson, and the normal distribution
//! function.

/// Fewest values for the test: its approximations hold from here on.
const FEWEST: usize = 20;

/// The shape of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shape {
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
    /// Third standardised moment.
    pub(crate) skewness: f64,
    /// Fourth standardised moment less 3.
    pub(crate) kurtosis: f64,
    /// Probability of a shape that is at least as far from normal if the distribution is normal.
    pub(crate) p: f64,
}

impl Shape {
    /// Share of the normal distribution with this mean and deviation that is below 0.
    pub(crate) fn below_zero(&self) -> f64 {
        match self.deviation > 0.0 {
            true => cumulative(-self.mean / self.deviation),
            false => f64::from(u8::from(self.mean < 0.0)),
        }
    }
}

/// The shape of a sample. A sample without spread is certainly not normal; one with fewer than 20 values says nothing.
pub(crate) fn shape(values: &[f32]) -> Shape {
    let n = values.len() as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n.max(1.0);
    let moment = |k: i32| {
        let powers = values.iter().map(|&v| (f64::from(v) - mean).powi(k));
        powers.sum::<f64>() / n.max(1.0)
    };
    let variance = moment(2);
    let mut shape = Shape {
        mean,
        deviation: (variance * n / (n - 1.0).max(1.0)).sqrt(),
        skewness: 0.0,
        kurtosis: 0.0,
        p: 0.0,
    };
    if variance > 0.0 {
        shape.skewness = moment(3) / variance.powf(1.5);
        shape.kurtosis = moment(4) / (variance * variance) - 3.0;
        shape.p = dagostino_pearson(shape.skewness, shape.kurtosis, n);
    }
    if values.len() < FEWEST {
        shape.p = 1.0;
    }
    shape
}

/// Probability of skewness and kurtosis at least as extreme as those of `n` normal values: K^2 = Z1^2 + Z2^2 has nearly a
/// chi-squared distribution with two degrees of freedom (D'Agostino, Belanger and D'Agostino, 1990).
fn dagostino_pearson(skewness: f64, kurtosis: f64, n: f64) -> f64 {
    let z = [
        skewness_score(skewness, n),
        kurtosis_score(kurtosis + 3.0, n),
    ];
    (-(z[0] * z[0] + z[1] * z[1]) / 2.0).exp()
}

/// The skewness on the scale of a standard normal variable (D'Agostino, 1970).
fn skewness_score(skewness: f64, n: f64) -> f64 {
    let y = skewness * ((n + 1.0) * (n + 3.0) / (6.0 * (n - 2.0))).sqrt();
    let beta = 3.0 * (n * n + 27.0 * n - 70.0) * (n + 1.0) * (n + 3.0)
        / ((n - 2.0) * (n + 5.0) * (n + 7.0) * (n + 9.0));
    let w = (2.0 * (beta - 1.0)).sqrt() - 1.0;
    let alpha = (2.0 / (w - 1.0)).sqrt();
    (y / alpha).asinh() / (w.sqrt().ln()).sqrt()
}

/// The kurtosis on the scale of a standard normal variable (Anscombe and Glynn, 1983).
fn kurtosis_score(kurtosis: f64, n: f64) -> f64 {
    let expected = 3.0 * (n - 1.0) / (n + 1.0);
    let variance =
        24.0 * n * (n - 2.0) * (n - 3.0) / ((n + 1.0) * (n + 1.0) * (n + 3.0) * (n + 5.0));
    let x = (kurtosis - expected) / variance.sqrt();
    let beta = 6.0 * (n * n - 5.0 * n + 2.0) / ((n + 7.0) * (n + 9.0))
        * (6.0 * (n + 3.0) * (n + 5.0) / (n * (n - 2.0) * (n - 3.0))).sqrt();
    let a = 6.0 + 8.0 / beta * (2.0 / beta + (1.0 + 4.0 / (beta * beta)).sqrt());
    let inner = (1.0 - 2.0 / a) / (1.0 + x * (2.0 / (a - 4.0)).sqrt());
    (1.0 - 2.0 / (9.0 * a) - inner.cbrt()) / (2.0 / (9.0 * a)).sqrt()
}

/// The density of a normal distribution.
pub(crate) fn density(x: f64, mean: f64, deviation: f64) -> f64 {
    let z = (x - mean) / deviation;
    (-z * z / 2.0).exp() / (deviation * (2.0 * std::f64::consts::PI).sqrt())
}

/// The distribution function of a standard normal variable: to 7 digits (Abramowitz and Stegun, 26.2.17).
pub(crate) fn cumulative(z: f64) -> f64 {
    const B: [f64; 5] = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = B.iter().rev().fold(0.0, |sum, b| (sum + b) * t);
    let upper = density(z.abs(), 0.0, 1.0) * series;
    if z > 0.0 { 1.0 - upper } else { upper }
}

#[cfg(test)]
mod tests {
    use deepface_statistics::standard_normal;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn scores_are_those_of_scipy() {
        // scipy.stats.skewtest, kurtosistest and normaltest of [i * i % 37 for i in range(50)].
        let values: Vec<f32> = (0..50).map(|i| (i * i % 37) as f32).collect();
        let shape = shape(&values);
        assert_near(shape.skewness, 0.088_886_970_538_488_36);
        assert_near(shape.kurtosis, -1.417_841_306_744_077);
        assert_near(
            skewness_score(shape.skewness, 50.0),
            0.285_726_263_004_901_84,
        );
        assert_near(
            kurtosis_score(shape.kurtosis + 3.0, 50.0),
            -5.370_902_353_090_621,
        );
        assert_near(shape.p, 5.227_744_165_159_834e-7);
    }

    fn assert_near(got: f64, expected: f64) {
        assert!(
            (got - expected).abs() < 1e-6 * expected.abs(),
            "{got} {expected}"
        );
    }

    #[test]
    fn normal_samples_pass_and_rectified_ones_do_not() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut refused = [0; 2];
        for _ in 0..200 {
            let sample: Vec<f32> = (0..200).map(|_| standard_normal(&mut rng)).collect();
            let rectified: Vec<f32> = sample.iter().map(|x| x.max(0.0)).collect();
            refused[0] += usize::from(shape(&sample).p < 0.05);
            refused[1] += usize::from(shape(&rectified).p < 0.05);
        }
        assert!(
            (3..=22).contains(&refused[0]) && refused[1] >= 199,
            "{refused:?}"
        );
        assert_eq!(shape(&[0.0; 30]).p, 0.0);
        assert_eq!(shape(&[1.0, 2.0]).p, 1.0);
    }

    #[test]
    fn the_distribution_function_is_that_of_tables() {
        for (z, expected) in [(0.0, 0.5), (1.0, 0.841_344_75), (-1.96, 0.024_997_90)] {
            assert!((cumulative(z) - expected).abs() < 1e-6, "{z}");
        }
        let below = Shape {
            mean: 1.0,
            deviation: 1.0,
            skewness: 0.0,
            kurtosis: 0.0,
            p: 1.0,
        };
        assert!((below.below_zero() - 0.158_655_25).abs() < 1e-6);
    }
}
