//! Examples in the help and in the README can be typed.

use clap::{CommandFactory, Parser};

use super::Cli;

const README: &str = include_str!("../../../../README.md");

/// The words of a command, as a shell splits them; a comment, a pipe or a redirection ends it.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            '#' | '|' | '>' if !quoted => break,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[track_caller]
fn parses(line: &str) {
    if let Err(error) = Cli::try_parse_from(words(line)) {
        panic!("{line}: {error}");
    }
}

fn commands(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| line.starts_with("deepface "))
}

#[test]
fn every_example_of_the_help_can_be_typed() {
    let mut program = Cli::command();
    program.build();
    let all = std::iter::once(&program).chain(program.get_subcommands());
    let mut found = 0;
    for help in all.filter_map(clap::Command::get_after_help) {
        for line in commands(&help.to_string()) {
            parses(line);
            found += 1;
        }
    }
    assert!(found > 30, "{found}");
}

#[test]
fn every_command_of_the_readme_can_be_typed() {
    let found = commands(README).inspect(|line| parses(line)).count();
    assert!(found > 15, "{found}");
}

#[test]
fn a_line_is_split_as_a_shell_does() {
    assert_eq!(
        words("deepface generate \"Middle Aged\" a*.jpg > out # why"),
        ["deepface", "generate", "Middle Aged", "a*.jpg"]
    );
}
