//! Decompression within a limit, so that a small file cannot ask for any amount of memory.

use std::io::Read;

/// The most that compressed parts of a file of `len` bytes may grow to, all together: random weights hardly shrink, and
/// 64 times is room for a file that is mostly zeros.
pub(crate) fn allowance(len: usize) -> usize {
    len.saturating_mul(64).max(16 << 20)
}

/// All that `source` gives, at most `limit` bytes.
///
/// # Errors
/// The data are damaged, or longer.
pub(crate) fn all(source: impl Read, limit: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = source.take(limit as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|e| format!("its compressed data are damaged ({e})"))?;
    match bytes.len() <= limit {
        true => Ok(bytes),
        false => Err(format!("its compressed data grow beyond {limit} bytes")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};

    use super::*;

    #[test]
    fn a_bomb_is_refused_and_damage_is_noticed() {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&[0; 1 << 20]).unwrap();
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 2000);
        assert_eq!(
            all(ZlibDecoder::new(&bomb[..]), 1 << 20).unwrap().len(),
            1 << 20
        );
        let problem = all(ZlibDecoder::new(&bomb[..]), (1 << 20) - 1).unwrap_err();
        assert!(problem.contains("grow beyond 1048575 bytes"), "{problem}");
        let problem = all(ZlibDecoder::new(&bomb[..100]), 1 << 20).unwrap_err();
        assert!(problem.contains("damaged"), "{problem}");
    }
}
