//! The loss of one face, small, without numbers.

use maud::{Markup, html};

use super::{Axis, Frame, polyline};

/// Size of the drawing, in its own units.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 72.0;
/// Leaves room at the edges for the line's width and the circle.
const EDGE: f64 = 6.0;
const FRAME: Frame = Frame {
    left: EDGE,
    top: EDGE,
    width: WIDTH - 2.0 * EDGE,
    height: HEIGHT - 2.0 * EDGE,
};

/// The loss by step, logarithmic if all losses are positive; a circle marks the last one. The style of class `curve` is
/// left to the page. Without moments there is no drawing.
pub fn sparkline(moments: &[(i32, f64)]) -> Markup {
    let (Some(&(first, before)), Some(&(last, after))) = (moments.first(), moments.last()) else {
        return html! {};
    };
    let points = points(moments);
    let end = points
        .last()
        .map(|[x, y]| (format!("{x:.1}"), format!("{y:.1}")));
    let label = format!("Loss from {before:.4} at step {first} to {after:.4} at step {last}");
    html! {
        svg class="curve" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(label) {
            polyline points=(polyline(&points)) {}
            @if let Some((x, y)) = end { circle cx=(x) cy=(y) r="4" {} }
        }
    }
}

fn points(moments: &[(i32, f64)]) -> Vec<[f64; 2]> {
    let logarithmic = moments.iter().all(|&(_, loss)| loss > 0.0);
    let height = |loss: f64| if logarithmic { loss.ln() } else { loss };
    let value = |&(step, loss): &(i32, f64)| [f64::from(step), height(loss)];
    let values: Vec<[f64; 2]> = moments.iter().map(value).collect();
    let axes = [0, 1].map(|i| Axis::of(values.iter().map(|value| value[i])));
    let point = |value: [f64; 2]| FRAME.point(axes, value);
    values.into_iter().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_falls_from_corner_to_corner() {
        let points = points(&[(10, 1.0), (20, 0.1), (30, 0.01)]);
        assert_eq!(points[0], [EDGE, EDGE]);
        assert_eq!(points[2], [WIDTH - EDGE, HEIGHT - EDGE]);
        assert!((points[1][1] - HEIGHT / 2.0).abs() < 1e-9, "logarithmic");
    }

    #[test]
    fn losses_without_a_logarithm_or_a_range_are_drawn_too() {
        for losses in [[3.0, -1.0], [0.5, 0.5], [f64::NAN, f64::INFINITY]] {
            let svg = sparkline(&[(1, losses[0]), (2, losses[1])]).into_string();
            let drawn = svg.split("points").nth(1).unwrap();
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{svg}");
        }
        let one = sparkline(&[(1, 0.5)]).into_string();
        assert!(
            one.contains("viewBox=\"0 0 240 72\"") && one.contains("<circle"),
            "{one}"
        );
        assert_eq!(sparkline(&[]).into_string(), "");
    }
}
