//! The fields of a line: what separates them, as the header shows.

/// What separates the fields of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Separator {
    /// A tab, a comma or a semicolon.
    Character(char),
    /// At least two spaces, so that names may have one.
    WideSpace,
    /// Any white space.
    Space,
}

impl Separator {
    /// The separator of a table with this header.
    pub(crate) fn of(header: &str) -> Self {
        if let Some(c) = ['\t', ',', ';'].into_iter().find(|&c| header.contains(c)) {
            return Self::Character(c);
        }
        match Self::WideSpace.split(header).len() {
            0..=2 => Self::Space,
            _ => Self::WideSpace,
        }
    }

    /// The fields of a line, without the white space around them and without their quotation marks.
    pub(crate) fn split(self, line: &str) -> Vec<String> {
        match self {
            Self::Space => line.split_whitespace().map(Into::into).collect(),
            Self::WideSpace => {
                let fields = line.split("  ").map(str::trim);
                fields.filter(|f| !f.is_empty()).map(Into::into).collect()
            }
            Self::Character(c) => split(line, c),
        }
    }
}

/// A field in quotation marks may hold separators, and two quotation marks for one.
fn split(line: &str, separator: char) -> Vec<String> {
    let mut fields = vec![String::new()];
    let (mut quoted, mut characters) = (false, line.chars().peekable());
    while let Some(c) = characters.next() {
        let last = fields.len() - 1;
        let field = &mut fields[last];
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            // Only a tidy table quotes: elsewhere a quotation mark is a character.
            '"' if separator != '\t' && field.trim().is_empty() => {
                field.clear();
                quoted = true;
            }
            c if c == separator && !quoted => fields.push(String::new()),
            c => field.push(c),
        }
    }
    let fields = fields.into_iter();
    fields.map(|field| field.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_shows_what_separates_fields() {
        for (header, separator, line, fields) in [
            (
                "person\timagenum\tMale",
                Separator::Character('\t'),
                "A B\t1\t-1",
                ["A B", "1", "-1"],
            ),
            (
                "file,Male,Bald",
                Separator::Character(','),
                "\"a, \"\"b\"\".jpg\", 1 ,0",
                ["a, \"b\".jpg", "1", "0"],
            ),
            (
                "file;Male;Bald",
                Separator::Character(';'),
                "a.jpg;1;0",
                ["a.jpg", "1", "0"],
            ),
            (
                "person    imagenum    Male",
                Separator::WideSpace,
                "A B    1    -1",
                ["A B", "1", "-1"],
            ),
            (
                "file Male Bald",
                Separator::Space,
                "a.jpg  1 -1",
                ["a.jpg", "1", "-1"],
            ),
        ] {
            assert_eq!(Separator::of(header), separator, "{header}");
            assert_eq!(separator.split(line), fields, "{header}");
        }
    }
}
