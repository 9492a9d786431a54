//! The program as a person or a script runs it, services included: what it prints and writes, and its exit codes. One
//! file per topic.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod gallery;
mod generate;
mod images;
mod morph;
mod output;
mod pipe;
mod program;
mod provenance;
mod readme;
mod shown;
mod signals;
mod traces;
mod transcript;
