//! Points in the plane, coloured by what they are.

use plotters::prelude::*;

use super::PlotError;
use super::style::{TEXT, TITLE, bounds, colour};

const SIZE: (u32, u32) = (420, 440);

/// Points of one kind.
#[derive(Clone, Debug)]
pub struct Cloud<'a> {
    /// What the legend calls them.
    pub name: &'a str,
    /// Where they are.
    pub points: Vec<(f64, f64)>,
}

/// Kinds of points in one frame, without numbers on the axes.
#[derive(Clone, Debug)]
pub struct Points<'a> {
    /// The title.
    pub title: &'a str,
    /// The kinds.
    pub clouds: Vec<Cloud<'a>>,
}

/// Draws points with a legend.
///
/// # Errors
/// The text cannot be written.
pub fn points(plot: &Points<'_>) -> Result<String, PlotError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let (x, y) = bounds(plot.clouds.iter().flat_map(|cloud| &cloud.points));
        let mut chart = ChartBuilder::on(&area)
            .caption(plot.title, TITLE)
            .margin(8)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .disable_mesh()
            .disable_axes()
            .draw()?;
        for (number, cloud) in plot.clouds.iter().enumerate() {
            let style = colour(number).mix(0.6).filled();
            let dots = cloud.points.iter().map(|&at| Circle::new(at, 2, style));
            chart
                .draw_series(dots)?
                .label(cloud.name)
                .legend(move |(x, y)| Circle::new((x + 8, y), 4, style));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.8))
            .label_font(TEXT)
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_drawn() {
        let cloud = |name, points: &[(f64, f64)]| Cloud {
            name,
            points: points.to_vec(),
        };
        let plot = Points {
            title: "Youth",
            clouds: vec![
                cloud("young", &[(0.0, 0.0), (1.0, 1.0)]),
                cloud("others", &[(5.0, 2.0)]),
            ],
        };
        let svg = points(&plot).unwrap();
        // Three points, and one in the legend for each kind.
        assert_eq!(svg.matches("<circle").count(), 5, "{svg}");
        assert!(svg.contains("young") && svg.contains("others"), "{svg}");
    }
}
