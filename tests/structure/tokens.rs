//! Rust source as a list of words and signs, without comments, literals and the items of `cfg(test)`.

/// The words and signs of a source. `::` is one sign; numbers are words; literals in quotes are left out.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let rest = &chars[at..];
        at += match c {
            '/' if rest.get(1) == Some(&'/') => until(rest, '\n'),
            '/' if rest.get(1) == Some(&'*') => block_comment(rest),
            '"' => string(rest),
            '\'' => quote(rest),
            'r' | 'b' if raw_string(rest).is_some() => raw_string(rest).unwrap(),
            _ if word(c) => {
                let len = rest.iter().take_while(|&&c| word(c)).count();
                tokens.push(rest[..len].iter().collect());
                len
            }
            ':' if rest.get(1) == Some(&':') => {
                tokens.push("::".into());
                2
            }
            _ => {
                if !c.is_whitespace() {
                    tokens.push(c.into());
                }
                1
            }
        };
    }
    tokens
}

fn word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn until(rest: &[char], end: char) -> usize {
    rest.iter().take_while(|&&c| c != end).count()
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at + 1 < rest.len() {
        match (rest[at], rest[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// A character, or the apostrophe of a lifetime.
fn quote(rest: &[char]) -> usize {
    match (rest.get(1), rest.get(2)) {
        (Some('\\'), _) => 3 + until(&rest[3.min(rest.len())..], '\''),
        (_, Some('\'')) => 3,
        _ => 1,
    }
}

/// The length of `r"..."`, `r#"..."#`, `b"..."` or `br"..."`, where one starts here.
fn raw_string(rest: &[char]) -> Option<usize> {
    let prefix = rest.iter().take_while(|c| "br".contains(**c)).count();
    let raw = rest[..prefix].contains(&'r');
    let hashes = rest[prefix..].iter().take_while(|&&c| c == '#').count();
    if prefix > 2 || rest.get(prefix + hashes) != Some(&'"') || (hashes > 0 && !raw) {
        return None;
    }
    if !raw {
        return Some(prefix + string(&rest[prefix..]));
    }
    let start = prefix + hashes + 1;
    let mut end = start;
    while end < rest.len() {
        let closing =
            rest[end] == '"' && rest[end + 1..].iter().take_while(|&&c| c == '#').count() >= hashes;
        if closing {
            break;
        }
        end += 1;
    }
    Some(end + 1 + hashes)
}

/// Takes out the items under `#[cfg(test)]`; returns the others, and the names of modules taken out that have a file.
pub(crate) fn without_tests(tokens: &[String]) -> (Vec<String>, Vec<String>) {
    let marker = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut kept, mut modules, mut at) = (Vec::new(), Vec::new(), 0);
    while at < tokens.len() {
        let rest = &tokens[at..];
        if rest.len() > marker.len() && rest.iter().zip(marker).all(|(a, b)| a == b) {
            let len = item(&rest[marker.len()..]);
            let item = &rest[marker.len()..marker.len() + len];
            if let [.., module, name, end] = item
                && (module.as_str(), end.as_str()) == ("mod", ";")
            {
                modules.push(name.clone());
            }
            at += marker.len() + len;
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    (kept, modules)
}

/// The length of an item: to a semicolon outside of braces, or to the end of its braces, which a `use` goes on after.
fn item(tokens: &[String]) -> usize {
    let is_use = tokens.iter().take(5).any(|t| t == "use");
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth -= 1;
                if depth == 0 && token == "}" && !is_use {
                    return i + 1;
                }
            }
            ";" if depth == 0 => return i + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[test]
fn comments_literals_and_tests_are_left_out() {
    let text = "// a\n/* b /* c */ d */ e!(\"f \\\" g\", r#\"h\"#, b'i', '\\'', 'x: 1);\n\
                #[cfg(test)]\nmod tests;\n#[cfg(test)] mod k { use super::*; }\n#[cfg(test)] use l::{m, n};\nfn o<'p>() {}";
    let (kept, modules) = without_tests(&tokens(text));
    assert_eq!(kept.concat(), "e!(,,b,,x:1);fno<p>(){}");
    assert_eq!(modules, ["tests"]);
}
