//! Collects what is wrong with the fields of one message.

use std::fmt::Display;
use std::ops::RangeInclusive;

use deepface_serve::Violations;

use super::method::Method;

/// Checks the fields below one field of a request.
pub(super) struct Check<'a> {
    field: &'a str,
    violations: Violations,
}

impl<'a> Check<'a> {
    /// Checks the message in this field; the request itself has no name.
    pub(super) fn new(field: &'a str) -> Self {
        Self {
            field,
            violations: Violations::new(),
        }
    }

    /// What was checked, or everything that is wrong with it.
    pub(super) fn or<T>(self, checked: T) -> Result<T, Violations> {
        self.violations.or(checked)
    }

    /// Adds a problem with a field.
    pub(super) fn add(&mut self, name: &str, problem: impl Display) {
        let field = match self.field {
            "" => name.to_owned(),
            message => format!("{message}.{name}"),
        };
        self.violations.add(field, problem);
    }

    /// A number within its range, or its default.
    pub(super) fn number(
        &mut self,
        name: &str,
        said: Option<f64>,
        default: f64,
        range: RangeInclusive<f64>,
    ) -> f64 {
        let value = said.unwrap_or(default);
        if !range.contains(&value) {
            let (low, high) = (range.start(), range.end());
            self.add(name, format_args!("expected {low} to {high}, got {value}"));
        }
        value
    }

    /// A whole number within its range, or its default.
    pub(super) fn whole(
        &mut self,
        name: &str,
        said: Option<i32>,
        default: usize,
        range: RangeInclusive<i32>,
    ) -> usize {
        let Some(value) = said else {
            return default;
        };
        if !range.contains(&value) {
            self.add(
                name,
                format_args!("expected {} to {}, got {value}", range.start(), range.end()),
            );
        }
        usize::try_from(value).unwrap_or(default)
    }

    /// A value of an enumeration; its default if this version does not have it.
    pub(super) fn known<E: TryFrom<i32> + Default>(&mut self, name: &str, value: i32) -> E {
        E::try_from(value).unwrap_or_else(|_| {
            self.add(name, format_args!("unknown value {value}"));
            E::default()
        })
    }
}

/// Whether a setting is given and has an effect, where 0 has none.
pub(super) fn matters(said: Option<f64>) -> bool {
    said.is_some_and(|value| value != 0.0)
}

/// Says to which methods a field applies: "`keep` applies only to METHOD_REGRESSION".
pub(super) fn only_for(name: &str, applies: fn(Method) -> bool) -> String {
    format!("`{name}` applies only to {}", Method::names(applies))
}
