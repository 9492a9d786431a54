//! The little HTML that is needed: text that cannot be taken for markup, and data inside the page.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Text for an element or a quoted attribute.
pub(super) fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // HTML has no place for other control characters, escaped or not.
            c if c.is_control() && !matches!(c, '\n' | '\t') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A file inside the page.
pub(super) fn data_uri(media_type: &str, bytes: &[u8]) -> String {
    format!("data:{media_type};base64,{}", STANDARD.encode(bytes))
}

/// A share, 0 to 1, for people.
pub(super) fn percent(share: f32) -> String {
    format!("{:.0} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        let hostile = "</title><script>alert('\"&\"')</script>\u{0}\u{1b}";
        let escaped = text(hostile);
        assert!(!escaped.contains(['<', '>', '"', '\'', '\u{0}', '\u{1b}']));
        assert_eq!(text("a & b"), "a &amp; b");
        assert_eq!(text("5 o' Clock\nÄ"), "5 o&#39; Clock\nÄ");
    }

    #[test]
    fn data_is_in_base64() {
        assert_eq!(
            data_uri("image/png", b"face"),
            "data:image/png;base64,ZmFjZQ=="
        );
    }
}
