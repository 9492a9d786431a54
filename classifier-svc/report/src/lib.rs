//! Pages and curves for people: one HTML file that needs nothing else, and the SVG curves in it.
//!
//! Markup is written with [`maud`], which checks tags at compile time and escapes every value by default; [`Document`]
//! adds what all pages share. Curves are drawn here and not by a plotting crate such as plotters: three small drawings
//! need scaling and a polyline, which are a page of code, while plotters brings axes, layouts and text measuring that
//! none of them uses.

mod document;
pub mod svg;

pub use document::{Document, data_uri};
