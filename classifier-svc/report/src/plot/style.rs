//! What all plots share: colours, fonts, and the range of an axis.

use std::ops::Range;

use plotters::prelude::*;

/// Colours that stay apart for colour-blind readers (Okabe and Ito, 2008), on white.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(80, 80, 80),
];
/// Fonts of titles, and of everything else.
pub(super) const TITLE: (&str, i32) = ("sans-serif", 16);
pub(super) const TEXT: (&str, i32) = ("sans-serif", 12);

/// The colour of a series; after the last comes the first.
pub(super) fn colour(series: usize) -> RGBColor {
    COLOURS[series % COLOURS.len()]
}

/// From the least to the largest finite value with a margin of a twentieth on both sides; never empty.
pub(super) fn range(values: impl IntoIterator<Item = f64>) -> Range<f64> {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let none = (f64::INFINITY, f64::NEG_INFINITY);
    let (low, high) = finite.fold(none, |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return 0.0..1.0;
    }
    let margin = match high - low {
        0.0 => low.abs().max(1.0) * 0.05,
        width => width * 0.05,
    };
    low - margin..high + margin
}

/// The ranges of both coordinates of some points.
pub(super) fn bounds<'a>(
    points: impl Iterator<Item = &'a (f64, f64)> + Clone,
) -> (Range<f64>, Range<f64>) {
    (
        range(points.clone().map(|point| point.0)),
        range(points.map(|point| point.1)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_spans_all_finite_values() {
        assert_eq!(range([1.0, f64::NAN, 21.0, f64::INFINITY]), 0.0..22.0);
        assert_eq!(range([2.0]), 1.9..2.1);
        assert_eq!(range([]), 0.0..1.0);
    }
}
