//! One spelling for names that look the same: macOS stores "é" as "e" and an accent.

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// A name with composed characters (Unicode's NFC).
pub(crate) fn composed(name: &str) -> String {
    match is_nfc(name) {
        true => name.to_owned(),
        false => name.nfc().collect(),
    }
}
