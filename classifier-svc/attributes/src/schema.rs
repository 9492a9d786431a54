//! A schema: attributes in groups.

use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::names::snake_case;
use crate::{AttributeId, kumar, same_name};

/// Most attributes of a schema.
const MOST: usize = 1024;
/// Longest name, in characters.
const LONGEST: usize = 64;

/// Attributes that exclude each other, more or less; one softmax head serves each group, with "none of these" as its
/// last answer. A group of one attribute is a binary head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name, in snake case.
    pub name: String,
    /// Names of its attributes.
    pub attributes: Vec<String>,
}

/// The attributes that a model, a statistics file or a data set knows, in groups. Cheap to clone.
///
/// The default has Kumar's 73 attributes in 42 groups.
#[derive(Clone)]
pub struct Schema(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    groups: Vec<Group>,
    /// Of all attributes, group by group.
    names: Vec<String>,
    /// The number of each attribute's group.
    group_of: Vec<usize>,
}

/// Why groups are not a schema: what was expected and what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError(String);

impl Schema {
    /// A schema of these groups, at most 1024 attributes.
    ///
    /// # Errors
    /// There is no attribute or too many, a group is empty, or a name is empty, too long, unprintable or repeated (case,
    /// spaces and punctuation do not count).
    pub fn new(groups: Vec<Group>) -> Result<Self, SchemaError> {
        let count: usize = groups.iter().map(|g| g.attributes.len()).sum();
        if !(1..=MOST).contains(&count) {
            return Err(SchemaError(format!(
                "expected 1 to {MOST} attributes, got {count}"
            )));
        }
        if let Some(empty) = groups.iter().find(|g| g.attributes.is_empty()) {
            return Err(SchemaError(format!(
                "group {:?} has no attributes",
                empty.name
            )));
        }
        check_names("group", groups.iter().map(|g| g.name.as_str()))?;
        let names: Vec<String> = groups.iter().flat_map(|g| g.attributes.clone()).collect();
        check_names("attribute", names.iter().map(String::as_str))?;
        let group_of = groups.iter().enumerate();
        let group_of = group_of.flat_map(|(i, g)| g.attributes.iter().map(move |_| i));
        Ok(Self(Arc::new(Inner {
            group_of: group_of.collect(),
            names,
            groups,
        })))
    }

    /// A schema in which every attribute is a group of its own.
    ///
    /// # Errors
    /// As [`Schema::new`].
    pub fn ungrouped<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, SchemaError> {
        let group = |name: &str| Group {
            name: snake_case(name),
            attributes: vec![name.to_owned()],
        };
        Self::new(names.into_iter().map(group).collect())
    }

    /// Reads a table of groups: a group a line, its name, a tab, and its attributes separated by commas. Empty lines,
    /// lines that begin with `#`, and a header `group`, `attributes` are left out.
    ///
    /// # Errors
    /// A line has another form, named by its number, or as [`Schema::new`].
    pub fn parse(table: &str) -> Result<Self, SchemaError> {
        let table = table.strip_prefix('\u{feff}').unwrap_or(table);
        let lines = table.lines().enumerate();
        let lines = lines.map(|(i, line)| (i + 1, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let mut groups = Vec::new();
        for (number, line) in lines {
            let (name, attributes) = line.split_once('\t').ok_or_else(|| {
                SchemaError(format!(
                    "line {number}: expected a group, a tab and its attributes, got {line:?}"
                ))
            })?;
            if groups.is_empty() && same_name(name, "group") && same_name(attributes, "attributes")
            {
                continue;
            }
            let attributes = attributes.split(',').map(|a| a.trim().to_owned());
            groups.push(Group {
                name: name.trim().to_owned(),
                attributes: attributes.filter(|a| !a.is_empty()).collect(),
            });
        }
        Self::new(groups)
    }

    /// The groups, in the order of the heads.
    pub fn groups(&self) -> &[Group] {
        &self.0.groups
    }

    /// Number of attributes.
    #[expect(clippy::len_without_is_empty, reason = "a schema is never empty")]
    pub fn len(&self) -> usize {
        self.0.names.len()
    }

    /// All attributes, in order.
    pub fn all(
        &self,
    ) -> impl ExactSizeIterator<Item = AttributeId> + DoubleEndedIterator + Clone + use<> {
        (0..self.len() as u16).map(AttributeId::new)
    }

    /// The names of all attributes, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.0.names.iter().map(String::as_str)
    }

    /// The attribute with this number, if there is one.
    pub fn id(&self, index: usize) -> Option<AttributeId> {
        (index < self.len()).then(|| AttributeId::new(index as u16))
    }

    /// The name of an attribute of this schema; empty for one of another schema.
    pub fn name(&self, attribute: AttributeId) -> &str {
        self.0.names.get(attribute.index()).map_or("", |n| n)
    }

    /// The group of an attribute of this schema; the last group for one of another schema.
    pub fn group(&self, attribute: AttributeId) -> &Group {
        let groups = &self.0.groups;
        let group = self.0.group_of.get(attribute.index());
        &groups[group.copied().unwrap_or(groups.len() - 1)]
    }

    /// The attribute of this name; case, spaces and punctuation do not count. A name of a megabyte costs no more than a
    /// short one.
    pub fn find(&self, name: &str) -> Option<AttributeId> {
        if name.len() > 4 * LONGEST {
            return None;
        }
        let exact = self.0.names.iter().position(|n| n == name);
        let index = exact.or_else(|| self.0.names.iter().position(|n| same_name(n, name)));
        self.id(index?)
    }

    /// The schema of those attributes that `keep` marks, in their groups; `None` if it marks none. `keep` has a value for
    /// every attribute.
    pub fn restrict(&self, keep: &[bool]) -> Option<Self> {
        if keep.iter().all(|&k| k) {
            return Some(self.clone());
        }
        let mut keep = keep.iter();
        let groups = self.groups().iter().map(|group| Group {
            name: group.name.clone(),
            attributes: (group.attributes.iter().zip(&mut keep))
                .filter(|(_, keep)| **keep)
                .map(|(name, _)| name.clone())
                .collect(),
        });
        Self::new(groups.filter(|g| !g.attributes.is_empty()).collect()).ok()
    }

    /// Whether this is the default schema.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Names are printable, neither empty nor long, and distinct.
fn check_names<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), SchemaError> {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        let long = name.chars().count() > LONGEST;
        if long || !name.chars().any(char::is_alphanumeric) || name.chars().any(char::is_control) {
            let head: String = name.chars().take(LONGEST).collect();
            return Err(SchemaError(format!(
                "{what} {head:?}: expected a name of 1 to {LONGEST} printable characters"
            )));
        }
        if let Some(other) = seen.iter().find(|other| same_name(other, name)) {
            return Err(SchemaError(format!(
                "{what} {name:?} has the same name as {other:?}"
            )));
        }
        seen.push(name);
    }
    Ok(())
}

impl Default for Schema {
    fn default() -> Self {
        static KUMAR: LazyLock<Schema> = LazyLock::new(|| {
            let group = |&(name, attributes): &(&str, &[&str])| Group {
                name: name.to_owned(),
                attributes: attributes.iter().map(|&a| a.to_owned()).collect(),
            };
            let groups = kumar::KUMAR.iter().map(group).collect();
            Schema::new(groups).expect("a test checks the built-in groups")
        });
        KUMAR.clone()
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Schema {}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (attributes, groups) = (self.len(), self.groups().len());
        write!(f, "Schema({attributes} attributes in {groups} groups)")
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SchemaError {}

#[cfg(test)]
mod tests;
