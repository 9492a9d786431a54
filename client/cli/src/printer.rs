//! Standard output: text, JSON and tables.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;

/// The reader of standard output, such as `head`, has closed it.
#[derive(Debug, thiserror::Error)]
#[error("standard output was closed")]
pub(crate) struct PipeClosed;

/// Writes text to standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => PipeClosed.into(),
            _ => anyhow::Error::new(error).context("cannot write to standard output"),
        })
}

/// Writes one line of JSON to standard output.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&json_line(value)?)
}

/// One line of JSON.
pub(crate) fn json_line(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string(value)?))
}

/// One line about an attribute: name, probability, bar, and a remark.
pub(crate) fn score_line(name: &str, probability: f32, remark: &str) -> String {
    let mut line = format!(
        "  {name:<28} {:>6.1} %  {}",
        100.0 * probability,
        bar(probability)
    );
    if !remark.is_empty() {
        let _ = write!(line, "  {remark}");
    }
    format!("{}\n", line.trim_end())
}

/// A bar of 20 cells, in eighths of a cell.
fn bar(share: f32) -> String {
    const CELLS: usize = 20;
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * (CELLS * 8) as f32).round() as usize;
    let (full, rest) = (eighths / 8, eighths % 8);
    let cells = full + usize::from(rest > 0);
    "█".repeat(full) + PARTS[rest] + &" ".repeat(CELLS - cells)
}

/// One cell whose height is a share, in eighths.
pub(crate) fn column(share: f32) -> char {
    const COLUMNS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    COLUMNS[(share.clamp(0.0, 1.0) * 8.0).round() as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_20_cells_wide() {
        for share in [-1.0, 0.0, 0.003, 0.5, 0.999, 1.0, 2.0, f32::NAN] {
            assert_eq!(bar(share).chars().count(), 20, "{share}");
        }
        assert_eq!(bar(1.0), "█".repeat(20));
        let columns = [-1.0, 0.0, 0.13, 0.5, 1.0, 2.0, f32::NAN].map(column);
        assert_eq!(columns, [' ', ' ', '▁', '▄', '█', '█', ' ']);
    }
}
