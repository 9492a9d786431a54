//! The header of a label file: which column is what.

use deepface_attributes::same_name;

use crate::fields::Separator;

/// Names of the column of files.
const FILE: [&str; 9] = [
    "file",
    "filename",
    "file name",
    "image",
    "image id",
    "path",
    "photo",
    "photograph",
    "picture",
];
/// Names of the column of people.
const PERSON: [&str; 5] = ["identity", "person", "person id", "identity id", "subject"];
/// Names of the column of splits.
const SPLIT: [&str; 3] = ["split", "partition", "subset"];
/// Names of the column of image numbers.
const NUMBER: [&str; 3] = ["imagenum", "image number", "number"];

/// How a row says which photograph it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// By a person and a number, as LFW's and PubFig's tables.
    People {
        /// Column of the person.
        person: usize,
        /// Column of the number.
        number: usize,
    },
    /// By a file, as CelebA's tables.
    Files {
        /// Column of the file.
        file: usize,
        /// Column of the person, if there is one.
        person: Option<usize>,
        /// Column of the split, if there is one.
        split: Option<usize>,
    },
}

/// A header.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) separator: Separator,
    pub(crate) layout: Layout,
    /// Column and name of everything else.
    pub(crate) attributes: Vec<(usize, String)>,
}

impl Header {
    /// Reads a line as a header; `None` if it is none: it names neither people and numbers nor files.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let line = match line.strip_prefix('#') {
            // The mark of a comment may be a field of its own.
            Some(rest) => rest.trim_start_matches(['\t', ',', ';', ' ']).trim(),
            None => line.trim(),
        };
        let separator = Separator::of(line);
        let names = separator.split(line);
        let find = |known: &[&str]| {
            let is = |name: &String| known.iter().any(|k| same_name(k, name));
            names.iter().position(is)
        };
        let (person, number) = (find(&PERSON), find(&NUMBER));
        let layout = match (person, number, find(&FILE)) {
            (Some(person), Some(number), _) => Layout::People { person, number },
            (person, _, Some(file)) => Layout::Files {
                file,
                person,
                split: find(&SPLIT),
            },
            _ => return None,
        };
        Some(Self::with(separator, layout, names))
    }

    /// The header of CelebA's own table: a line with the number of rows, then one with the names of the attributes; the
    /// first column of the rows, the file, has no name.
    pub(crate) fn celeba(names: &str) -> Self {
        let layout = Layout::Files {
            file: 0,
            person: None,
            split: None,
        };
        let mut names = Separator::Space.split(names);
        if !names
            .first()
            .is_some_and(|n| FILE.iter().any(|f| same_name(f, n)))
        {
            names.insert(0, String::new());
        }
        Self::with(Separator::Space, layout, names)
    }

    fn with(separator: Separator, layout: Layout, names: Vec<String>) -> Self {
        let taken = match layout {
            Layout::People { person, number } => [Some(person), Some(number), None],
            Layout::Files {
                file,
                person,
                split,
            } => [Some(file), person, split],
        };
        let others = names.into_iter().enumerate();
        let others = others.filter(|(i, name)| !taken.contains(&Some(*i)) && !name.is_empty());
        Self {
            separator,
            layout,
            attributes: others.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(header: &Header) -> Vec<&str> {
        header.attributes.iter().map(|(_, n)| n.as_str()).collect()
    }

    #[test]
    fn headers_of_all_layouts_are_read() {
        let people = Header::read("#\tperson\timagenum\tMale\tBlond Hair").unwrap();
        assert_eq!(
            people.layout,
            Layout::People {
                person: 0,
                number: 1
            }
        );
        assert_eq!(people.attributes[0], (2, "Male".to_owned()));
        for same in [
            "# person\timagenum\tMale\tBlond Hair",
            "#,person,imagenum,Male,Blond Hair",
            "person    imagenum    Male    Blond Hair",
        ] {
            let other = Header::read(same).unwrap();
            assert_eq!(other.layout, people.layout, "{same}");
            assert_eq!(other.attributes, people.attributes, "{same}");
        }
        let files = Header::read("image_id,identity,Male,partition").unwrap();
        let layout = Layout::Files {
            file: 0,
            person: Some(1),
            split: Some(3),
        };
        assert_eq!((files.layout, names(&files)), (layout, vec!["Male"]));
        let celeba = Header::celeba("5_o_Clock_Shadow Young ");
        assert_eq!(names(&celeba), ["5_o_Clock_Shadow", "Young"]);
        assert_eq!(celeba.attributes[0].0, 1);
    }

    #[test]
    fn comments_and_rows_are_no_headers() {
        for line in ["# LFW attributes", "Ann Bo\t1\t-1", "000001.jpg -1 1", "51"] {
            assert!(Header::read(line).is_none(), "{line}");
        }
    }
}
