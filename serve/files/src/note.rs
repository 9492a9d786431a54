//! Lines on stderr for whoever watches. Unlike `eprintln!`, they never end the work: a line that cannot be written is
//! lost.

use std::fmt::Arguments;
use std::io::Write;

/// Writes a line to stderr, as `eprintln!` does, but never panics.
#[macro_export]
macro_rules! note {
    ($($text:tt)*) => { $crate::write_note(::std::format_args!($($text)*)) };
}

/// Writes a line to stderr, if that takes it; see [`note!`](crate::note!).
pub fn write_note(line: Arguments<'_>) {
    // In one piece, so that lines of several threads do not mix.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
