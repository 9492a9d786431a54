//! `deepface completions`: the completions of a shell.

use clap::CommandFactory;

use crate::{
    args::{Cli, CompletionsArgs},
    printer,
};

pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "deepface", &mut script);
    printer::print(&String::from_utf8_lossy(&script))
}
