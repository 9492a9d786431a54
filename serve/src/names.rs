//! Names in error messages: compared and quoted.

/// Longest name that an error repeats, in characters.
const LONGEST: usize = 64;

/// Makes a string from the wire safe to repeat: quoted, escaped, and cut where it is long.
pub fn quote(text: &str) -> String {
    let head: String = text.chars().take(LONGEST).collect();
    let more = if head.len() < text.len() { "..." } else { "" };
    format!("\"{}{more}\"", head.escape_debug())
}

/// Whether two names are the same but for case, spaces and punctuation.
pub fn same_name(a: &str, b: &str) -> bool {
    a.chars()
        .filter_map(significant)
        .flatten()
        .eq(b.chars().filter_map(significant).flatten())
}

/// The letters and digits of a name in lower case, cut where it is long.
pub(crate) fn plain(name: &str) -> String {
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
    fn names_are_the_same_however_they_are_written() {
        for name in ["5_o_clock_shadow", "5oclockshadow", "5-O'CLOCK-SHADOW"] {
            assert!(same_name(name, "5 o' Clock Shadow"), "{name}");
        }
        assert!(!same_name("Male", "Mal") && !same_name("Mal", "Male"));
        assert!(!same_name(&"x".repeat(65), &"x".repeat(64)));
    }

    #[test]
    fn hostile_names_are_cut_and_escaped() {
        assert_eq!(quote("a\n\"b"), r#""a\n\"b""#);
        assert!(quote(&"x".repeat(1 << 20)).len() < 80);
    }
}
