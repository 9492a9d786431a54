//! A document with figures: its tables between `<!-- figures: NAME -->` and `<!-- end -->`, and its sentences.

use std::{env, fs};

use crate::source::root;

/// What a document must say, and what it does say.
#[derive(Debug)]
pub(crate) struct Document {
    path: &'static str,
    text: String,
    /// The text in one line, without its tables and without what was said so far.
    rest: String,
    wrong: Vec<String>,
}

impl Document {
    /// Opens a document of the repository.
    pub(crate) fn open(path: &'static str) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap();
        Self {
            path,
            rest: words(&text),
            text,
            wrong: Vec::new(),
        }
    }

    /// Only a section counts, from its heading to the next one of the same level.
    pub(crate) fn section(mut self, heading: &str) -> Self {
        let level = heading.split(' ').next().unwrap();
        let next = format!("\n{level} ");
        let (_, section) = self
            .text
            .split_once(&format!("\n{heading}\n"))
            .unwrap_or_else(|| panic!("{}: no heading {heading:?}", self.path));
        let section = section.split(&next).next().unwrap_or(section);
        self.rest = words(section);
        self
    }

    /// The table of this name is this one. With `UPDATE_FIGURES` it is written.
    pub(crate) fn table(&mut self, name: &str, table: &str) {
        let start = format!("<!-- figures: {name} -->\n");
        let there = self.text.split_once(&start);
        let there = there.and_then(|(_, rest)| Some(rest.split_once("<!-- end -->")?.0));
        let Some(there) = there.map(str::to_owned) else {
            self.wrong.push(format!("no {start}...\n<!-- end -->"));
            return;
        };
        self.rest = self.rest.replace(&words(&there), " ");
        if there == table {
            return;
        }
        if env::var_os("UPDATE_FIGURES").is_some() {
            self.text = self
                .text
                .replace(&format!("{start}{there}"), &format!("{start}{table}"));
            fs::write(root().join(self.path), &self.text).unwrap();
        } else {
            self.wrong
                .push(format!("table {name} differs, expected\n{table}"));
        }
    }

    /// The document says this, with other white space perhaps.
    pub(crate) fn says(&mut self, words_of_it: &str) {
        let wanted = words(words_of_it);
        match self.rest.contains(&wanted) {
            true => self.rest = self.rest.replace(&wanted, " | "),
            false => self.wrong.push(format!("does not say: {wanted}")),
        }
    }

    /// Everything that had to be there is.
    pub(crate) fn holds(&self) {
        assert!(
            self.wrong.is_empty(),
            "{}:\n{}",
            self.path,
            self.wrong.join("\n")
        );
    }

    /// And no figure is left: no number with decimals, none in percent.
    pub(crate) fn holds_and_says_nothing_else(&self) {
        self.holds();
        let left: Vec<&str> = self
            .rest
            .split('|')
            .filter(|part| has_figure(part))
            .collect();
        assert!(
            left.is_empty(),
            "{}: from no file:\n{}",
            self.path,
            left.join("\n")
        );
    }
}

/// One line, in which words have one blank between them.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether there is a number with decimals, or one in percent. Numbers of sections, equations and the like do not count.
fn has_figure(text: &str) -> bool {
    const NUMBERED: [&str; 4] = ["section", "eq", "version", "decision"];
    let tokens: Vec<&str> = text.split(' ').collect();
    let bare = |token: &str| -> String {
        let inside = token.trim_matches(|c: char| !c.is_alphanumeric());
        inside.to_owned()
    };
    (0..tokens.len()).any(|i| {
        let token = bare(tokens[i]);
        let numbered = i > 0 && NUMBERED.contains(&&bare(tokens[i - 1])[..]);
        let number = token.parse::<f64>().is_ok() && !numbered;
        let percent = tokens.get(i + 1).is_some_and(|next| next.starts_with('%'));
        number && (percent || token.contains('.'))
    })
}

#[test]
fn figures_are_told_from_other_numbers() {
    for text in ["is 0.51, and", "(0.1)", "of 12 % of", "\u{b1} 1.5."] {
        assert!(has_figure(text), "{text}");
    }
    for text in ["12 people.", "conv4_3", "(section 5.1)", "a0.5b", "3.3.1"] {
        assert!(!has_figure(text), "{text}");
    }
}
