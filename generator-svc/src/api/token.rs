//! The bytes of a resume token.
//!
//! Little-endian: a magic number with the version, the digests of the request, of the statistics and of the classifier's
//! weights, the state, and the SHA-256 of all that, which finds damage.

use deepface_files::sha256;

use crate::inversion::{Losses, State};

const MAGIC: &[u8; 4] = b"DFR\x01";
/// Hexadecimal digits of a SHA-256.
const DIGEST: usize = 64;

/// A state, and what it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Resumption {
    /// Digest of the request in force.
    pub(super) request: String,
    /// Digest of the statistics.
    pub(super) statistics: String,
    /// Digest of the classifier's weights.
    pub(super) network: String,
    /// Where the descent was.
    pub(super) state: State,
}

impl Resumption {
    /// The token.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let state = &self.state;
        let losses = &state.losses;
        let mut bytes = MAGIC.to_vec();
        for digest in [&self.request, &self.statistics, &self.network] {
            bytes.extend(digest.as_bytes());
        }
        bytes.extend((state.done as u64).to_le_bytes());
        bytes.extend(state.drawn.to_le_bytes());
        for loss in [
            losses.objective,
            losses.likelihood,
            losses.prior,
            losses.total_variation,
            losses.l2,
        ] {
            bytes.extend(loss.to_le_bytes());
        }
        let [first, second] = &state.moments;
        for values in [&state.coordinates, first, second] {
            bytes.extend((values.len() as u64).to_le_bytes());
            values.iter().for_each(|x| bytes.extend(x.to_le_bytes()));
        }
        let digest = sha256(&bytes);
        bytes.extend(digest.as_bytes());
        bytes
    }

    /// `None` for bytes that [`Resumption::to_bytes`] did not make.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (content, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
        if sha256(content).as_bytes() != digest {
            return None;
        }
        let mut rest = Reader(content.strip_prefix(MAGIC)?);
        let resumption = Self {
            request: rest.digest()?,
            statistics: rest.digest()?,
            network: rest.digest()?,
            state: State {
                done: usize::try_from(u64::from_le_bytes(rest.array()?)).ok()?,
                drawn: u128::from_le_bytes(rest.array()?),
                losses: Losses {
                    objective: f64::from_le_bytes(rest.array()?),
                    likelihood: f64::from_le_bytes(rest.array()?),
                    prior: f64::from_le_bytes(rest.array()?),
                    total_variation: f64::from_le_bytes(rest.array()?),
                    l2: f64::from_le_bytes(rest.array()?),
                },
                coordinates: rest.values()?,
                moments: [rest.values()?, rest.values()?],
            },
        };
        rest.0.is_empty().then_some(resumption)
    }
}

/// The bytes that are still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, size: usize) -> Option<&'a [u8]> {
        let (read, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(read)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn digest(&mut self) -> Option<String> {
        String::from_utf8(self.bytes(DIGEST)?.to_vec()).ok()
    }

    fn values(&mut self) -> Option<Vec<f32>> {
        let count = usize::try_from(u64::from_le_bytes(self.array()?)).ok()?;
        let bytes = self.bytes(count.checked_mul(4)?)?;
        let values = bytes.chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
        Some(values.map(f32::from_le_bytes).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resumption() -> Resumption {
        Resumption {
            request: sha256(b"request"),
            statistics: sha256(b"statistics"),
            network: sha256(b"network"),
            state: State {
                done: 7,
                drawn: 1 << 70,
                losses: Losses {
                    objective: 0.25,
                    l2: -0.0,
                    ..Losses::default()
                },
                coordinates: vec![1.5, -2.0, f32::MIN_POSITIVE],
                moments: [vec![0.1; 3], vec![0.2; 3]],
            },
        }
    }

    #[test]
    fn tokens_come_back_as_they_were() {
        let token = resumption().to_bytes();
        assert_eq!(Resumption::from_bytes(&token), Some(resumption()));
    }

    #[test]
    fn damaged_tokens_are_refused() {
        let token = resumption().to_bytes();
        for at in 0..token.len() {
            let mut damaged = token.clone();
            damaged[at] ^= 1;
            assert_eq!(Resumption::from_bytes(&damaged), None, "byte {at}");
            assert_eq!(Resumption::from_bytes(&token[..at]), None, "{at} bytes");
        }
    }

    #[test]
    fn a_count_beyond_the_bytes_is_refused() {
        let mut content = resumption().to_bytes();
        content.truncate(content.len() - DIGEST);
        let at = MAGIC.len() + 3 * DIGEST + 8 + 16 + 5 * 8;
        content[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        let digest = sha256(&content);
        content.extend(digest.as_bytes());
        assert_eq!(Resumption::from_bytes(&content), None);
    }
}
