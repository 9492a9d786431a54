//! By what files are known.

use sha2::{Digest, Sha256};

/// SHA-256 over the parts, one after the other, lower-case hexadecimal.
pub(crate) fn sha256<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut hash = Sha256::new();
    parts.into_iter().for_each(|part| hash.update(part));
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}
