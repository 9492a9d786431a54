//! The spelling of names: people write `5 o' Clock Shadow` and `5_o_clock_shadow` for the same attribute.

/// Whether two names are the same but for case, spaces and punctuation.
pub fn same_name(a: &str, b: &str) -> bool {
    significant(a).eq(significant(b))
}

/// Letters and digits in lower case.
fn significant(name: &str) -> impl Iterator<Item = char> {
    let characters = name.chars().filter(|c| c.is_alphanumeric());
    characters.flat_map(char::to_lowercase)
}

/// A name in snake case: letters and digits in lower case, everything else as single underscores.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_alphanumeric() {
            snake.extend(c.to_lowercase());
        } else if !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
    }
    snake.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_spaces_and_punctuation_do_not_count() {
        assert!(same_name("5 o' Clock Shadow", "5_o_Clock_Shadow"));
        assert!(same_name("Écharpe", "écharpe"));
        assert!(!same_name("Male", "Female"));
    }

    #[test]
    fn snake_case_is_lower_case_with_single_underscores() {
        assert_eq!(snake_case("5 o' Clock Shadow"), "5_o_clock_shadow");
        assert_eq!(snake_case("No_Beard"), "no_beard");
        assert_eq!(snake_case("(Smiling)"), "smiling");
    }
}
