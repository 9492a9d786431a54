//! The text of a file, whatever program wrote it: UTF-8 with or without a byte order mark, UTF-16, or Latin-1, with the
//! line ends of any system.

/// The lines of a file.
pub(crate) struct Text {
    /// With `\n` as line ends.
    pub(crate) content: String,
    /// What is remarkable about the encoding.
    pub(crate) remark: Option<&'static str>,
}

impl Text {
    /// Decodes the bytes of a file.
    ///
    /// # Errors
    /// They are not text; says what was expected.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (content, remark) = match bytes {
            [0xef, 0xbb, 0xbf, rest @ ..] => match std::str::from_utf8(rest) {
                Ok(text) => (text.to_owned(), None),
                Err(_) => return Err("expected UTF-8, as its byte order mark says"),
            },
            [0xff, 0xfe, rest @ ..] => (utf16(rest, u16::from_le_bytes)?, None),
            [0xfe, 0xff, rest @ ..] => (utf16(rest, u16::from_be_bytes)?, None),
            bytes => match std::str::from_utf8(bytes) {
                Ok(text) => (text.to_owned(), None),
                // Every byte is the character of its number.
                Err(_) => (
                    bytes.iter().map(|&b| char::from(b)).collect(),
                    Some("not UTF-8: read as Latin-1"),
                ),
            },
        };
        if content.contains('\0') {
            return Err("expected a text file, got a binary one");
        }
        Ok(Self {
            content: content.replace("\r\n", "\n").replace('\r', "\n"),
            remark,
        })
    }

    /// The lines that are not empty, with their numbers from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.content.split('\n').enumerate();
        let lines = lines.map(|(i, line)| (i + 1, line));
        lines.filter(|(_, line)| !line.trim().is_empty())
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, &'static str> {
    let (units, rest) = bytes.as_chunks::<2>();
    let units = units.iter().map(|&pair| unit(pair));
    let text = char::decode_utf16(units).collect::<Result<String, _>>();
    match (text, rest) {
        (Ok(text), []) => Ok(text),
        _ => Err("expected UTF-16, as its byte order mark says"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: &[u8]) -> String {
        Text::decode(bytes).unwrap().content
    }

    #[test]
    fn every_usual_encoding_is_read() {
        assert_eq!(content("é\n".as_bytes()), "é\n");
        assert_eq!(content(b"\xef\xbb\xbf\xc3\xa9"), "é");
        assert_eq!(content(b"\xff\xfe\xe9\0a\0"), "éa");
        assert_eq!(content(b"\xfe\xff\0\xe9\0a"), "éa");
        let latin = Text::decode(b"Jos\xe9").unwrap();
        assert_eq!(latin.content, "José");
        assert!(latin.remark.unwrap().contains("Latin-1"));
    }

    #[test]
    fn every_line_end_is_one() {
        let text = Text::decode(b"a\r\nb\rc\n\n \nd").unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines, [(1, "a"), (2, "b"), (3, "c"), (6, "d")]);
    }

    #[test]
    fn what_is_not_text_is_refused() {
        for bytes in [&b"\0\x05\x16\x07"[..], b"\xff\xfe\0", b"\xef\xbb\xbf\xff"] {
            let problem = Text::decode(bytes).err().unwrap();
            assert!(problem.starts_with("expected"), "{problem}");
        }
    }
}
