//! A square matrix of values from -1 to 1 as colours.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::PlotError;
use super::style::{TITLE, colour};

/// Room for names and for the title; side of a cell; pixels.
const NAMES: i32 = 150;
const HEAD: i32 = 30;
const CELL: i32 = 9;
/// Height of the names.
const FONT: (&str, i32) = ("sans-serif", 8);

/// A square matrix.
#[derive(Clone, Debug)]
pub struct Heat<'a> {
    /// The title.
    pub title: &'a str,
    /// Names of the rows, which are those of the columns too.
    pub names: Vec<&'a str>,
    /// The values, row by row, -1 to 1.
    pub values: &'a [f64],
}

/// Draws the matrix: blue is positive, orange negative, white 0.
///
/// # Errors
/// The text cannot be written.
pub fn heat(plot: &Heat<'_>) -> Result<String, PlotError> {
    let side = CELL * plot.names.len() as i32;
    let size = ((NAMES + side + 8) as u32, (HEAD + side + 8) as u32);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE)?;
        let title = TITLE.into_text_style(&area);
        area.draw(&Text::new(plot.title, (8, 6), title))?;
        let right = Pos::new(HPos::Right, VPos::Center);
        let text = FONT.into_text_style(&area).pos(right);
        let rows = plot.values.chunks(plot.names.len().max(1));
        for (row, (name, values)) in (0..).zip(plot.names.iter().zip(rows)) {
            let top = HEAD + CELL * row;
            let at = (NAMES - 4, top + CELL / 2);
            area.draw(&Text::new(*name, at, text.clone()))?;
            for (column, &value) in (0..).zip(values) {
                let left = NAMES + CELL * column;
                let colour = colour(usize::from(value < 0.0)).mix(value.abs().min(1.0));
                let corners = [(left, top), (left + CELL, top + CELL)];
                area.draw(&Rectangle::new(corners, colour.filled()))?;
            }
        }
        area.present()?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_drawn_as_strongly_as_its_value() {
        let plot = Heat {
            title: "Correlations",
            names: vec!["Male", "Smiling"],
            values: &[1.0, -0.25, -0.25, 1.0],
        };
        let svg = heat(&plot).unwrap();
        assert_eq!(svg.matches("<rect").count(), 5, "{svg}");
        assert_eq!(svg.matches("opacity=\"0.25\"").count(), 2, "{svg}");
        assert!(svg.contains("Male") && svg.contains("Smiling"));
    }
}
