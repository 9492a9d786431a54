//! A label file: a table with a row per photograph and a column per attribute.

use deepface_attributes::Schema;

use crate::columns::{Columns, Vocabulary};
use crate::header::{Header, Layout};
use crate::spelling::composed;
use crate::split::Split;
use crate::text::Text;

/// How a row names its photograph.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A person in folder spelling, and the number of the image.
    Person(String, u32),
    /// A path below the folder of photographs.
    File(String),
}

/// A row of a label file.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Number of its line, from 1.
    pub(crate) line: usize,
    pub(crate) key: Key,
    /// The person in folder spelling, if the row says who it is.
    pub(crate) person: Option<String>,
    /// The split, if the row says which.
    pub(crate) split: Option<Split>,
    /// Per attribute: above 0 is present; 0 where the table has no column for it.
    pub(crate) scores: Vec<f32>,
    pub(crate) labels: Vec<bool>,
}

/// A label file.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) schema: Schema,
    /// Whether there is a column for each attribute.
    pub(crate) known: Vec<bool>,
    pub(crate) rows: Vec<Row>,
    /// Whether rows name files, not people and numbers.
    pub(crate) by_file: bool,
    /// What a reader should know.
    pub(crate) remarks: Vec<String>,
}

/// What is wrong with a label file, and the number of the line.
pub(crate) type Problem = (usize, String);

impl Table {
    /// Reads the text of a label file.
    ///
    /// # Errors
    /// There is no header, or a row does not fit it.
    pub(crate) fn read(text: &Text, vocabulary: &Vocabulary) -> Result<Self, Problem> {
        let mut lines = text.lines();
        let (line, header) = header(&mut lines)?;
        let columns = Columns::find(&header, vocabulary).map_err(|problem| (line, problem))?;
        let rows = lines.filter(|(_, line)| !line.starts_with('#'));
        let rows = rows.map(|(line, text)| {
            let fields = header.separator.split(text);
            Row::read(line, &fields, &header, &columns).map_err(|problem| (line, problem))
        });
        let mut remarks = columns.remarks.clone();
        remarks.extend(text.remark.map(Into::into));
        Ok(Self {
            rows: rows.collect::<Result<_, _>>()?,
            by_file: matches!(header.layout, Layout::Files { .. }),
            known: columns.of.iter().map(Option::is_some).collect(),
            schema: columns.schema,
            remarks,
        })
    }
}

/// The header and the number of its line. Comments may come before it.
fn header<'a>(
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
) -> Result<(usize, Header), Problem> {
    let expected = "expected a header first: `# person imagenum ATTRIBUTE ...` as in LFW, a number of rows and the names \
                    of the attributes as in CelebA, or `file ATTRIBUTE ...`";
    let mut last = 1;
    for (number, line) in lines.by_ref() {
        last = number;
        if let Some(header) = Header::read(line) {
            return Ok((number, header));
        }
        if line.starts_with('#') {
            continue;
        }
        if line.trim().parse::<usize>().is_ok()
            && let Some((number, names)) = lines.next()
        {
            return Ok((number, Header::celeba(names)));
        }
        let start: String = line.chars().take(40).collect();
        return Err((number, format!("{expected}; got {start:?}")));
    }
    Err((last, format!("{expected}; got none")))
}

impl Row {
    fn read(
        line: usize,
        fields: &[String],
        header: &Header,
        columns: &Columns,
    ) -> Result<Self, String> {
        let used = columns.of.iter().flatten().map(|(column, _)| *column);
        let named = match header.layout {
            Layout::People { person, number } => person.max(number),
            Layout::Files {
                file,
                person,
                split,
            } => file.max(person.unwrap_or(0)).max(split.unwrap_or(0)),
        };
        let last = used.fold(named, usize::max);
        if fields.len() <= last {
            let got = fields.len();
            return Err(format!("expected at least {} fields, got {got}", last + 1));
        }
        let (key, person, split) = match header.layout {
            Layout::People { person, number } => {
                let field = &fields[number];
                let number = field.parse();
                let number =
                    number.map_err(|_| format!("expected an image number, got {field:?}"))?;
                let person = folder(&fields[person]);
                (Key::Person(person.clone(), number), Some(person), None)
            }
            Layout::Files {
                file,
                person,
                split,
            } => {
                let split = split
                    .map(|split| Split::parse(&fields[split]))
                    .transpose()?;
                let person = person.map(|person| folder(&fields[person]));
                (Key::File(composed(&fields[file])), person, split)
            }
        };
        let mut scores = vec![0.0; columns.of.len()];
        let mut labels = vec![false; columns.of.len()];
        for (attribute, column) in columns.of.iter().enumerate() {
            if let Some((column, name)) = column {
                let score = score(&fields[*column], name)?;
                scores[attribute] = score as f32;
                labels[attribute] = score > 0.0;
            }
        }
        Ok(Self {
            line,
            key,
            person,
            split,
            scores,
            labels,
        })
    }
}

fn score(field: &str, column: &str) -> Result<f64, String> {
    match field.parse::<f64>() {
        Ok(score) if score.is_finite() => Ok(score),
        Ok(_) => Err(format!(
            "column {column:?}: expected a finite score, got {field:?}"
        )),
        Err(_) => Err(format!(
            "column {column:?}: expected a score, got {field:?}"
        )),
    }
}

/// A person's name as folders have it.
fn folder(name: &str) -> String {
    composed(name).replace(' ', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Table, Problem> {
        Table::read(&Text::decode(text.as_bytes()).unwrap(), &Vocabulary::OfFile)
    }

    #[test]
    fn tables_of_people_are_read() {
        for text in [
            "# a comment\n#\tperson\timagenum\tMale\tBald\nAnn Bo\t2\t0.7\t-1\n",
            "person,imagenum,Male,Bald,Note\nAnn_Bo,0002,1,0,x\n",
            "# person    imagenum    Male    Bald\r\nAnn Bo    2    1    -1\r\n",
        ] {
            let table = read(text).unwrap();
            let row = &table.rows[0];
            assert_eq!(row.key, Key::Person("Ann_Bo".into(), 2), "{text}");
            let male = table.schema.find("Male").unwrap().index();
            assert!(row.labels[male] && row.scores[male] > 0.5);
            assert_eq!(row.labels.iter().filter(|&&l| l).count(), 1);
            assert_eq!(table.known.iter().filter(|&&k| k).count(), 2);
        }
    }

    #[test]
    fn tables_of_files_are_read() {
        let celeba =
            read("2\n5_o_Clock_Shadow Young \n000001.jpg -1  1\n000002.jpg  1 -1\n").unwrap();
        assert!(celeba.by_file && celeba.schema.names().eq(["5_o_Clock_Shadow", "Young"]));
        assert_eq!(celeba.rows[1].key, Key::File("000002.jpg".into()));
        assert_eq!(celeba.rows[1].labels, [true, false]);
        let table = read("file\tperson\tsplit\tTall\na/b.png\tAnn Bo\ttest\t1\n").unwrap();
        let row = &table.rows[0];
        assert_eq!(row.person.as_deref(), Some("Ann_Bo"));
        assert_eq!(row.split, Some(Split::Test));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_column() {
        let head = "# by hand\n#\tperson\timagenum\tMale\tBald\n";
        for (rows, problem) in [
            ("A\t1\t1", "expected at least 4 fields, got 3"),
            ("A\tx\t1\t1", "expected an image number, got \"x\""),
            (
                "A\t1\t1\tnan",
                "column \"Bald\": expected a finite score, got \"nan\"",
            ),
            (
                "A\t1\t-inf\t1",
                "column \"Male\": expected a finite score, got \"-inf\"",
            ),
            (
                "A\t1\t-0,5\t1",
                "column \"Male\": expected a score, got \"-0,5\"",
            ),
            ("A\t1\t\t1", "column \"Male\": expected a score, got \"\""),
        ] {
            assert_eq!(
                read(&format!("{head}{rows}\n")).unwrap_err(),
                (3, problem.into())
            );
        }
        let (line, problem) = read("A\t1\t1\n").unwrap_err();
        assert!(
            line == 1 && problem.ends_with("got \"A\\t1\\t1\""),
            "{problem}"
        );
        assert!(read("").unwrap_err().1.ends_with("got none"));
    }
}
