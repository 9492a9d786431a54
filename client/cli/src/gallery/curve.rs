//! The loss curve of a face as a small drawing.

/// Size of the drawing, in its own units, and the room that its line leaves at the edges.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 72.0;
const EDGE: f64 = 6.0;

/// An SVG of the loss by step, on a logarithmic scale where that is possible. The circle marks the step that is shown.
pub(super) fn svg(moments: &[(i32, f64)]) -> String {
    let (Some(&(first, before)), Some(&(last, after))) = (moments.first(), moments.last()) else {
        return String::new();
    };
    let points = points(moments);
    let line: Vec<String> = points
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let (x, y) = points[points.len() - 1];
    format!(
        "<svg class=\"curve\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"Loss from {before:.4} at step {first} to {after:.4} at step {last}\">\
         <polyline points=\"{}\"/><circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/></svg>",
        line.join(" ")
    )
}

fn points(moments: &[(i32, f64)]) -> Vec<(f64, f64)> {
    let logarithmic = moments.iter().all(|&(_, loss)| loss > 0.0);
    let height = |loss: f64| if logarithmic { loss.ln() } else { loss };
    let heights = || moments.iter().map(|&(_, loss)| height(loss));
    let steps = || moments.iter().map(|&(step, _)| f64::from(step));
    let (x, y) = (scale(steps(), WIDTH), scale(heights(), HEIGHT));
    steps()
        .zip(heights())
        .map(|(step, height)| (x(step), HEIGHT - y(height)))
        .collect()
}

/// Maps values to a length, edges left free; values that are all alike, or no numbers, to its middle.
fn scale(values: impl Iterator<Item = f64>, length: f64) -> impl Fn(f64) -> f64 {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    move |value| {
        let share = (value - low) / (high - low);
        let share = if share.is_finite() { share } else { 0.5 };
        EDGE + share * (length - 2.0 * EDGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_falls_from_corner_to_corner() {
        let points = points(&[(10, 1.0), (20, 0.1), (30, 0.01)]);
        assert_eq!(points[0], (EDGE, EDGE));
        assert_eq!(points[2], (WIDTH - EDGE, HEIGHT - EDGE));
        assert!((points[1].1 - HEIGHT / 2.0).abs() < 1e-9, "logarithmic");
    }

    #[test]
    fn losses_that_have_no_logarithm_or_no_size_are_drawn_too() {
        for losses in [[3.0, -1.0], [0.5, 0.5], [f64::NAN, f64::INFINITY]] {
            let svg = svg(&[(1, losses[0]), (2, losses[1])]);
            let drawn = svg.split("points").nth(1).unwrap();
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{svg}");
        }
        assert!(svg(&[(1, 0.5)]).contains("<circle"));
        assert_eq!(svg(&[]), "");
    }
}
