//! The defaults, and the texts that repeat them.

use super::*;

const CONTRACT: &str = concat!(
    include_str!("../../../proto/deepface/v1/settings.proto"),
    include_str!("../../../proto/deepface/v1/generator.proto")
);
const DOCS: &str = include_str!("../../../docs/generation.md");

#[test]
fn completeness_grows_with_the_attributes_that_are_named() {
    let of = |count, strength| completeness(std::iter::repeat_n(strength, count));
    assert_eq!(of(2, 4.0), 0.0);
    assert_eq!(of(20, 1.0), 1.0);
    assert_eq!(of(20, 0.15), 0.0);
    assert_eq!((variety(0.0), variety(1.0)), (VARIETY[0], VARIETY[1]));
    for (moved, [sketch, portrait]) in [
        (Coordinates::Components, LIKELIHOOD),
        (Coordinates::Latents, DECODER_LIKELIHOOD),
    ] {
        let subject = Subject {
            moved,
            given: false,
        };
        assert_eq!(subject.likelihood(0.5), (sketch + portrait) / 2.0);
        let given = Subject {
            given: true,
            ..subject
        };
        assert_eq!(given.likelihood(0.5), given.likelihood(0.0));
    }
}

/// The comment above a field or a value of the contract, as one line.
fn comment(before: &str) -> String {
    let end = CONTRACT
        .find(before)
        .unwrap_or_else(|| panic!("no {before:?} in the contract"));
    let lines = CONTRACT[..end].lines().rev();
    let lines = lines.map(str::trim).skip_while(|line| line.is_empty());
    let lines: Vec<_> = lines.map_while(|line| line.strip_prefix("//")).collect();
    let words = lines.iter().rev().flat_map(|line| line.split_whitespace());
    words.collect::<Vec<_>>().join(" ")
}

fn says(text: &str, expected: impl AsRef<str>) {
    let expected = expected.as_ref();
    assert!(text.contains(expected), "expected {expected:?} in {text:?}");
}

#[test]
fn the_contract_says_the_defaults_of_a_target() {
    says(
        &comment("string layer = 2;\n  // k in"),
        format!(
            "Empty: {DECODER_LAYER} for a new face with PARAMETRIZATION_DECODER, else {LAYER};"
        ),
    );
    says(
        &comment("optional double exaggeration"),
        format!("Not set: an exaggeration of {EXAGGERATION}."),
    );
    says(
        &comment("optional double strength"),
        format!("Not set: {STRENGTH},"),
    );
    let [sketch, portrait] = VARIETY;
    says(
        &comment("optional double variety"),
        format!("from {sketch} for a completeness of 0 to {portrait} for 1"),
    );
    let ([sketch, portrait], [drawn, decoder]) = (LIKELIHOOD, DECODER_LIKELIHOOD);
    let likelihood = comment("optional double likelihood");
    says(
        &likelihood,
        format!(
            "from {drawn} for a completeness of 0 to {decoder} for 1 with PARAMETRIZATION_DECODER and from {sketch} to \
             {portrait} without; of a change of a given face {DECODER_CHANGE_LIKELIHOOD} with it and {CHANGE_LIKELIHOOD} without"
        ),
    );
    says(
        &likelihood,
        format!("METHOD_CGMM_MEAN and METHOD_CGMM_SAMPLE {CGMM_LIKELIHOOD}."),
    );
    assert_eq!((SKETCH, PORTRAIT), (3.0, 12.0), "the texts spell these out");
    let [sketch, portrait] = EMPHASIS;
    says(
        &comment("optional double emphasis"),
        format!("from {sketch} for a completeness of 0 to {portrait} for 1"),
    );
    says(
        &comment("optional double margin"),
        format!("a margin of {MARGIN}"),
    );
    says(
        &comment("optional double completeness"),
        "from 0 for three to 1 for twelve",
    );
    says(
        &comment("optional int32 every"),
        format!("every {EVERY} steps"),
    );
}

#[test]
fn the_contract_says_the_defaults_of_a_descent() {
    let all = [Basis::Prior, Basis::Pixels].map(|basis| {
        let [adam, sgd] = [Rule::Adam, Rule::Sgd].map(|rule| descent(basis, rule));
        assert_eq!(adam.jitter, sgd.jitter, "the texts name one value for both");
        (adam, sgd)
    });
    let [(prior, prior_sgd), (pixels, pixels_sgd)] = all;
    says(
        &comment("optional int32 steps"),
        format!(
            "{} steps for Adam in the prior, {} steps for SGD in the prior, {} steps in pixels",
            prior.steps, prior_sgd.steps, pixels.steps
        ),
    );
    assert_eq!(pixels.steps, pixels_sgd.steps);
    says(
        &comment("optional double learning_rate"),
        format!(
            "{} for Adam in the prior, {} for Adam in pixels, {} for SGD in the prior, and {} for SGD in pixels",
            prior.learning_rate,
            pixels.learning_rate,
            prior_sgd.learning_rate,
            pixels_sgd.learning_rate
        ),
    );
    let kept = keeping(Basis::Prior, Rule::Adam);
    says(
        &comment("optional int32 steps"),
        format!("{} in the prior for a request that keeps", kept.steps),
    );
    says(
        &comment("optional double learning_rate"),
        format!(
            "{} for Adam in the prior for a request that keeps",
            kept.learning_rate
        ),
    );
    assert_eq!(keeping(Basis::Pixels, Rule::Adam), pixels);
    assert_eq!((prior.start, pixels.start), (Start::Expected, Start::Noise));
    says(
        &comment("START_UNSPECIFIED"),
        "START_EXPECTED in the prior, START_NOISE in pixels",
    );
    says(
        &comment("optional double prior"),
        format!("a prior weight of {}", prior.prior),
    );
    assert_eq!(
        (prior.total_variation, pixels_sgd.total_variation),
        (0.0, 0.0)
    );
    says(
        &comment("optional double total_variation"),
        format!(
            "weight of {} for Adam in pixels, else 0",
            pixels.total_variation
        ),
    );
    says(
        &comment("optional double l2"),
        format!("Not set: {}.", prior.l2),
    );
    says(
        &comment("optional int32 jitter"),
        format!(
            "a jitter of {} in the prior, {} in pixels",
            prior.jitter, pixels.jitter
        ),
    );
    assert_eq!(pixels.blur_sigma, 0.0);
    says(
        &comment("optional double blur_sigma"),
        format!("a blur of {} for SGD, else 0", pixels_sgd.blur_sigma),
    );
    says(
        &comment("optional int32 blur_every"),
        format!("a blur every {} steps", pixels.blur_every),
    );
}

#[test]
fn the_contract_says_what_the_papers_preset_is() {
    says(
        &comment("PRESET_PAPER = 1"),
        format!(
            "a jitter of {} pixels, and a blur of {} pixels every {} steps",
            paper::JITTER,
            paper::BLUR_SIGMA,
            paper::BLUR_EVERY
        ),
    );
}

/// Whether one paragraph, list item or row of the document has all of these words.
fn documented(words: &[&str]) {
    let blocks = DOCS.split("\n\n").flat_map(|block| block.split("\n- "));
    let blocks = blocks.flat_map(|block| match block.starts_with('|') {
        true => block.lines().collect(),
        false => vec![block],
    });
    let is_word = |block: &str, word: &str| {
        let apart = |c: char| c.is_whitespace() || "`,;:()|*".contains(c);
        block
            .split(apart)
            .any(|found| found == word || found.strip_suffix('.') == Some(word))
    };
    let found = blocks
        .into_iter()
        .any(|block| words.iter().all(|word| is_word(block, word)));
    assert!(found, "no paragraph of docs/generation.md has {words:?}");
}

#[test]
fn the_documentation_says_the_defaults() {
    let text = |x: f64| x.to_string();
    let [sketch, portrait] = VARIETY.map(text);
    documented(&["variety", &sketch, &portrait]);
    let [sketch, portrait] = DECODER_LIKELIHOOD.map(text);
    documented(&["w", &sketch, &portrait, &text(LIKELIHOOD[1])]);
    documented(&[
        "likelihood",
        "weighs",
        &text(CHANGE_LIKELIHOOD),
        &text(DECODER_CHANGE_LIKELIHOOD),
    ]);
    documented(&["emphasis", &text(EMPHASIS[0]), &text(EMPHASIS[1])]);
    documented(&["margin", &text(MARGIN)]);
    documented(&["c", "0", "three", "1", "twelve"]);
    documented(&["Exaggeration", "k", &text(EXAGGERATION), "default"]);
    documented(&[DECODER_LAYER, LAYER, "default"]);
    let prior = descent(Basis::Prior, Rule::Adam).prior;
    documented(&["prior", "default", &text(prior)]);
}
