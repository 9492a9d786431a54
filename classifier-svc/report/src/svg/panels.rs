//! Several curves side by side, as a file of its own.

use maud::html;

use super::{Axis, Frame, polyline};

/// The first of the frames; each further one is `STEP` to the right.
const FRAME: Frame = Frame {
    left: 10.0,
    top: 30.0,
    width: 300.0,
    height: 180.0,
};
const STEP: f64 = 315.0;

/// One curve.
#[derive(Clone, Debug)]
pub struct Panel<'a> {
    /// What its values are.
    pub title: &'a str,
    /// The values, from left to right.
    pub values: &'a [f64],
}

/// An SVG file of curves, each on a scale of its own, which is said above it.
pub fn panels(panels: &[Panel<'_>]) -> String {
    let drawn = panels.iter().zip(0_u32..).map(|(panel, number)| {
        let left = FRAME.left + STEP * f64::from(number);
        let range = Axis::of(panel.values.iter().copied());
        let points = polyline(&Frame { left, ..FRAME }.points(range, panel.values));
        let title = format!("{}: {:.4} to {:.4}", panel.title, range.low, range.high);
        (left, title, points)
    });
    let width = STEP * panels.len() as f64 + 15.0;
    let svg = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(width) height="240" font-family="sans-serif" font-size="12" {
            @for (left, title, points) in drawn {
                text x=(left) y="20" { (title) }
                rect x=(left) y=(FRAME.top) width=(FRAME.width) height=(FRAME.height) fill="none" stroke="#ccc" {}
                polyline points=(points) fill="none" stroke="#36c" stroke-width="2" {}
            }
        }
    };
    svg.into_string() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_panel_has_a_scale_of_its_own() {
        let svg = panels(&[
            Panel {
                title: "loss",
                values: &[4.0, 2.0],
            },
            Panel {
                title: "AUC <test>",
                values: &[0.5, 0.9],
            },
        ]);
        assert!(svg.contains("loss: 2.0000 to 4.0000"), "{svg}");
        assert!(svg.contains("AUC &lt;test&gt;: 0.5000 to 0.9000"), "{svg}");
        assert!(svg.contains("points=\"10.0,30.0 310.0,210.0\""), "{svg}");
        assert!(svg.contains("points=\"325.0,210.0 625.0,30.0\""), "{svg}");
    }
}
