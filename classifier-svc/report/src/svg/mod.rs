//! Curves: values scaled into a frame, and the three drawings that show them.

mod chart;
mod panels;
mod sparkline;

pub use chart::chart;
pub use panels::{Panel, panels};
pub use sparkline::sparkline;

/// The values that an axis spans.
#[derive(Clone, Copy, Debug)]
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// From the least to the largest value.
    fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let nothing = Self {
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
        };
        values.into_iter().fold(nothing, |axis, value| Self {
            low: axis.low.min(value),
            high: axis.high.max(value),
        })
    }

    /// Where a value lies, from 0 to 1. The middle if all values are equal, or not finite.
    fn share(self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        if share.is_finite() { share } else { 0.5 }
    }
}

/// The rectangle that a curve fills, in the units of its drawing.
#[derive(Clone, Copy, Debug)]
struct Frame {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Frame {
    /// The point of a pair of values: `x` grows to the right, `y` upwards.
    fn point(self, [x, y]: [Axis; 2], value: [f64; 2]) -> [f64; 2] {
        [
            self.left + x.share(value[0]) * self.width,
            self.top + (1.0 - y.share(value[1])) * self.height,
        ]
    }

    /// Points at equal distances from left to right, for values on an axis.
    fn points(self, y: Axis, values: &[f64]) -> Vec<[f64; 2]> {
        let numbers = || (0..values.len()).map(|i| i as f64);
        let x = Axis::of(numbers());
        let pairs = numbers().zip(values);
        pairs
            .map(|(i, &value)| self.point([x, y], [i, value]))
            .collect()
    }
}

/// The `points` attribute of a polyline.
fn polyline(points: &[[f64; 2]]) -> String {
    let point = |[x, y]: &[f64; 2]| format!("{x:.1},{y:.1}");
    points.iter().map(point).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame {
        left: 10.0,
        top: 20.0,
        width: 100.0,
        height: 50.0,
    };

    #[test]
    fn a_curve_reaches_from_corner_to_corner() {
        let values = [3.0, 2.0, 1.0];
        let points = FRAME.points(Axis::of(values), &values);
        assert_eq!(points, [[10.0, 20.0], [60.0, 45.0], [110.0, 70.0]]);
        assert_eq!(polyline(&points), "10.0,20.0 60.0,45.0 110.0,70.0");
    }

    #[test]
    fn values_without_a_range_lie_in_the_middle() {
        for values in [[0.5, 0.5], [f64::NAN, f64::INFINITY]] {
            let points = FRAME.points(Axis::of(values), &values);
            assert_eq!(points, [[10.0, 45.0], [110.0, 45.0]], "{values:?}");
        }
        assert_eq!(FRAME.points(Axis::of([7.0]), &[7.0]), [[60.0, 45.0]]);
        assert!(FRAME.points(Axis::of([]), &[]).is_empty());
    }
}
