//! Names in error messages: compared, quoted, and corrected.

/// Longest name that an error repeats, in characters.
const LONGEST: usize = 64;

/// Makes a string from the wire safe to repeat: quoted, escaped, and cut where it is long.
pub fn quote(text: &str) -> String {
    let head: String = text.chars().take(LONGEST).collect();
    let more = if head.len() < text.len() { "..." } else { "" };
    format!("\"{}{more}\"", head.escape_debug())
}

/// The candidates most similar to a name, best first, at most three; empty where none is similar. Case, spaces and
/// punctuation do not count.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = plain(name);
    let mut scored: Vec<(f64, &str)> = candidates
        .into_iter()
        .map(|c| (strsim::jaro_winkler(&wanted, &plain(c)), c))
        .filter(|&(score, _)| score > 0.8)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(3).map(|(_, c)| c).collect()
}

/// Whether two names are the same but for case, spaces and punctuation.
pub fn same_name(a: &str, b: &str) -> bool {
    a.chars()
        .filter_map(significant)
        .flatten()
        .eq(b.chars().filter_map(significant).flatten())
}

/// Says that a name is unknown: `unknown layer "conv9"; did you mean conv1_1?`, or `hint` where no known name is like
/// it.
pub fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    hint: &str,
) -> String {
    let near = nearest(name, known);
    let hint = match near.as_slice() {
        [] => hint.to_owned(),
        near => format!("did you mean {}?", near.join(", ")),
    };
    format!("unknown {what} {}; {hint}", quote(name))
}

fn plain(name: &str) -> String {
    let head = name.chars().take(LONGEST);
    head.filter_map(significant).flatten().collect()
}

/// A letter or digit in lower case; nothing for other characters.
fn significant(c: char) -> Option<std::char::ToLowercase> {
    c.is_alphanumeric().then(|| c.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first() {
        let names = ["Male", "Eyeglasses", "Sunglasses", "Wavy Hair"];
        assert_eq!(nearest("eye_glasses", names)[0], "Eyeglasses");
        assert_eq!(nearest("Eyeglases", names)[0], "Eyeglasses");
        assert!(nearest("qqqq", names).is_empty());
        assert!(nearest("", names).is_empty());
    }

    #[test]
    fn names_are_the_same_however_they_are_written() {
        for name in ["5_o_clock_shadow", "5oclockshadow", "5-O'CLOCK-SHADOW"] {
            assert!(same_name(name, "5 o' Clock Shadow"), "{name}");
        }
        assert!(!same_name("Male", "Mal") && !same_name("Mal", "Male"));
        assert!(!same_name(&"x".repeat(65), &"x".repeat(64)));
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
    fn hostile_names_are_cut_and_escaped() {
        assert_eq!(quote("a\n\"b"), r#""a\n\"b""#);
        assert!(quote(&"x".repeat(1 << 20)).len() < 80);
    }
}
