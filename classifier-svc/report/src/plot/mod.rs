//! Plots with axes and legends, as SVG: lines, points, histograms, bars and heat maps, drawn by plotters.
//!
//! A plot is a value that says what it shows; [`lines`], [`points`], [`histogram`], [`bars`] and [`heat`] draw it. The
//! same values give the same text.

mod bars;
mod heat;
mod histogram;
mod lines;
mod points;
mod style;

pub use bars::{Bar, Bars, bars};
pub use heat::{Heat, heat};
pub use histogram::{Histogram, histogram};
pub use lines::{Line, Lines, lines};
pub use points::{Cloud, Points, points};

/// Why a plot cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PlotError(String);

impl<E: std::error::Error + Send + Sync> From<plotters::drawing::DrawingAreaErrorKind<E>>
    for PlotError
{
    fn from(error: plotters::drawing::DrawingAreaErrorKind<E>) -> Self {
        Self(error.to_string())
    }
}
