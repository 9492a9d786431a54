//! The output that the README shows is what the command prints.

use crate::program::*;

const README: &str = include_str!("../../../../README.md");
const PROMPT: &str = "$ cargo run --release -- ";

/// The line without its time and its loss, and the loss.
fn parts(line: &str) -> (String, f64) {
    let (before, loss) = line.rsplit_once(", loss ").unwrap();
    let (work, _seconds) = before.rsplit_once(" in ").unwrap();
    (work.to_owned(), loss.parse().unwrap())
}

#[test]
fn the_readme_shows_what_the_command_prints() {
    let here = folder();
    let mut lines = README.lines().skip_while(|line| !line.starts_with(PROMPT));
    let command = lines.next().unwrap().strip_prefix(PROMPT).unwrap();
    let (shown, shown_loss) = parts(lines.next().unwrap());
    let arguments: Vec<_> = command.split(' ').collect();
    let (stdout, _) = expect(&deepface(here.path(), &arguments), OK);
    let (printed, loss) = parts(stdout.lines().next().unwrap());
    assert_eq!(printed, shown);
    // The last digits depend on the processor.
    assert!((loss - shown_loss).abs() < 0.02, "{loss} {shown_loss}");
}
