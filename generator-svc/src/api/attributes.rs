//! The attributes of a request: by name, each once, and not against each other.

use deepface_attributes::AttributeId;
use deepface_proto::v1::{Method, RequestedAttribute};
use deepface_serve::{Violations, nearest, quote};

use crate::gaussian::{Asked, Wish};

/// Strongest request.
const MAX_STRENGTH: f64 = 4.0;

/// Pairs that no face shows at once. Most attributes of one group do go together in some photographs (brown and black
/// hair, a child and a youth, a mustache and a goatee), so groups as a whole are not exclusive; each of these pairs
/// stands in fewer than 1 in 1000 of the training photographs, which is the noise of their labels.
const CONTRADICTIONS: [(&str, &str); 10] = [
    ("No Eyewear", "Eyeglasses"),
    ("No Eyewear", "Sunglasses"),
    ("Smiling", "Frowning"),
    ("Mouth Closed", "Mouth Wide Open"),
    ("Black Hair", "Blond Hair"),
    ("Blond Hair", "Gray Hair"),
    ("Baby", "Middle Aged"),
    ("Baby", "Senior"),
    ("Child", "Middle Aged"),
    ("Child", "Senior"),
];

/// Checks the attributes of a request for a method; `field` is where they stand in it.
fn asked(
    requested: &[RequestedAttribute],
    method: Method,
    field: &str,
) -> Result<Vec<Asked>, Violations> {
    if requested.is_empty() {
        return Err(Violations::one(
            field,
            "expected at least 1 attribute, got none",
        ));
    }
    if requested.len() > AttributeId::names().count() {
        let got = requested.len();
        return Err(Violations::one(
            field,
            format_args!("expected at most 73 attributes, got {got}"),
        ));
    }
    let mut violations = Violations::new();
    let mut asked: Vec<Asked> = Vec::with_capacity(requested.len());
    for (i, r) in requested.iter().enumerate() {
        let at = format!("{field}[{i}]");
        let strength = r.strength.unwrap_or(1.0);
        if !(strength > 0.0 && strength <= MAX_STRENGTH) {
            let wrong =
                format_args!("expected above 0 to {MAX_STRENGTH}, got {strength}").to_string();
            violations.add(format!("{at}.strength"), wrong);
        }
        if matches!(method, Method::CgmmMean | Method::CgmmSample) {
            violations.extend(beyond_the_paper(r, method, &at));
        }
        match find(&r.name) {
            None => violations.add(format!("{at}.name"), unknown(&r.name)),
            Some(attribute) => {
                if let Some(problem) = clash(&asked, attribute, r.absent) {
                    violations.add(at, problem);
                }
                asked.push(Asked {
                    attribute,
                    absent: r.absent,
                    strength,
                });
            }
        }
    }
    violations.or(asked)
}

/// Checks everything that a request says about attributes.
pub(super) fn wish(
    requested: &[RequestedAttribute],
    keep: &[String],
    method: Method,
) -> Result<Wish, Violations> {
    let asked = asked(requested, method, "attributes");
    let kept = kept(keep, method, asked.as_deref().unwrap_or_default());
    match (asked, kept) {
        (Ok(asked), Ok(kept)) => Ok(Wish {
            asked,
            kept,
            completeness: 0.0,
        }),
        (asked, kept) => Err([asked.err(), kept.err()].into_iter().flatten().collect()),
    }
}

/// Checks the attributes that must stay as they are.
fn kept(keep: &[String], method: Method, asked: &[Asked]) -> Result<Vec<usize>, Violations> {
    let mut violations = Violations::new();
    if keep.len() > AttributeId::names().count() {
        let got = keep.len();
        let problem = format_args!("expected at most 73 attributes, got {got}");
        return Err(Violations::one("keep", problem));
    }
    let regresses = matches!(method, Method::Unspecified | Method::Regression);
    if !regresses && !keep.is_empty() {
        let (method, other) = (method.as_str_name(), Method::Regression.as_str_name());
        violations.add(
            "keep",
            format_args!("{method} cannot keep attributes; leave it out, or use {other}"),
        );
    }
    let mut kept = Vec::with_capacity(keep.len());
    for (i, wanted) in keep.iter().enumerate() {
        let at = format!("keep[{i}]");
        match find(wanted) {
            None => violations.add(at, unknown(wanted)),
            Some(attribute) if kept.contains(&attribute) => {
                violations.add(at, format_args!("{} is to be kept twice", name(attribute)));
            }
            Some(attribute) if asked.iter().any(|a| a.attribute == attribute) => {
                let problem = format_args!("{} is asked for, and cannot stay", name(attribute));
                violations.add(at, problem);
            }
            Some(attribute) => kept.push(attribute),
        }
    }
    violations.or(kept)
}

/// The paper's targets are sums over what should be there. What they would leave out is refused, not ignored.
fn beyond_the_paper(r: &RequestedAttribute, method: Method, at: &str) -> Violations {
    let mut violations = Violations::new();
    let (method, other) = (method.as_str_name(), Method::Regression.as_str_name());
    if r.absent {
        violations.add(
            format!("{at}.absent"),
            format_args!("{method} knows no absent attributes; leave it out, or use {other}"),
        );
    }
    if r.strength.is_some_and(|s| s != 1.0) {
        violations.add(
            format!("{at}.strength"),
            format_args!("{method} knows no strengths; leave it out, or use {other}"),
        );
    }
    violations
}

/// The number of an attribute; case, spaces and punctuation do not matter.
fn find(name: &str) -> Option<usize> {
    if name.len() > 64 {
        return None;
    }
    let plain = |s: &str| {
        s.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    let wanted = plain(name);
    AttributeId::names().position(|a| plain(a) == wanted)
}

fn unknown(name: &str) -> String {
    let near = nearest(name, AttributeId::names());
    let hint = match near.as_slice() {
        [] => "ListAttributes lists them".to_owned(),
        near => format!("did you mean {}?", near.join(", ")),
    };
    format!("unknown attribute {}; {hint}", quote(name))
}

fn name(attribute: usize) -> &'static str {
    AttributeId::names().nth(attribute).unwrap_or_default()
}

/// What speaks against asking for an attribute beside those before.
fn clash(before: &[Asked], attribute: usize, absent: bool) -> Option<String> {
    let this = name(attribute);
    if let Some(other) = before.iter().find(|a| a.attribute == attribute) {
        return Some(if other.absent == absent {
            format!("{this} is asked for twice")
        } else {
            format!("{this} is asked to be both present and absent")
        });
    }
    if absent {
        return None;
    }
    let contradicts = |other: &str| {
        CONTRADICTIONS.contains(&(this, other)) || CONTRADICTIONS.contains(&(other, this))
    };
    let present = before
        .iter()
        .filter(|a| !a.absent)
        .map(|a| name(a.attribute));
    let other = present.into_iter().find(|other| contradicts(other))?;
    Some(format!("{this} contradicts {other}: no face shows both"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGRESSION: Method = Method::Regression;

    fn request(names: &[(&str, bool)]) -> Vec<RequestedAttribute> {
        let one = |&(name, absent): &(&str, bool)| RequestedAttribute {
            name: name.into(),
            absent,
            strength: None,
        };
        names.iter().map(one).collect()
    }

    fn problems(names: &[(&str, bool)]) -> String {
        let violations = asked(&request(names), REGRESSION, "attributes").unwrap_err();
        violations
            .iter()
            .map(|(f, d)| format!("{f}: {d}; "))
            .collect()
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        for name in [
            "5 o' Clock Shadow",
            "5_o_clock_shadow",
            "5oclockshadow",
            "5-O'CLOCK-SHADOW",
        ] {
            assert_eq!(find(name), find("5 o' Clock Shadow"), "{name}");
            assert!(find(name).is_some());
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(problems(&[]).contains("expected at least 1 attribute"));
        let unknown = problems(&[("Male", false), ("Eyeglases", false)]);
        assert!(unknown.contains(
            "attributes[1].name: unknown attribute \"Eyeglases\"; did you mean Eyeglasses"
        ));
        assert!(problems(&[("Male", false), ("male", false)]).contains("twice"));
        assert!(problems(&[("Male", false), ("male", true)]).contains("both present and absent"));
        let both = problems(&[("Blond Hair", false), ("Black Hair", false)]);
        assert!(both.contains("attributes[1]: Black Hair contradicts Blond Hair"));
        assert!(
            asked(
                &request(&[("Brown Hair", false), ("Black Hair", false)]),
                REGRESSION,
                "a"
            )
            .is_ok()
        );
        assert!(
            asked(
                &request(&[("Blond Hair", true), ("Black Hair", false)]),
                REGRESSION,
                "a"
            )
            .is_ok()
        );
        assert!(
            asked(
                &request(&[("Mustache", false), ("Goatee", false)]),
                REGRESSION,
                "a"
            )
            .is_ok()
        );
    }

    #[test]
    fn what_is_kept_cannot_be_asked_for() {
        let keep = |names: &[&str], method| {
            let names: Vec<String> = names.iter().map(|&n| n.into()).collect();
            wish(&request(&[("Male", false)]), &names, method)
        };
        let good = keep(&["smiling", "Eyeglasses"], REGRESSION).unwrap();
        assert_eq!(good.kept.len(), 2);
        for (names, method, expected) in [
            (&["male"][..], REGRESSION, "keep[0]: Male is asked for"),
            (
                &["bald", "Bald"],
                REGRESSION,
                "keep[1]: Bald is to be kept twice",
            ),
            (&["Smilling"], REGRESSION, "did you mean Smiling"),
            (&["Bald"], Method::CgmmMean, "cannot keep"),
        ] {
            let violations = keep(names, method).unwrap_err();
            let said = violations.iter().map(|(f, d)| format!("{f}: {d}"));
            assert!(said.collect::<String>().contains(expected), "{expected}");
        }
    }

    #[test]
    fn contradictions_are_of_attributes_that_exist() {
        for (a, b) in CONTRADICTIONS {
            assert!(find(a).is_some() && find(b).is_some(), "{a} {b}");
            assert!(problems(&[(a, false), (b, false)]).contains("contradicts"));
        }
    }

    #[test]
    fn what_the_papers_methods_would_ignore_is_refused() {
        let mut r = request(&[("Male", false), ("Smiling", true)]);
        r[0].strength = Some(2.0);
        for method in [Method::CgmmMean, Method::CgmmSample] {
            let violations = asked(&r, method, "attributes").unwrap_err();
            let fields: Vec<_> = violations.iter().map(|(f, _)| f).collect();
            assert_eq!(fields, ["attributes[0].strength", "attributes[1].absent"]);
            let (_, said) = violations.iter().next().unwrap();
            assert!(said.contains(method.as_str_name()), "{said}");
            let mut plain = request(&[("Male", false)]);
            plain[0].strength = Some(1.0);
            assert!(asked(&plain, method, "attributes").is_ok());
        }
        for method in [Method::Regression, Method::ClassVisualization] {
            assert!(asked(&r, method, "attributes").is_ok());
        }
    }

    #[test]
    fn strengths_have_bounds() {
        for strength in [0.0, -1.0, 4.5, f64::NAN, f64::INFINITY] {
            let mut r = request(&[("Male", false)]);
            r[0].strength = Some(strength);
            assert!(asked(&r, REGRESSION, "attributes").is_err(), "{strength}");
        }
    }
}
