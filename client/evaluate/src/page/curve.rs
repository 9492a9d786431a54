//! A loss curve as a drawing.

const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 120.0;
/// Room for the numbers.
const MARGIN: f64 = 36.0;

/// Draws losses, one per step from the first, on a scale from 0 or the least to the largest.
pub(super) fn curve(losses: &[f64]) -> String {
    let largest = losses.iter().copied().fold(f64::MIN, f64::max);
    let least = losses.iter().copied().fold(0.0, f64::min);
    let range = (largest - least).max(f64::MIN_POSITIVE);
    let last = losses.len().saturating_sub(1).max(1) as f64;
    let point = |(step, loss): (usize, &f64)| {
        let x = MARGIN + step as f64 / last * WIDTH;
        let y = 8.0 + (largest - loss) / range * HEIGHT;
        format!("{x:.1},{y:.1}")
    };
    let points: Vec<String> = losses.iter().enumerate().map(point).collect();
    let (width, height, bottom) = (WIDTH + MARGIN + 8.0, HEIGHT + 26.0, HEIGHT + 8.0);
    let text = |x: f64, y: f64, anchor: &str, text: String| {
        format!(
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" font-size=\"10\" fill=\"#666\">{text}</text>"
        )
    };
    [
        format!(
            "<svg width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"loss by step\">"
        ),
        format!(
            "<path d=\"M{MARGIN},8V{bottom}H{}\" fill=\"none\" stroke=\"#bbb\"/>",
            MARGIN + WIDTH
        ),
        format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#06c\" stroke-width=\"1.5\"/>",
            points.join(" ")
        ),
        text(MARGIN - 4.0, 12.0, "end", format!("{largest:.3}")),
        text(MARGIN - 4.0, bottom, "end", format!("{least:.3}")),
        text(
            MARGIN + WIDTH,
            bottom + 12.0,
            "end",
            format!("{} steps", losses.len()),
        ),
        text(
            MARGIN,
            bottom + 12.0,
            "start",
            format!("ends at {:.4}", losses.last().unwrap_or(&0.0)),
        ),
        "</svg>".to_owned(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_falls_from_the_largest_to_the_last() {
        let drawn = curve(&[4.0, 2.0, 1.0]);
        assert!(
            drawn.contains("points=\"36.0,8.0 156.0,68.0 276.0,98.0\""),
            "{drawn}"
        );
        assert!(
            drawn.contains("4.000") && drawn.contains("ends at 1.0000"),
            "{drawn}"
        );
        // Likelihoods are below 0, and one step is no line.
        assert!(curve(&[-1.0, -3.0]).contains("36.0,8.0 276.0,128.0"));
        assert!(curve(&[1.0]).contains("points=\"36.0,8.0\""));
    }
}
