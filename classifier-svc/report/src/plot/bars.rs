//! Named values as horizontal bars, some beside a value that another source states.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::PlotError;
use super::style::{TEXT, TITLE, colour};

/// Room for names, for numbers and for the title; height of a bar; pixels.
const NAMES: i32 = 190;
const NUMBERS: i32 = 60;
const HEAD: i32 = 30;
const ROW: i32 = 16;
const WIDTH: i32 = 640;

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar<'a> {
    /// What it is.
    pub name: &'a str,
    /// Its value, 0 or more.
    pub value: f64,
    /// What somebody else states: a mark across the bar.
    pub stated: Option<f64>,
}

/// Bars on a common scale from 0.
#[derive(Clone, Debug)]
pub struct Bars<'a> {
    /// The title.
    pub title: &'a str,
    /// The bars, from top to bottom.
    pub bars: Vec<Bar<'a>>,
}

/// Draws bars with their values in percent.
///
/// # Errors
/// The text cannot be written.
pub fn bars(plot: &Bars<'_>) -> Result<String, PlotError> {
    let height = HEAD + ROW * plot.bars.len() as i32 + 8;
    let all = plot
        .bars
        .iter()
        .flat_map(|bar| [Some(bar.value), bar.stated]);
    let top = all.flatten().fold(0.0, f64::max).max(1e-9);
    let along = |value: f64| NAMES + (f64::from(WIDTH - NAMES - NUMBERS) * value / top) as i32;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32));
        let area = area.into_drawing_area();
        area.fill(&WHITE)?;
        let text = TEXT.into_text_style(&area);
        let right = text.pos(Pos::new(HPos::Right, VPos::Center));
        let left = text.pos(Pos::new(HPos::Left, VPos::Center));
        let title = TITLE.into_text_style(&area);
        area.draw(&Text::new(plot.title, (8, 6), title))?;
        for (number, bar) in (0..).zip(&plot.bars) {
            let (up, down) = (HEAD + ROW * number + 2, HEAD + ROW * (number + 1) - 2);
            let middle = (up + down) / 2;
            let end = along(bar.value);
            area.draw(&Text::new(bar.name, (NAMES - 6, middle), right.clone()))?;
            let style = colour(0).mix(0.6).filled();
            area.draw(&Rectangle::new([(NAMES, up), (end, down)], style))?;
            if let Some(stated) = bar.stated {
                let at = along(stated);
                let style = colour(1).stroke_width(3);
                area.draw(&PathElement::new([(at, up - 1), (at, down + 1)], style))?;
            }
            let value = format!("{:.1} %", 100.0 * bar.value);
            area.draw(&Text::new(value, (end + 6, middle), left.clone()))?;
        }
        area.present()?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_names_values_and_marks() {
        let bar = |name, value, stated| Bar {
            name,
            value,
            stated,
        };
        let plot = Bars {
            title: "Frequencies",
            bars: vec![bar("White", 0.5, Some(0.76)), bar("Bald", 0.021, None)],
        };
        let svg = bars(&plot).unwrap();
        for text in ["Frequencies", "White", "50.0 %", "Bald", "2.1 %"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        // The ground and two bars; one mark.
        assert_eq!(svg.matches("<rect").count(), 3, "{svg}");
        assert_eq!(svg.matches("<polyline").count(), 1, "{svg}");
    }
}
