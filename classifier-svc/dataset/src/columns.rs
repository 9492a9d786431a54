//! Which column of a label file is which attribute.

use deepface_attributes::Schema;

use crate::header::{Header, Layout};

/// Most names that a message lists.
const LISTED: usize = 8;

/// Which attributes a data set is read with.
#[derive(Clone, Debug, Default)]
pub enum Vocabulary {
    /// Those of the label file: the default schema for a table by people and numbers of which at least half of the columns
    /// are in it (LFW and PubFig); else every column, as a group of its own.
    #[default]
    OfFile,
    /// These, such as a model's. Other columns are left out, and attributes without a column are unknown.
    Of(Schema),
}

/// The columns of the attributes of a data set.
#[derive(Debug)]
pub(crate) struct Columns {
    pub(crate) schema: Schema,
    /// Per attribute of the schema, its column and that column's name.
    pub(crate) of: Vec<Option<(usize, String)>>,
    /// What is left out or missing.
    pub(crate) remarks: Vec<String>,
}

impl Columns {
    /// Finds the columns of all attributes.
    ///
    /// # Errors
    /// No column is an attribute, two columns are the same one, or the names cannot be a schema.
    pub(crate) fn find(header: &Header, vocabulary: &Vocabulary) -> Result<Self, String> {
        let names = || header.attributes.iter().map(|(_, name)| name.as_str());
        let schema = match vocabulary {
            Vocabulary::Of(schema) => schema.clone(),
            Vocabulary::OfFile => {
                let own = Schema::default();
                let known = names().filter(|name| own.find(name).is_some()).count();
                let people = matches!(header.layout, Layout::People { .. });
                if people && known > 0 && 2 * known >= header.attributes.len() {
                    own
                } else {
                    Schema::ungrouped(names()).map_err(|e| e.to_string())?
                }
            }
        };
        let mut of: Vec<Option<(usize, String)>> = vec![None; schema.len()];
        let mut left_out = Vec::new();
        for (column, name) in &header.attributes {
            match schema
                .find(name)
                .map(|attribute| &mut of[attribute.index()])
            {
                None => left_out.push(name.as_str()),
                Some(Some((_, other))) => {
                    return Err(format!(
                        "columns {other:?} and {name:?} are the same attribute"
                    ));
                }
                Some(free) => *free = Some((*column, name.clone())),
            }
        }
        let missing = schema.names().zip(&of).filter(|(_, c)| c.is_none());
        let missing: Vec<&str> = missing.map(|(name, _)| name).collect();
        if missing.len() == schema.len() {
            return Err(format!(
                "expected columns such as {}, got {}",
                listed(&missing),
                listed(&names().collect::<Vec<_>>())
            ));
        }
        let mut remarks = Vec::new();
        if !left_out.is_empty() {
            remarks.push(format!("columns left out: {}", listed(&left_out)));
        }
        if !missing.is_empty() {
            let (n, all) = (missing.len(), schema.len());
            remarks.push(format!(
                "no column for {n} of {all} attributes: {}",
                listed(&missing)
            ));
        }
        Ok(Self {
            schema,
            of,
            remarks,
        })
    }
}

/// The first names, and how many others there are.
pub(crate) fn listed(names: &[&str]) -> String {
    match names.len() {
        0 => "none".into(),
        n if n <= LISTED => names.join(", "),
        n => format!("{} and {} more", names[..LISTED].join(", "), n - LISTED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(header: &str, vocabulary: &Vocabulary) -> Result<Columns, String> {
        Columns::find(&Header::read(header).unwrap(), vocabulary)
    }

    #[test]
    fn a_table_of_people_has_the_default_attributes_and_may_lack_some() {
        let own = Vocabulary::OfFile;
        let columns = find("person,imagenum,Blond_Hair,male,Tall", &own).unwrap();
        assert!(columns.schema.is_default());
        assert_eq!(columns.of[0].as_ref().unwrap().0, 3);
        assert_eq!(columns.of.iter().flatten().count(), 2);
        assert_eq!(columns.remarks[0], "columns left out: Tall");
        let rest = "no column for 71 of 73 attributes: Asian, White, Black, Indian, Baby, Child, Youth, Middle Aged \
                    and 63 more";
        assert_eq!(columns.remarks[1], rest);
    }

    #[test]
    fn other_tables_have_their_own_attributes() {
        for header in ["person,imagenum,Male,Tall,Happy", "file,Male,Smiling"] {
            let columns = find(header, &Vocabulary::OfFile).unwrap();
            assert_eq!(columns.schema.len(), columns.of.iter().flatten().count());
            assert!(columns.remarks.is_empty());
        }
        let schema = Schema::ungrouped(["Smiling", "Young"]).unwrap();
        let columns = find("file,Male,Smiling", &Vocabulary::Of(schema)).unwrap();
        assert_eq!(columns.of, [Some((2, "Smiling".to_owned())), None]);
    }

    #[test]
    fn columns_that_are_no_attributes_are_refused() {
        let schema = Vocabulary::Of(Schema::ungrouped(["Young"]).unwrap());
        let problem = find("file,Male,Smiling", &schema).unwrap_err();
        assert_eq!(problem, "expected columns such as Young, got Male, Smiling");
        let problem = find("person,imagenum,Male,male", &Vocabulary::OfFile).unwrap_err();
        assert_eq!(
            problem,
            "columns \"Male\" and \"male\" are the same attribute"
        );
        assert!(find("file,partition", &Vocabulary::OfFile).is_err());
    }
}
