//! A loss curve with an axis and its figures.

use maud::{Markup, html};

use super::{Axis, Frame, polyline};

/// The left margin has room for the numbers.
const FRAME: Frame = Frame {
    left: 36.0,
    top: 8.0,
    width: 240.0,
    height: 120.0,
};

/// Losses, one per step, on a linear scale from 0, or the least if that is negative, to the largest.
pub fn chart(losses: &[f64]) -> Markup {
    let (right, bottom) = (FRAME.left + FRAME.width, FRAME.top + FRAME.height);
    let Axis { low, high } = Axis::of(losses.iter().copied());
    let low = low.min(0.0);
    let range = Axis { low, high };
    let points = polyline(&FRAME.points(range, losses));
    let last = losses.last().copied().unwrap_or_default();
    let labels = [
        (FRAME.left - 4.0, 12.0, "end", format!("{high:.3}")),
        (FRAME.left - 4.0, bottom, "end", format!("{low:.3}")),
        (
            right,
            bottom + 12.0,
            "end",
            format!("{} steps", losses.len()),
        ),
        (
            FRAME.left,
            bottom + 12.0,
            "start",
            format!("ends at {last:.4}"),
        ),
    ];
    html! {
        svg width=(right + 8.0) height=(bottom + 18.0) role="img" aria-label="loss by step" {
            path d={ "M" (FRAME.left) "," (FRAME.top) "V" (bottom) "H" (right) } fill="none" stroke="#bbb" {}
            polyline points=(points) fill="none" stroke="#06c" stroke-width="1.5" {}
            @for (x, y, anchor, label) in labels {
                text x=(x) y=(y) text-anchor=(anchor) font-size="10" fill="#666" { (label) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_begins_at_zero_or_the_least() {
        let drawn = chart(&[4.0, 2.0, 1.0]).into_string();
        let points = "points=\"36.0,8.0 156.0,68.0 276.0,98.0\"";
        assert!(drawn.contains(points), "{drawn}");
        for text in [">4.000<", ">0.000<", ">3 steps<", ">ends at 1.0000<"] {
            assert!(drawn.contains(text), "{text}: {drawn}");
        }
        // Log-likelihoods are negative.
        let drawn = chart(&[-1.0, -3.0]).into_string();
        assert!(drawn.contains("36.0,8.0 276.0,128.0"), "{drawn}");
        assert!(drawn.contains(">-3.000<"), "{drawn}");
    }
}
