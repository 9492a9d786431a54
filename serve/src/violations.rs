//! What is wrong with a request, field by field.

use std::collections::HashMap;
use std::fmt::Display;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::DOMAIN;

/// Most violations in one reply: details travel in trailers, whose size is limited.
const MOST: usize = 8;
/// Longest description, in characters.
const LONGEST: usize = 300;

/// The `reason` in `ErrorInfo` of an invalid request.
const REASON: &str = "INVALID_REQUEST";

/// Collects what is wrong with a request and becomes `INVALID_ARGUMENT` with `google.rpc.BadRequest`.
///
/// A field is a path such as `images[2].tensor.shape`.
#[derive(Debug, Default)]
pub struct Violations {
    list: Vec<FieldViolation>,
    omitted: usize,
}

impl Violations {
    /// No violations.
    pub fn new() -> Self {
        Self::default()
    }

    /// One violation.
    pub fn one(field: impl Into<String>, description: impl Display) -> Self {
        let mut violations = Self::new();
        violations.add(field, description);
        violations
    }

    /// Adds a violation; the description says what was expected and what came.
    pub fn add(&mut self, field: impl Into<String>, description: impl Display) {
        if self.list.len() == MOST {
            self.omitted += 1;
            return;
        }
        let text: String = description.to_string().chars().take(LONGEST).collect();
        self.list.push(FieldViolation::new(field, text));
    }

    /// Adds the violations of another check.
    pub fn extend(&mut self, other: Self) {
        self.omitted += other.omitted;
        for v in other.list {
            self.add(v.field, v.description);
        }
    }

    /// The same, for a request in which fields that begin with `ours` begin with `theirs`.
    #[must_use]
    pub fn renamed(mut self, ours: &str, theirs: &str) -> Self {
        for v in &mut self.list {
            if let Some(rest) = v.field.strip_prefix(ours) {
                v.field = format!("{theirs}{rest}");
            }
        }
        self
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// `value`, if there are no violations.
    ///
    /// # Errors
    /// The violations, if there are any.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }

    /// The fields and what is wrong with them, in the order found.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list
            .iter()
            .map(|v| (v.field.as_str(), v.description.as_str()))
    }

    /// The status: its message is the first violation and the number of others, its details carry them all.
    pub fn into_status(self) -> Status {
        let message = match self.list.as_slice() {
            [] => "the request is invalid".to_owned(),
            [v] => format!("{}: {}", v.field, v.description),
            [v, rest @ ..] => format!(
                "{}: {} (and {} more)",
                v.field,
                v.description,
                rest.len() + self.omitted
            ),
        };
        let mut details = ErrorDetails::with_bad_request(self.list);
        details.set_error_info(REASON, DOMAIN, HashMap::new());
        Status::with_error_details(Code::InvalidArgument, message, details)
    }
}

/// The violations of several checks.
impl FromIterator<Self> for Violations {
    fn from_iter<I: IntoIterator<Item = Self>>(found: I) -> Self {
        let mut all = Self::new();
        found.into_iter().for_each(|v| all.extend(v));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_violation_is_in_the_details() {
        let mut v = Violations::one("images[2].encoded", "expected a PNG or JPEG file");
        v.add(
            "layers[0]",
            format_args!("unknown layer {}", crate::quote("conv9")),
        );
        let status = v.into_status();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(
            status.message().starts_with("images[2].encoded: expected"),
            "{status}"
        );
        let details = status.get_error_details();
        let fields = &details.bad_request().unwrap().field_violations;
        assert_eq!(fields.len(), 2);
        assert_eq!(fields[1].field, "layers[0]");
        assert_eq!(details.error_info().unwrap().reason, "INVALID_REQUEST");
        assert_eq!(details.error_info().unwrap().domain, DOMAIN);
    }

    #[test]
    fn a_hostile_request_gets_a_short_answer() {
        let mut v = Violations::new();
        for i in 0..10_000 {
            v.add(format!("images[{i}]"), "é".repeat(1000));
        }
        let status = v.into_status();
        assert!(status.message().ends_with("(and 9999 more)"));
        assert!(
            status.details().len() < 8 * 1024,
            "{}",
            status.details().len()
        );
    }

    #[test]
    fn no_violations_are_no_error() {
        assert_eq!(Violations::new().or(7).unwrap(), 7);
        assert!(Violations::one("a", "b").or(7).is_err());
    }
}
