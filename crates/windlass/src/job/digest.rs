//! A digest by which two requests are known to be the same.

use sha2::{Digest as _, Sha256};

/// SHA-256 over parts, each with its length before it, in hexadecimal digits.
pub(crate) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let hex = |byte: &u8| [byte >> 4, byte & 15].map(|half| b"0123456789abcdef"[usize::from(half)]);
    hash.finalize().iter().flat_map(hex).map(char::from).collect()
}
