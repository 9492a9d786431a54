//! Pages and plots for people: one HTML file that needs nothing else, and the SVG in it.
//!
//! Markup is written with [`maud`], which checks tags at compile time and escapes every value by default; [`Document`]
//! adds what all pages share. [`plot`] has plots with axes and legends, by plotters; [`svg`] has small curves without
//! any, which take the colours of the page around them.

mod document;
pub mod plot;
pub mod svg;

pub use document::{Document, data_uri};
