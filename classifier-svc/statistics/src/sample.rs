//! A few numbers that stand for an array: what golden outputs keep, and compare with what is computed again.

/// Number of single values that are kept, and of means over equal parts.
const KEPT: usize = 16;

/// What is kept of an array.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sample {
    name: String,
    /// Largest absolute value.
    largest: f32,
    /// Some of the values, spread evenly.
    values: Vec<f32>,
    /// Means of equal parts, one after the other.
    means: Vec<f32>,
}

impl Sample {
    /// Of an array with a name.
    pub fn of(name: String, array: &[f32]) -> Self {
        let part = array.len().div_ceil(KEPT).max(1);
        let mean = |part: &[f32]| {
            let sum: f64 = part.iter().copied().map(f64::from).sum();
            (sum / part.len() as f64) as f32
        };
        Self {
            name,
            largest: largest(array),
            values: array.iter().step_by(part).copied().collect(),
            means: array.chunks(part).map(mean).collect(),
        }
    }

    /// The name of the array.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether everything kept is finite.
    pub fn is_finite(&self) -> bool {
        let all = self.values.iter().chain(&self.means);
        all.chain([&self.largest]).all(|x| x.is_finite())
    }

    /// Checks that arrays are the same as others, one by one, as [`Sample::compare`] does.
    ///
    /// # Errors
    /// One is not, or there are more or fewer.
    pub fn compare_all(expected: &[Self], got: &[Self], tolerance: f32) -> Result<(), String> {
        if expected.len() != got.len() {
            let (expected, got) = (expected.len(), got.len());
            return Err(format!("expected {expected} arrays, got {got}"));
        }
        let mut pairs = expected.iter().zip(got);
        pairs.try_for_each(|(expected, got)| expected.compare(got, tolerance))
    }

    /// Checks that another array is the same, up to a share `tolerance` of the largest value.
    ///
    /// # Errors
    /// It is not: what differs, and what was expected.
    pub fn compare(&self, got: &Self, tolerance: f32) -> Result<(), String> {
        for (what, expected, got, scale) in [
            (
                "largest value",
                std::slice::from_ref(&self.largest),
                std::slice::from_ref(&got.largest),
                self.largest,
            ),
            ("value", &self.values, &got.values, self.largest),
            ("mean", &self.means, &got.means, largest(&self.means)),
        ] {
            let (name, count) = (&self.name, got.len());
            if expected.len() != count {
                let expected = expected.len();
                return Err(format!(
                    "{name:?}, {what}: expected {expected}, got {count}"
                ));
            }
            // Not "more than": a NaN must not pass.
            let near = |(e, g): (&f32, &f32)| (e - g).abs() <= tolerance * scale;
            if let Some(i) = expected.iter().zip(got).position(|pair| !near(pair)) {
                return Err(format!(
                    "{name:?}, {what} {} of {count}: expected {}, got {}",
                    i + 1,
                    expected[i],
                    got[i]
                ));
            }
        }
        Ok(())
    }
}

/// The largest absolute value; NaN where one is NaN.
fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest: f32, x| match x.is_nan() {
        true => f32::NAN,
        false if largest.is_nan() => largest,
        false => largest.max(x.abs()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: f32 = 1e-3;

    #[test]
    fn a_nan_does_not_pass() {
        let sample = |x: f32| Sample::of("fc7".into(), &[1.0, x, 0.5]);
        assert!(sample(0.25).compare(&sample(0.25), TOLERANCE).is_ok());
        assert!(sample(0.25).compare(&sample(f32::NAN), TOLERANCE).is_err());
        let nan = sample(f32::NAN);
        assert!(nan.compare(&nan, TOLERANCE).is_err());
        assert!(!sample(f32::INFINITY).is_finite());
    }

    #[test]
    fn what_differs_is_named() {
        let array: Vec<f32> = (0..100).map(|i| i as f32).collect();
        let sample = |array: &[f32]| Sample::of("fc7".into(), array);
        let mut changed = array.clone();
        changed[30] += 9.0;
        let problem = sample(&array).compare(&sample(&changed), TOLERANCE);
        let problem = problem.unwrap_err();
        assert!(
            problem.starts_with("\"fc7\", mean 5 of 15: expected"),
            "{problem}"
        );
        let short = sample(&array[..9]);
        assert!(sample(&array).compare(&short, TOLERANCE).is_err());
        let all = [sample(&array), short];
        assert!(Sample::compare_all(&all, &all, TOLERANCE).is_ok());
        assert!(Sample::compare_all(&all, &all[..1], TOLERANCE).is_err());
    }
}
