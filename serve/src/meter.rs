//! Tells the gRPC messages apart in the bytes of a body.

/// Bytes before each message: one flag, then its length in four bytes, big-endian.
const PREFIX: usize = 5;

/// The messages of a body whose bytes arrive in pieces of any size.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    prefix: [u8; PREFIX],
    /// Bytes of the prefix that have arrived.
    have: usize,
    /// Bytes of the message.
    length: usize,
    /// Those that have not arrived.
    left: usize,
}

impl Meter {
    /// Takes the next bytes; returns how many messages started in them.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> u64 {
        let mut messages = 0;
        while !bytes.is_empty() {
            let skipped = self.left.min(bytes.len());
            self.left -= skipped;
            bytes = &bytes[skipped..];
            let more = (PREFIX - self.have).min(bytes.len());
            self.prefix[self.have..self.have + more].copy_from_slice(&bytes[..more]);
            self.have += more;
            bytes = &bytes[more..];
            if self.have == PREFIX {
                let [_, length @ ..] = self.prefix;
                self.length = u32::from_be_bytes(length) as usize;
                self.left = self.length;
                self.have = 0;
                messages += 1;
            }
        }
        messages
    }

    /// Bytes that have arrived of a message that is not whole.
    pub(crate) fn unfinished(&self) -> usize {
        match self.left {
            0 => 0,
            left => self.length - left,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_however_their_bytes_arrive() {
        let mut body = Vec::new();
        for length in [0u32, 3, 300, 1] {
            body.push(0);
            body.extend(length.to_be_bytes());
            body.extend(std::iter::repeat_n(9, length as usize));
        }
        for size in [1, 2, 4, 5, 7, 100, body.len()] {
            let mut meter = Meter::default();
            let counted: u64 = body.chunks(size).map(|piece| meter.take(piece)).sum();
            assert_eq!(counted, 4, "in pieces of {size}");
            assert_eq!(meter.unfinished(), 0);
        }
    }

    #[test]
    fn what_has_arrived_of_a_message_is_unfinished_until_it_is_whole() {
        let mut meter = Meter::default();
        meter.take(&[0, 0, 0, 1, 0]);
        assert_eq!(meter.unfinished(), 0);
        meter.take(&[9; 255]);
        assert_eq!(meter.unfinished(), 255);
        meter.take(&[9]);
        assert_eq!(meter.unfinished(), 0);
    }
}
