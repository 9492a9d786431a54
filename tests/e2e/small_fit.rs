//! The flags of a fit that takes seconds.

use std::path::Path;

use clap::Parser;
use generator_svc::fit::FitArgs;

#[derive(Parser)]
struct Fit {
    #[command(flatten)]
    args: FitArgs,
}

/// Flags for one layer and a small image prior; `classifiers` are URLs, separated by commas.
pub(crate) fn flags(data: &Path, classifiers: &str, output: &Path) -> Vec<String> {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let small = ["fit", "--layers=conv4_3", "--prior-components=8"].map(String::from);
    let own = ["--prior-side=16".to_owned(), "--data".into(), text(data)];
    let ends = ["--classifier", classifiers, "--output"].map(String::from);
    [&small[..], &own, &ends, &[text(output)]].concat()
}

/// What the flags say.
pub(crate) fn parse(flags: &[String]) -> FitArgs {
    Fit::parse_from(flags).args
}
