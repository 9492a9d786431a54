//! The help texts say the defaults that the generator has.

use clap::CommandFactory;
use generator_svc::defaults::{self, paper};
use generator_svc::inversion::{Basis, Rule, Start};

use super::Cli;

/// The help of a flag of `generate`, or of an argument by its name, as one line.
fn help(flag: &str) -> String {
    let cli = Cli::command();
    let generate = cli.find_subcommand("generate").unwrap();
    let arguments = generate.get_arguments();
    let argument = arguments
        .into_iter()
        .find(|a| a.get_id() == flag)
        .unwrap_or_else(|| panic!("no argument {flag}"));
    let help = argument.get_long_help().or(argument.get_help()).unwrap();
    let help = help.to_string();
    let line = help.split_whitespace().collect::<Vec<_>>().join(" ");
    // clap drops the last full stop.
    format!("{line}.")
}

fn says(flag: &str, expected: impl AsRef<str>) {
    let (help, expected) = (help(flag), expected.as_ref());
    assert!(
        help.contains(expected),
        "--{flag}: expected {expected:?} in {help:?}"
    );
}

#[test]
fn help_says_the_defaults_of_a_target() {
    says("present", format!("strength: {}.", defaults::STRENGTH));
    let (latents, others) = (defaults::DECODER_LAYER, defaults::LAYER);
    says(
        "layer",
        format!("Default: {latents} for a new face with the decoder, else {others}."),
    );
    says(
        "exaggeration",
        format!("Default: {}.", defaults::EXAGGERATION),
    );
    let [sketch, portrait] = defaults::VARIETY;
    says(
        "variety",
        format!("Default: from {sketch} for a few attributes down to {portrait} for"),
    );
    let ([sketch, portrait], [drawn, decoder]) =
        (defaults::LIKELIHOOD, defaults::DECODER_LIKELIHOOD);
    says(
        "likelihood",
        format!(
            "Default: from {drawn} for a few attributes up to {decoder} for a full description, without the decoder from \
             {sketch} to {portrait}"
        ),
    );
    says("margin", format!("Default: {}.", defaults::MARGIN));
    says(
        "from",
        format!(
            "weighs {}, or {} with --parametrization decoder, unless",
            defaults::CHANGE_LIKELIHOOD,
            defaults::DECODER_CHANGE_LIKELIHOOD
        ),
    );
    let paper = defaults::CGMM_LIKELIHOOD;
    says(
        "likelihood",
        format!("{paper} for cgmm-mean and cgmm-sample"),
    );
    assert_eq!(
        (defaults::SKETCH, defaults::PORTRAIT),
        (3.0, 12.0),
        "the help spells these out"
    );
    let [sketch, portrait] = defaults::EMPHASIS;
    says(
        "emphasis",
        format!("from {sketch} for a few attributes down to {portrait} for a full description"),
    );
    says(
        "completeness",
        "from 0 for three attributes to 1 for twelve",
    );
    says("every", format!("Default: {}.", defaults::EVERY));
}

#[test]
fn help_says_the_defaults_of_a_descent() {
    let prior = defaults::descent(Basis::Prior, Rule::Adam);
    let prior_sgd = defaults::descent(Basis::Prior, Rule::Sgd);
    let pixels = defaults::descent(Basis::Pixels, Rule::Adam);
    let pixels_sgd = defaults::descent(Basis::Pixels, Rule::Sgd);
    says(
        "steps",
        format!(
            "in the prior: {} for adam, {} for sgd; in pixels: {}.",
            prior.steps, prior_sgd.steps, pixels.steps
        ),
    );
    says(
        "jitter",
        format!(
            "Default: {} in the prior, {} in pixels.",
            prior.jitter, pixels.jitter
        ),
    );
    says(
        "learning_rate",
        format!(
            "in the prior: {} for adam, {} for sgd; in pixels: {} for adam, {} for sgd.",
            prior.learning_rate,
            prior_sgd.learning_rate,
            pixels.learning_rate,
            pixels_sgd.learning_rate
        ),
    );
    assert_eq!((prior.start, pixels.start), (Start::Expected, Start::Noise));
    says("start", "expected in the prior, noise in pixels");
    says("prior", format!("Default: {}.", prior.prior));
    let variation = pixels.total_variation;
    says(
        "total_variation",
        format!(
            "Default: {variation} for adam in pixels, else {}.",
            prior.total_variation
        ),
    );
    says("l2", format!("Default: {}.", prior.l2));
    let blur = pixels_sgd.blur_sigma;
    says(
        "blur_sigma",
        format!("Default: {blur} for sgd, else {}.", pixels.blur_sigma),
    );
    says("blur_every", format!("Default: {}.", pixels.blur_every));
}

#[test]
fn help_says_what_the_papers_preset_is() {
    says(
        "paper",
        format!(
            "in {} steps, with a jitter of {} pixels and a blur of {} pixels every {} steps",
            paper::STEPS,
            paper::JITTER,
            paper::BLUR_SIGMA,
            paper::BLUR_EVERY
        ),
    );
}
