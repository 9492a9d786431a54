//! A whole page, and files inside it.

use base64::{Engine, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// What a page may load: pictures inside it, and its own style.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
/// What it may load if it has a script of its own.
const POLICY_WITH_SCRIPT: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// One HTML file that needs no other file and asks nothing of any network.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    /// Text of the title bar.
    pub title: &'a str,
    /// CSS.
    pub style: &'static str,
    /// JavaScript that runs after the body was read.
    pub script: Option<&'static str>,
    /// What stands in `body`.
    pub body: Markup,
}

impl Document<'_> {
    /// The whole file. Control characters, which have no place in HTML even if escaped, become U+FFFD.
    pub fn html(&self) -> String {
        let policy = match self.script {
            Some(_) => POLICY_WITH_SCRIPT,
            None => POLICY,
        };
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    title { (self.title) }
                    style { (PreEscaped(self.style)) }
                }
                body {
                    (self.body)
                    @if let Some(script) = self.script {
                        script { (PreEscaped(script)) }
                    }
                }
            }
        };
        printable(page.into_string())
    }
}

fn printable(text: String) -> String {
    let forbidden = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.contains(forbidden) {
        text.replace(forbidden, "\u{fffd}")
    } else {
        text
    }
}

/// The address of a file inside the page.
pub fn data_uri(media_type: &str, bytes: &[u8]) -> String {
    format!("data:{media_type};base64,{}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> String {
        let body = html! { p title=(text) { (text) } };
        Document {
            title: text,
            style: "p > b { color: red }\n",
            script: None,
            body,
        }
        .html()
    }

    #[test]
    fn text_never_becomes_markup() {
        let hostile = "</title><script>alert('\"&\"')</script>\u{0}\u{1b}\u{85}";
        let html = page(hostile);
        assert!(!html.contains("<script") && !html.contains(['\u{0}', '\u{1b}', '\u{85}']));
        assert_eq!(html.matches("&lt;script&gt;").count(), 3, "{html}");
        // An attribute is quoted with `"`, so an apostrophe cannot end it; a `"` in it is escaped.
        assert!(html.contains("alert('&quot;&amp;&quot;')"), "{html}");
        assert!(page("5 o' Clock\nÄ").contains("<p title=\"5 o' Clock\nÄ\">5 o' Clock\nÄ</p>"));
    }

    #[test]
    fn only_a_page_with_a_script_may_run_one() {
        let mut document = Document {
            title: "",
            style: "",
            script: None,
            body: html! {},
        };
        assert!(!document.html().contains("script"));
        document.script = Some("if (1 < 2) go();");
        let html = document.html();
        assert!(html.contains("script-src 'unsafe-inline'"), "{html}");
        assert!(html.contains("<script>if (1 < 2) go();</script>"), "{html}");
    }

    #[test]
    fn files_are_in_base64() {
        assert_eq!(
            data_uri("image/png", b"face"),
            "data:image/png;base64,ZmFjZQ=="
        );
    }
}
