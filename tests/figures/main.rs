//! The figures in README, docs and the model card, held against the files that commands wrote (docs/figures).
//!
//! Tables are made from the files: `UPDATE_FIGURES=1 cargo test --release -p deepface-tests --test figures` writes them anew.
//! Sentences are yours to write; their figures are computed here, and a sentence with another figure fails. In the sections
//! that report results, no figure may be left over.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod card;
mod document;
mod edits;
mod evaluation;
mod paper;
mod scaling;
mod source;
mod speed;
