//! Names of files in JSON, which is UTF-8, while a name can be any bytes.

use std::borrow::Cow;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

/// A name as text; what is not UTF-8 becomes U+FFFD.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileName<'a>(pub(crate) &'a Path);

impl Serialize for FileName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_string_lossy())
    }
}

/// The image of a line: `image`, and where that is not the whole truth, `image_bytes`.
#[derive(Debug, Serialize)]
pub(crate) struct ImageName<'a> {
    image: Cow<'a, str>,
    /// The bytes of a name that is not UTF-8, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    image_bytes: Option<String>,
}

impl<'a> ImageName<'a> {
    /// The name of an image file.
    pub(crate) fn of(path: &'a Path) -> Self {
        let raw = path.to_str().is_none();
        Self {
            image: path.to_string_lossy(),
            image_bytes: raw.then(|| STANDARD.encode(path.as_os_str().as_encoded_bytes())),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn a_name_that_is_not_text_is_told_in_two_ways() {
        let json = |name: &[u8]| {
            let path = Path::new(OsStr::from_bytes(name));
            serde_json::to_string(&ImageName::of(path)).unwrap()
        };
        assert_eq!(json("é.jpg".as_bytes()), r#"{"image":"é.jpg"}"#);
        let expected = format!(
            r#"{{"image":"bad{0}{0}.jpg","image_bytes":"YmFk//8uanBn"}}"#,
            '\u{fffd}'
        );
        assert_eq!(json(b"bad\xff\xff.jpg"), expected);
    }
}
