//! A distribution, with the density that somebody assumes drawn over it.

use plotters::prelude::*;

use super::PlotError;
use super::style::{TEXT, TITLE, colour, range};

const SIZE: (u32, u32) = (420, 280);

/// A distribution.
#[derive(Clone, Debug)]
pub struct Histogram<'a> {
    /// The title.
    pub title: &'a str,
    /// What the values are.
    pub axis: &'a str,
    /// The values; what is not finite is left out.
    pub values: &'a [f64],
    /// Number of bins, at least 1.
    pub bins: usize,
    /// A density to compare with, from left to right; what is not finite is left out.
    pub density: &'a [(f64, f64)],
}

/// Draws the density of the values, and the other over it as a line.
///
/// # Errors
/// The text cannot be written.
pub fn histogram(plot: &Histogram<'_>) -> Result<String, PlotError> {
    let finite: Vec<f64> = plot
        .values
        .iter()
        .copied()
        .filter(|v| v.is_finite())
        .collect();
    let x = range(finite.iter().copied());
    let bars = bars(&finite, &x, plot.bins.max(1));
    let known = |point: &&(f64, f64)| point.1.is_finite() && x.contains(&point.0);
    let line: Vec<_> = plot.density.iter().filter(known).copied().collect();
    let highest = bars
        .iter()
        .map(|bar| bar.1)
        .chain(line.iter().map(|point| point.1));
    let top = highest
        .filter(|y| y.is_finite())
        .fold(0.0, f64::max)
        .max(1e-9)
        * 1.05;
    let width = (x.end - x.start) / bars.len() as f64;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(plot.title, TITLE)
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(48)
            .build_cartesian_2d(x, 0.0..top)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .label_style(TEXT)
            .x_desc(plot.axis)
            .y_desc("density")
            .draw()?;
        let style = colour(0).mix(0.5).filled();
        chart.draw_series(
            bars.iter()
                .map(|&(left, y)| Rectangle::new([(left, 0.0), (left + width, y)], style)),
        )?;
        chart.draw_series(LineSeries::new(line, colour(1).stroke_width(2)))?;
        area.present()?;
    }
    Ok(svg)
}

/// Left edge and density of each bin.
fn bars(values: &[f64], x: &std::ops::Range<f64>, bins: usize) -> Vec<(f64, f64)> {
    let width = (x.end - x.start) / bins as f64;
    let mut counts = vec![0_usize; bins];
    for value in values {
        let bin = ((value - x.start) / width) as usize;
        counts[bin.min(bins - 1)] += 1;
    }
    let all = values.len().max(1) as f64 * width;
    let bar = |(bin, count): (usize, usize)| (x.start + bin as f64 * width, count as f64 / all);
    counts.into_iter().enumerate().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_of_all_bars_is_one() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i % 10)).collect();
        let x = range(values.iter().copied());
        let bars = bars(&values, &x, 7);
        let width = (x.end - x.start) / 7.0;
        let area: f64 = bars.iter().map(|bar| bar.1 * width).sum();
        assert!((area - 1.0).abs() < 1e-12 && bars.len() == 7, "{bars:?}");
    }

    #[test]
    fn bars_and_the_density_are_drawn() {
        let plot = Histogram {
            title: "fc6",
            axis: "activation",
            values: &[1.0, 2.0, f64::NAN, 2.5, 4.0],
            bins: 3,
            density: &[(1.0, 0.1), (2.0, f64::NAN), (3.0, 0.2), (9.0, 0.0)],
        };
        let svg = histogram(&plot).unwrap();
        assert!(
            svg.contains("<polyline") && svg.contains("activation"),
            "{svg}"
        );
        assert!(!svg.contains("NaN"), "{svg}");
    }
}
