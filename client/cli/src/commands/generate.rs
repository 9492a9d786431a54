//! `deepface generate`: a face that has the attributes.

use std::path::PathBuf;

use crate::{
    args::{GenerateArgs, ServiceArgs},
    fields::Typed,
    follow::follow,
    pair::Pair,
    printer, requests,
};

/// Longest default file name, without its extension, in bytes; all are ASCII.
const LONGEST_NAME: usize = 80;

pub(crate) async fn run(services: &ServiceArgs, args: &GenerateArgs) -> anyhow::Result<()> {
    let pair = Pair::with_generator(services).await?;
    let file = args
        .output
        .output
        .clone()
        .unwrap_or_else(|| default_file(args));
    let request = requests::generate_request(args);
    let finished = follow(pair.generator()?.generate(request), &args.output, file).await;
    let typed = Typed::attributes(&args.present, &args.absent);
    let finished = finished.map_err(|error| typed.explain(error))?;
    pair.stop().await;
    if args.output.json {
        return printer::print_json(&finished.report(&args.output, args.seed));
    }
    printer::print(&(finished.headline(args.seed) + &finished.table()))
}

/// `male-smiling-not-bald.png` for `Male Smiling --not Bald`.
fn default_file(args: &GenerateArgs) -> PathBuf {
    let present = args.present.iter().map(|attribute| slug(&attribute.name));
    let absent = args
        .absent
        .iter()
        .map(|attribute| format!("not-{}", slug(&attribute.name)));
    let mut name = present.chain(absent).collect::<Vec<_>>().join("-");
    name.truncate(LONGEST_NAME);
    if name.is_empty() {
        name.push_str("face");
    }
    PathBuf::from(name + ".png")
}

/// Letters and digits in lower case, everything between them one hyphen.
fn slug(name: &str) -> String {
    let words = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words
        .map(str::to_ascii_lowercase)
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_safe_file_names() {
        assert_eq!(slug("5 o' Clock Shadow"), "5-o-clock-shadow");
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert_eq!(slug("é"), "");
    }
}
