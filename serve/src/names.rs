//! Names in error messages: what came, and what may have been meant.

/// Longest name that is repeated to the client, in characters.
const LONGEST: usize = 64;

/// A string from the wire, made safe to repeat: quoted, escaped, and cut where it is long.
pub fn quote(text: &str) -> String {
    let head: String = text.chars().take(LONGEST).collect();
    let more = if head.len() < text.len() { "..." } else { "" };
    format!("\"{}{more}\"", head.escape_debug())
}

/// The candidates most like a name, best first, at most three; none where nothing is like it. Case, spaces and
/// underscores do not count.
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

fn plain(name: &str) -> String {
    let letters = name.chars().take(LONGEST).filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
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
    fn hostile_names_are_cut_and_escaped() {
        assert_eq!(quote("a\n\"b"), r#""a\n\"b""#);
        assert!(quote(&"x".repeat(1 << 20)).len() < 80);
    }
}
