//! Suggestions for a name that is unknown: the names that are written alike, and those that the word means.

use crate::names::{plain, quote, same_name};

/// Most suggestions of one message.
const MOST: usize = 3;
/// Least similarity of names that are written alike (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.8;
/// The same for a synonym: a likeness to a word that is only a help must be closer.
const SYNONYM_ALIKE: f64 = 0.92;
/// What is less similar than the best by more than this is left out.
const BESIDE_THE_BEST: f64 = 0.1;
/// Similarity of a name that has every typed word: "hat" and "Wearing Hat".
const EVERY_WORD: f64 = 0.95;
/// Words before a name that turn it into its absence.
const NEGATIONS: [&str; 4] = ["no", "not", "non", "without"];

/// A name that may have been meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Meant<'a> {
    /// The name, as the list of names spells it.
    pub name: &'a str,
    /// Whether its absence was meant.
    pub absent: bool,
}

/// A word that means a name: the word, the name, and whether it means the name's absence.
pub type Synonym<'a> = (&'a str, &'a str, bool);

/// Says that a name is unknown: `unknown layer "conv9"; did you mean conv1_1?`, or `hint` where no known name is like
/// it.
pub fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    hint: &str,
) -> String {
    let known: Vec<_> = known.into_iter().collect();
    let near = meant(name, &known, &[]);
    let near = near.iter().map(|meant| meant.name.to_owned());
    unknown_but(what, name, &near.collect::<Vec<_>>(), hint)
}

/// Says that a name is unknown, with suggestions, or with a `hint` where there is none.
pub fn unknown_but(what: &str, name: &str, suggestions: &[String], hint: &str) -> String {
    let hint = match suggestions {
        [] => hint.to_owned(),
        some => format!("did you mean {}?", some.join(", ")),
    };
    format!("unknown {what} {}; {hint}", quote(name))
}

/// The known names that were probably meant, the likeliest first, at most three. Case, spaces and punctuation do not
/// count. Synonyms of names that are not known do not count either.
pub fn meant<'a>(name: &str, known: &[&'a str], synonyms: &[Synonym<'_>]) -> Vec<Meant<'a>> {
    let direct = likely(name, known, synonyms);
    let exact = direct.first().is_some_and(|(score, _)| *score >= 1.0);
    let negated = without_negation(name).map(|rest| likely(rest, known, synonyms));
    match negated {
        Some(negated) if !exact && !negated.is_empty() => best(negated)
            .into_iter()
            .map(|meant| Meant {
                absent: !meant.absent,
                ..meant
            })
            .collect(),
        _ => best(direct),
    }
}

/// `hat` for `no hat`.
fn without_negation(name: &str) -> Option<&str> {
    let (first, rest) = name.trim().split_once([' ', '_', '-'])?;
    let negates = NEGATIONS
        .iter()
        .any(|word| first.eq_ignore_ascii_case(word));
    (negates && !plain(rest).is_empty()).then_some(rest)
}

/// Known names by how likely they were meant, the likeliest first.
fn likely<'a>(name: &str, known: &[&'a str], synonyms: &[Synonym<'_>]) -> Vec<(f64, Meant<'a>)> {
    let written = known.iter().filter_map(|&name_of| {
        let score = likeness(name, name_of);
        let meant = Meant {
            name: name_of,
            absent: false,
        };
        (score > ALIKE).then_some((score, meant))
    });
    let by_meaning = synonyms.iter().filter_map(|&(word, name_of, absent)| {
        let score = if same_name(name, word) {
            // Before every name that is only written alike.
            1.0
        } else {
            strsim::jaro_winkler(&plain(name), &plain(word)).min(0.99)
        };
        let name = *known.iter().find(|known| same_name(known, name_of))?;
        (score > SYNONYM_ALIKE).then_some((score, Meant { name, absent }))
    });
    let mut all: Vec<_> = by_meaning.chain(written).collect();
    // Stable: the first meaning of a word stays first.
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all
}

fn best(likely: Vec<(f64, Meant<'_>)>) -> Vec<Meant<'_>> {
    let Some((top, _)) = likely.first() else {
        return Vec::new();
    };
    // A word that is known exactly has no need of names that look like it.
    let least = if *top >= 1.0 {
        1.0
    } else {
        top - BESIDE_THE_BEST
    };
    let mut found: Vec<Meant<'_>> = Vec::new();
    for (score, meant) in likely {
        if score >= least && found.len() < MOST && !found.contains(&meant) {
            found.push(meant);
        }
    }
    found
}

/// How alike two names are written, 0 to 1.
fn likeness(typed: &str, name: &str) -> f64 {
    let alike = strsim::jaro_winkler(&plain(typed), &plain(name));
    let every_word = words(typed).count() > 0
        && words(typed)
            .all(|word| word.chars().count() > 2 && words(name).any(|w| same_name(w, word)));
    if every_word {
        alike.max(EVERY_WORD)
    } else {
        alike
    }
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    let words = name.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty()).take(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 7] = [
        "Male",
        "Eyeglasses",
        "Sunglasses",
        "Wavy Hair",
        "Wearing_Hat",
        "Eyes Open",
        "Senior",
    ];
    const SYNONYMS: [Synonym<'_>; 5] = [
        ("woman", "Male", true),
        ("glasses", "Eyeglasses", false),
        ("glasses", "Sunglasses", false),
        ("old", "Senior", false),
        ("old", "Young", true),
    ];

    fn said(name: &str) -> String {
        let found = meant(name, &KNOWN, &SYNONYMS);
        let one = |meant: &Meant<'_>| {
            let not = if meant.absent { "not " } else { "" };
            format!("{not}{}", meant.name)
        };
        found.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn names_that_are_written_alike_are_suggested() {
        assert_eq!(said("eye_glases"), "Eyeglasses");
        assert_eq!(said("Eyeglases"), "Eyeglasses");
        assert_eq!(said("hat"), "Wearing_Hat");
        assert_eq!(said("HAT wearing"), "Wearing_Hat");
        assert_eq!(said("qqqq"), "");
        assert_eq!(said(""), "");
    }

    #[test]
    fn words_that_mean_a_name_are_suggested_if_the_name_is_known() {
        assert_eq!(said("Woman"), "not Male");
        assert_eq!(said("womann"), "not Male");
        assert_eq!(said("GLASSES"), "Eyeglasses, Sunglasses");
        assert_eq!(said("old"), "Senior");
    }

    #[test]
    fn a_negation_means_the_absence() {
        assert_eq!(said("not Male"), "not Male");
        assert_eq!(said("no_woman"), "Male");
        assert_eq!(said("without hat"), "not Wearing_Hat");
        assert_eq!(said("no"), "");
    }

    #[test]
    fn an_unknown_name_gets_suggestions_or_the_hint() {
        let said = |name| unknown("layer", name, ["conv4_3", "fc7"], "GetModel lists them");
        assert_eq!(
            said("conv4-2"),
            "unknown layer \"conv4-2\"; did you mean conv4_3?"
        );
        assert_eq!(said("qqqq"), "unknown layer \"qqqq\"; GetModel lists them");
    }

    #[test]
    fn a_long_name_costs_little() {
        assert!(meant(&"no ".repeat(1 << 20), &KNOWN, &SYNONYMS).is_empty());
    }
}
