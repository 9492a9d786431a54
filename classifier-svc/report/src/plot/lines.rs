//! Lines over a common axis, such as loss curves.

use plotters::prelude::*;

use super::PlotError;
use super::style::{TEXT, TITLE, bounds, colour};

const SIZE: (u32, u32) = (560, 340);

/// One line.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// What the legend calls it; empty for a line that needs no name.
    pub name: &'a str,
    /// Its points, from left to right; what is not finite is left out.
    pub points: Vec<(f64, f64)>,
}

/// Lines in one frame.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    /// The title.
    pub title: &'a str,
    /// What the axes show.
    pub axes: [&'a str; 2],
    /// The lines.
    pub lines: Vec<Line<'a>>,
}

/// Draws lines with a legend.
///
/// # Errors
/// The text cannot be written.
pub fn lines(plot: &Lines<'_>) -> Result<String, PlotError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let (x, y) = bounds(plot.lines.iter().flat_map(|line| &line.points));
        let mut chart = ChartBuilder::on(&area)
            .caption(plot.title, TITLE)
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(72)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .label_style(TEXT)
            .x_desc(plot.axes[0])
            .y_desc(plot.axes[1])
            .draw()?;
        for (number, line) in plot.lines.iter().enumerate() {
            let style = colour(number).stroke_width(2);
            let finite = |point: &&(f64, f64)| point.0.is_finite() && point.1.is_finite();
            let points = line.points.iter().filter(finite).copied();
            let drawn = chart.draw_series(LineSeries::new(points, style))?;
            if line.name.is_empty() {
                continue;
            }
            drawn
                .label(line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
        }
        if plot.lines.iter().any(|line| !line.name.is_empty()) {
            chart
                .configure_series_labels()
                .background_style(WHITE.mix(0.8))
                .label_font(TEXT)
                .draw()?;
        }
        area.present()?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_drawn_and_named() {
        let line = |name, points: &[(f64, f64)]| Line {
            name,
            points: points.to_vec(),
        };
        let plot = Lines {
            title: "Loss <by> layer",
            axes: ["epoch", "loss"],
            lines: vec![
                line("fc6", &[(1.0, 3.0), (2.0, f64::NAN), (3.0, 1.0)]),
                line("conv5", &[(1.0, 2.0), (3.0, 0.5)]),
            ],
        };
        let svg = lines(&plot).unwrap();
        for text in ["Loss &lt;by&gt; layer", "epoch", "loss", "fc6", "conv5"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(!svg.contains("NaN"), "{svg}");
        let coloured = |series| {
            let RGBColor(r, g, b) = colour(series);
            svg.matches(&format!("stroke=\"#{r:02X}{g:02X}{b:02X}\""))
                .count()
        };
        // The line and its sample in the legend.
        assert_eq!((coloured(0), coloured(1), coloured(2)), (2, 2, 0), "{svg}");
    }

    #[test]
    fn nothing_to_draw_is_an_empty_frame() {
        let plot = Lines {
            title: "",
            axes: ["", ""],
            lines: Vec::new(),
        };
        assert!(lines(&plot).unwrap().ends_with("</svg>\n"));
    }
}
