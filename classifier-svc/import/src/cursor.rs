//! Reads a file from front to back.

use bytes::Bytes;

/// A place in a file. Every step says where the file ends too early.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    bytes: Bytes,
    at: usize,
}

impl Cursor {
    /// The beginning of a file.
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes have been read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `n` bytes, which are not copied.
    pub(crate) fn take(&mut self, n: usize) -> Result<Bytes, String> {
        let left = self.bytes.len() - self.at;
        if n > left {
            let at = self.at;
            return Err(format!("expected {n} more bytes at byte {at}, got {left}"));
        }
        self.at += n;
        Ok(self.bytes.slice(self.at - n..self.at))
    }

    /// The next bytes, as many as the array has.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(&self.take(N)?);
        Ok(array)
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> Result<u8, String> {
        self.array().map(|[byte]| byte)
    }

    /// A text up to a line feed, `longest` bytes at most.
    pub(crate) fn line(&mut self, longest: usize) -> Result<String, String> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().take(longest + 1).position(|&b| b == b'\n');
        let end = end.ok_or_else(|| format!("the name at byte {} does not end", self.at))?;
        let line = text(&self.take(end + 1)?[..end])?;
        Ok(line)
    }
}

/// Bytes as text.
pub(crate) fn text(bytes: &[u8]) -> Result<String, String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err("a text is not UTF-8".into()),
    }
}
