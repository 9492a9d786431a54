//! The attributes of a request: by name, each once, and without contradictions.

use deepface_attributes::{AttributeId, Schema, same_name, synonyms};
use deepface_proto::v1::RequestedAttribute;
use deepface_serve::{Violations, meant, unknown_but};

use super::check::only_for;
use super::method::Method;
use crate::defaults;
use crate::gaussian::{Asked, Wish};

/// Largest strength.
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

/// Checks everything that a request says about attributes.
///
/// # Errors
/// Everything that is wrong with the requested and the kept attributes.
pub(super) fn wish(
    schema: &Schema,
    requested: &[RequestedAttribute],
    keep: &[String],
    method: Method,
) -> Result<Wish, Violations> {
    let asked = asked(schema, requested, method, "attributes");
    let kept = kept(schema, keep, method, asked.as_deref().unwrap_or_default());
    match (asked, kept) {
        (Ok(asked), Ok(kept)) => Ok(Wish { asked, kept }),
        (asked, kept) => Err([asked.err(), kept.err()].into_iter().flatten().collect()),
    }
}

/// Checks the requested attributes; `field` is where they stand in the request.
fn asked(
    schema: &Schema,
    requested: &[RequestedAttribute],
    method: Method,
    field: &str,
) -> Result<Vec<Asked>, Violations> {
    if requested.is_empty() {
        let problem = "expected at least 1 attribute, got none";
        return Err(Violations::one(field, problem));
    }
    not_more_than_there_are(schema, requested.len(), field)?;
    let mut violations = Violations::new();
    let mut asked: Vec<Asked> = Vec::with_capacity(requested.len());
    for (i, r) in requested.iter().enumerate() {
        let at = format!("{field}[{i}]");
        let strength = r.strength.unwrap_or(defaults::STRENGTH);
        if !(strength > 0.0 && strength <= MAX_STRENGTH) {
            let wrong = format!("expected more than 0 and at most {MAX_STRENGTH}, got {strength}");
            violations.add(format!("{at}.strength"), wrong);
        }
        if !method.takes_absence_and_strength() {
            violations.extend(absence_or_strength(r, &at));
        }
        match schema.find(&r.name) {
            None => violations.add(
                format!("{at}.name"),
                unlisted(schema, &r.name, Some(r.absent)),
            ),
            Some(attribute) => {
                if let Some(problem) = clash(schema, &asked, attribute, r.absent) {
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

/// Checks the attributes to keep.
fn kept(
    schema: &Schema,
    keep: &[String],
    method: Method,
    asked: &[Asked],
) -> Result<Vec<AttributeId>, Violations> {
    not_more_than_there_are(schema, keep.len(), "keep")?;
    let mut violations = Violations::new();
    if !method.describes() && !keep.is_empty() {
        violations.add("keep", only_for("keep", Method::describes));
    }
    let mut kept = Vec::with_capacity(keep.len());
    for (i, name) in keep.iter().enumerate() {
        let at = format!("keep[{i}]");
        match schema.find(name) {
            None => violations.add(at, unlisted(schema, name, None)),
            Some(attribute) if kept.contains(&attribute) => {
                let name = schema.name(attribute);
                violations.add(at, format_args!("`keep` names {name} twice"));
            }
            Some(attribute) if asked.iter().any(|a| a.attribute == attribute) => {
                let name = schema.name(attribute);
                let problem = format_args!("`keep` names {name}, which is also requested");
                violations.add(at, problem);
            }
            Some(attribute) => kept.push(attribute),
        }
    }
    violations.or(kept)
}

fn not_more_than_there_are(schema: &Schema, got: usize, field: &str) -> Result<(), Violations> {
    let most = schema.len();
    if got <= most {
        return Ok(());
    }
    let problem = format!("expected at most {most} attributes, got {got}");
    Err(Violations::one(field, problem))
}

/// What a method that only sums over present attributes would leave out is refused, not ignored.
fn absence_or_strength(r: &RequestedAttribute, at: &str) -> Violations {
    let mut violations = Violations::new();
    let mut refuse = |name: &str| {
        let problem = only_for(name, Method::takes_absence_and_strength);
        violations.add(format!("{at}.{name}"), problem);
    };
    if r.absent {
        refuse("absent");
    }
    if r.strength.is_some_and(|s| s != 1.0) {
        refuse("strength");
    }
    violations
}

/// Says that there is no such attribute, and what was probably meant by it; `absent` is what the request says of it,
/// `None` where that does not matter.
fn unlisted(schema: &Schema, name: &str, absent: Option<bool>) -> String {
    let known: Vec<_> = schema.names().collect();
    let synonyms: Vec<_> = synonyms().map(|s| (s.word, s.name, s.absent)).collect();
    let suggestion = |meant: deepface_serve::Meant<'_>| match absent {
        Some(absent) if absent != meant.absent => format!("`absent` {}", meant.name),
        _ => meant.name.to_owned(),
    };
    let near = meant(name, &known, &synonyms).into_iter().map(suggestion);
    let hint = "ListAttributes lists them";
    unknown_but("attribute", name, &near.collect::<Vec<_>>(), hint)
}

/// Why an attribute cannot be requested beside those before it.
fn clash(
    schema: &Schema,
    before: &[Asked],
    attribute: AttributeId,
    absent: bool,
) -> Option<String> {
    let this = schema.name(attribute);
    if let Some(other) = before.iter().find(|a| a.attribute == attribute) {
        return Some(if other.absent == absent {
            format!("{this} is requested twice")
        } else {
            format!("{this} is requested to be both present and absent")
        });
    }
    if absent {
        return None;
    }
    let contradicts = |other: &&str| {
        let pair = |(a, b): &(&str, &str)| same_name(a, this) && same_name(b, other);
        CONTRADICTIONS
            .iter()
            .any(|&(a, b)| pair(&(a, b)) || pair(&(b, a)))
    };
    let present = before.iter().filter(|a| !a.absent);
    let mut present = present.map(|a| schema.name(a.attribute));
    let other = present.find(contradicts)?;
    Some(format!("{this} contradicts {other}: no face shows both"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGRESSION: Method = Method::Regression;

    fn schema() -> Schema {
        Schema::default()
    }

    fn request(names: &[(&str, bool)]) -> Vec<RequestedAttribute> {
        let one = |&(name, absent): &(&str, bool)| RequestedAttribute {
            name: name.into(),
            absent,
            strength: None,
        };
        names.iter().map(one).collect()
    }

    fn problems(names: &[(&str, bool)]) -> String {
        let violations = asked(&schema(), &request(names), REGRESSION, "attributes").unwrap_err();
        violations
            .iter()
            .map(|(f, d)| format!("{f}: {d}; "))
            .collect()
    }

    #[test]
    fn problems_are_named_with_their_field() {
        assert!(problems(&[]).contains("expected at least 1 attribute"));
        let unknown = problems(&[("Male", false), ("Eyeglases", false)]);
        assert!(unknown.contains(
            "attributes[1].name: unknown attribute \"Eyeglases\"; did you mean Eyeglasses"
        ));
        let female = |absent| problems(&[("Female", absent)]);
        assert!(female(false).contains("did you mean `absent` Male?"));
        assert!(female(true).contains("did you mean Male?"));
        assert!(problems(&[("glasses", false)]).contains("did you mean Eyeglasses, Sunglasses?"));
        assert!(problems(&[("Male", false), ("male", false)]).contains("twice"));
        assert!(problems(&[("Male", false), ("male", true)]).contains("both present and absent"));
        let both = problems(&[("Blond Hair", false), ("Black Hair", false)]);
        assert!(both.contains("attributes[1]: Black Hair contradicts Blond Hair"));
        assert!(
            asked(
                &schema(),
                &request(&[("Brown Hair", false), ("Black Hair", false)]),
                REGRESSION,
                "a"
            )
            .is_ok()
        );
        assert!(
            asked(
                &schema(),
                &request(&[("Blond Hair", true), ("Black Hair", false)]),
                REGRESSION,
                "a"
            )
            .is_ok()
        );
        assert!(
            asked(
                &schema(),
                &request(&[("Mustache", false), ("Goatee", false)]),
                REGRESSION,
                "a"
            )
            .is_ok()
        );
    }

    #[test]
    fn what_is_kept_cannot_be_requested() {
        let keep = |names: &[&str], method| {
            let names: Vec<String> = names.iter().map(|&n| n.into()).collect();
            wish(&schema(), &request(&[("Male", false)]), &names, method)
        };
        let good = keep(&["smiling", "Eyeglasses"], REGRESSION).unwrap();
        assert_eq!(good.kept.len(), 2);
        for (names, method, expected) in [
            (
                &["male"][..],
                REGRESSION,
                "keep[0]: `keep` names Male, which is also requested",
            ),
            (
                &["bald", "Bald"],
                REGRESSION,
                "keep[1]: `keep` names Bald twice",
            ),
            (&["Smilling"], REGRESSION, "did you mean Smiling"),
            (&["woman"], REGRESSION, "did you mean Male?"),
            (
                &["Bald"],
                Method::CgmmMean,
                "keep: `keep` applies only to METHOD_REGRESSION",
            ),
        ] {
            let violations = keep(names, method).unwrap_err();
            let said = violations.iter().map(|(f, d)| format!("{f}: {d}"));
            assert!(said.collect::<String>().contains(expected), "{expected}");
        }
    }

    #[test]
    fn contradictions_name_attributes_that_exist() {
        for (a, b) in CONTRADICTIONS {
            let found = [a, b].map(|name| schema().find(name));
            assert!(found.iter().all(Option::is_some), "{a} {b}");
            assert!(problems(&[(a, false), (b, false)]).contains("contradicts"));
        }
    }

    #[test]
    fn what_the_papers_methods_would_ignore_is_refused() {
        let mut r = request(&[("Male", false), ("Smiling", true)]);
        r[0].strength = Some(2.0);
        for method in [Method::CgmmMean, Method::CgmmSample] {
            let violations = asked(&schema(), &r, method, "attributes").unwrap_err();
            let fields: Vec<_> = violations.iter().map(|(f, _)| f).collect();
            assert_eq!(fields, ["attributes[0].strength", "attributes[1].absent"]);
            let (_, said) = violations.iter().next().unwrap();
            let expected =
                "`strength` applies only to METHOD_REGRESSION and METHOD_CLASS_VISUALIZATION";
            assert_eq!(said, expected);
            let mut plain = request(&[("Male", false)]);
            plain[0].strength = Some(1.0);
            assert!(asked(&schema(), &plain, method, "attributes").is_ok());
        }
        for method in [Method::Regression, Method::ClassVisualization] {
            assert!(asked(&schema(), &r, method, "attributes").is_ok());
        }
    }

    #[test]
    fn strengths_have_bounds() {
        for strength in [0.0, -1.0, 4.5, f64::NAN, f64::INFINITY] {
            let mut r = request(&[("Male", false)]);
            r[0].strength = Some(strength);
            assert!(
                asked(&schema(), &r, REGRESSION, "attributes").is_err(),
                "{strength}"
            );
        }
    }
}
