//! `deepface completions`: the completions of a shell.

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::{
    args::{Cli, CompletionsArgs},
    printer,
};

pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<()> {
    printer::print(&script(args.shell))
}

/// The script that a shell reads.
fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "deepface", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if shell == Shell::Fish {
        script += &positional_values(&Cli::command());
    }
    script
}

/// Lines that complete the values of positional arguments, which the generator for fish leaves out.
fn positional_values(program: &Command) -> String {
    let mut lines = String::new();
    for command in program.get_subcommands() {
        let values: Vec<_> = command
            .get_positionals()
            .flat_map(|argument| argument.get_possible_values())
            .map(|value| value.get_name().to_owned())
            .collect();
        if !values.is_empty() {
            lines += &format!(
                "complete -c deepface -n \"__fish_deepface_using_subcommand {}\" -f -a \"{}\"\n",
                command.get_name(),
                values.join(" ")
            );
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_complete_attributes_and_layers() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            for name in ["Middle_Aged", "5_o_Clock_Shadow", "conv4_3", "fc7"] {
                assert!(script.contains(name), "{shell}: {name}");
            }
        }
        let fish = script(Shell::Fish);
        assert!(fish.contains("function __fish_deepface_using_subcommand"));
        let last = fish
            .lines()
            .find(|line| line.contains("using_subcommand generate\" -f -a"));
        assert!(last.is_some_and(|line| line.contains("Smiling")), "{fish}");
    }
}
