//! The faces of a page: a request, and variations of it by one attribute each.

use deepface_client::v1::RequestedAttribute;

use crate::wishes::{Catalogue, say_all};

/// The default sweep: clearly visible attributes, each of its own group.
const DEFAULT_SWEEP: [&str; 6] = [
    "Male",
    "Senior",
    "Smiling",
    "Eyeglasses",
    "Blond Hair",
    "Mustache",
];

/// The rows of a page.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The request that is varied; empty if the page shows only variations.
    pub(crate) base: Vec<RequestedAttribute>,
    /// The base, unless it is empty, then its variations.
    pub(crate) rows: Vec<Row>,
}

/// One request, shown with several seeds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// How it differs from the base; `None` for the base itself.
    pub(crate) varied: Option<RequestedAttribute>,
    /// All that is requested.
    pub(crate) wishes: Vec<RequestedAttribute>,
    /// Attributes to keep, but for those that are requested.
    pub(crate) keep: Vec<String>,
}

impl Row {
    /// The name of the row.
    pub(crate) fn label(&self) -> String {
        let Some(varied) = &self.varied else {
            return say_all(&self.wishes);
        };
        let preposition = if varied.absent { "without" } else { "with" };
        let attribute = RequestedAttribute {
            absent: false,
            ..varied.clone()
        };
        format!("{preposition} {attribute}")
    }
}

impl Plan {
    /// For each attribute of the sweep the base with it and, if the method supports absence, without it. Repeated rows
    /// are left out.
    pub(crate) fn new(
        base: Vec<RequestedAttribute>,
        sweep: &[RequestedAttribute],
        keep: &[String],
        absence: bool,
    ) -> Self {
        let mut rows = Vec::new();
        let mut add = |varied: Option<RequestedAttribute>, wishes: Vec<RequestedAttribute>| {
            let asked = |name: &&String| wishes.iter().any(|wish| wish.name == **name);
            let row = Row {
                varied,
                keep: keep.iter().filter(|name| !asked(name)).cloned().collect(),
                wishes,
            };
            let known = rows.iter().any(|other: &Row| other.wishes == row.wishes);
            if !known && !row.wishes.is_empty() {
                rows.push(row);
            }
        };
        add(None, base.clone());
        for attribute in sweep {
            for absent in [false, true]
                .into_iter()
                .filter(|absent| absence || !absent)
            {
                let varied = RequestedAttribute {
                    absent,
                    ..attribute.clone()
                };
                let wishes = vary(&base, &varied);
                add(Some(varied), wishes);
            }
        }
        Self { base, rows }
    }

    /// Whether the first row is the base.
    pub(crate) fn has_base(&self) -> bool {
        !self.base.is_empty()
    }
}

/// The default sweep, without unknown attributes and groups that the base decides.
pub(crate) fn default_sweep(
    catalogue: &Catalogue,
    base: &[RequestedAttribute],
) -> Vec<RequestedAttribute> {
    let taken: Vec<_> = base
        .iter()
        .filter_map(|wish| catalogue.find(&wish.name))
        .map(|info| &info.group)
        .collect();
    DEFAULT_SWEEP
        .into_iter()
        .filter_map(|name| catalogue.find(name))
        .filter(|info| !taken.contains(&&info.group))
        .map(|info| RequestedAttribute::present(&info.name))
        .collect()
}

/// The base with one attribute changed or added.
fn vary(base: &[RequestedAttribute], varied: &RequestedAttribute) -> Vec<RequestedAttribute> {
    let mut wishes = base.to_vec();
    match wishes.iter_mut().find(|wish| wish.name == varied.name) {
        Some(wish) => *wish = varied.clone(),
        None => wishes.push(varied.clone()),
    }
    wishes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wishes::tests::{catalogue, wishes};

    fn labels(plan: &Plan) -> Vec<String> {
        let line = |row: &Row| format!("{}: {}", row.label(), say_all(&row.wishes));
        plan.rows.iter().map(line).collect()
    }

    #[test]
    fn an_attribute_is_shown_with_and_without() {
        let plan = Plan::new(wishes("Male, not Bald"), &wishes("Smiling=2"), &[], true);
        let expected = [
            "Male, not Bald: Male, not Bald",
            "with Smiling=2: Male, not Bald, Smiling=2",
            "without Smiling=2: Male, not Bald, not Smiling=2",
        ];
        assert_eq!(labels(&plan), expected);
    }

    #[test]
    fn repeated_rows_are_left_out() {
        let plan = Plan::new(
            wishes("Male, not Bald"),
            &wishes("Male, Bald, Bald"),
            &[],
            true,
        );
        let expected = [
            "Male, not Bald: Male, not Bald",
            "without Male: not Male, not Bald",
            "with Bald: Male, Bald",
        ];
        assert_eq!(labels(&plan), expected);
    }

    #[test]
    fn what_a_row_asks_for_it_does_not_keep() {
        let keep = ["Male", "Young"].map(str::to_owned);
        let plan = Plan::new(wishes("Bald"), &wishes("Male"), &keep, false);
        assert_eq!(plan.rows[0].keep, keep);
        assert_eq!(plan.rows[1].keep, ["Young"]);
    }

    #[test]
    fn without_a_base_there_are_only_variations() {
        let plan = Plan::new(Vec::new(), &wishes("Male"), &[], true);
        assert_eq!(labels(&plan), ["with Male: Male", "without Male: not Male"]);
        assert!(!plan.has_base());
        let plan = Plan::new(wishes("Bald"), &wishes("Male"), &[], false);
        assert_eq!(labels(&plan), ["Bald: Bald", "with Male: Bald, Male"]);
    }

    #[test]
    fn the_default_sweep_skips_groups_of_the_base() {
        let catalogue = catalogue(&[
            ("Male", "gender"),
            ("Smiling", "expression"),
            ("Frowning", "expression"),
            ("Eyeglasses", "eyewear"),
        ]);
        let sweep = default_sweep(&catalogue, &wishes("not Frowning"));
        assert_eq!(say_all(&sweep), "Male, Eyeglasses");
    }
}
