//! The bits of entropy-coded data, and the Huffman codes in them.

/// Why a scan cannot be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The data end.
    Short,
    /// The data mean nothing.
    Nonsense,
    /// A table is missing.
    NoTable,
}

/// A reader of bits, most significant first, up to the next marker.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// Bits that are not read yet, from the top.
    buffer: u64,
    /// How many.
    count: u32,
    ended: bool,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8], at: usize) -> Self {
        Self {
            data,
            at,
            buffer: 0,
            count: 0,
            ended: false,
        }
    }

    /// Where the bytes end that were looked at: no marker stands before it.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Makes at least 32 bits available; beyond the end they are zero and not counted.
    #[inline]
    fn fill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(next) = self.data.get(self.at..self.at + 4) {
            let next = u32::from_be_bytes([next[0], next[1], next[2], next[3]]);
            // Whether no byte is 0xff.
            if (!next).wrapping_sub(0x0101_0101) & next & 0x8080_8080 == 0 {
                self.buffer |= u64::from(next) << (32 - self.count);
                self.count += 32;
                self.at += 4;
                return;
            }
        }
        self.fill_slowly();
    }

    #[cold]
    fn fill_slowly(&mut self) {
        while self.count <= 56 && !self.ended {
            let mut end = self.at + 1;
            let byte = match self.data.get(self.at) {
                None => {
                    self.ended = true;
                    return;
                }
                Some(0xff) => {
                    while self.data.get(end) == Some(&0xff) {
                        end += 1;
                    }
                    if self.data.get(end) != Some(&0) {
                        self.ended = true;
                        return;
                    }
                    end += 1;
                    0xff
                }
                Some(&byte) => byte,
            };
            self.at = end;
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    #[inline]
    fn skip(&mut self, count: u32) -> Result<(), Fault> {
        if count > self.count {
            return Err(Fault::Short);
        }
        self.buffer <<= count;
        self.count -= count;
        Ok(())
    }

    /// The next `count` bits, 0 to 16.
    #[inline]
    pub(super) fn bits(&mut self, count: u32) -> Result<u32, Fault> {
        if count == 0 {
            return Ok(0);
        }
        self.fill();
        let bits = (self.buffer >> (64 - count)) as u32;
        self.skip(count)?;
        Ok(bits)
    }

    /// The next `count` bits as a signed number, 0 to 16.
    #[inline]
    pub(super) fn signed(&mut self, count: u32) -> Result<i32, Fault> {
        let bits = self.bits(count)? as i32;
        let negative = count > 0 && bits < 1 << (count - 1);
        Ok(if negative {
            bits + 1 - (1 << count)
        } else {
            bits
        })
    }

    /// The next Huffman code's value.
    #[inline]
    pub(super) fn value(&mut self, codes: &Codes) -> Result<u8, Fault> {
        self.fill();
        let (length, value) = codes.short[(self.buffer >> (64 - SHORT)) as usize];
        if length > 0 {
            self.skip(length.into())?;
            return Ok(value);
        }
        self.long_value(codes)
    }

    fn long_value(&mut self, codes: &Codes) -> Result<u8, Fault> {
        for length in SHORT + 1..=16 {
            let code = (self.buffer >> (64 - length)) as u32;
            let Some(after) = codes.after[length as usize].checked_sub(code) else {
                continue;
            };
            if after == 0 {
                continue;
            }
            self.skip(length)?;
            let at = codes.ends[length as usize].checked_sub(after as usize);
            return at
                .and_then(|at| codes.values.get(at).copied())
                .ok_or(Fault::Nonsense);
        }
        // Zeros that fill up the end may be no code.
        Err(if self.count < 16 {
            Fault::Short
        } else {
            Fault::Nonsense
        })
    }

    /// Goes over the restart marker that must come next.
    pub(super) fn restart(&mut self) -> Result<(), Fault> {
        let rest = self.data.get(self.at..).unwrap_or_default();
        let marker = rest
            .windows(2)
            .position(|w| w[0] == 0xff && !matches!(w[1], 0 | 0xff));
        let at = marker.ok_or(Fault::Short)?;
        if !matches!(rest[at + 1], 0xd0..=0xd7) {
            return Err(Fault::Short);
        }
        *self = Self::new(self.data, self.at + at + 2);
        Ok(())
    }
}

/// Bits of the codes that are looked up directly.
const SHORT: u32 = 10;

/// The codes of a Huffman table.
pub(super) struct Codes {
    /// By the next bits: length and value of the code they begin with, or length 0.
    short: Box<[(u8, u8); 1 << SHORT]>,
    /// By length: the code after the last one.
    after: [u32; 17],
    /// By length: the number of the value after the last one.
    ends: [usize; 17],
    values: Vec<u8>,
}

impl Codes {
    /// From how many codes there are of each length, 1 to 16, and all their values. `None` if that is impossible.
    pub(super) fn new(counts: &[u8; 16], values: &[u8]) -> Option<Self> {
        let mut codes = Self {
            short: Box::new([(0, 0); 1 << SHORT]),
            after: [0; 17],
            ends: [0; 17],
            values: values.to_vec(),
        };
        let (mut code, mut at) = (0_u32, 0);
        for length in 1..=16_u32 {
            let count = usize::from(counts[length as usize - 1]);
            let of_length = values.get(at..at + count)?;
            for (i, &value) in of_length.iter().enumerate().filter(|_| length <= SHORT) {
                let first = (code as usize + i) << (SHORT - length);
                let same = codes
                    .short
                    .get_mut(first..first + (1 << (SHORT - length)))?;
                same.fill((length as u8, value));
            }
            code += count as u32;
            at += count;
            if code > 1 << length {
                return None;
            }
            codes.after[length as usize] = if count > 0 { code } else { 0 };
            codes.ends[length as usize] = at;
            code <<= 1;
        }
        Some(codes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two codes of two bits, one of three, one of twelve.
    fn codes() -> Codes {
        let mut counts = [0; 16];
        (counts[1], counts[2], counts[11]) = (2, 1, 1);
        Codes::new(&counts, &[7, 8, 9, 10]).unwrap()
    }

    #[test]
    fn codes_of_every_length_are_read() {
        // 00 01 100 101000000000, then five ones.
        let data = [0b0001_1001, 0b0100_0000, 0b0001_1111];
        let mut bits = Bits::new(&data, 0);
        let codes = codes();
        let values: Vec<_> = (0..4).map(|_| bits.value(&codes)).collect();
        assert_eq!(values, [Ok(7), Ok(8), Ok(9), Ok(10)]);
        assert_eq!(bits.bits(5), Ok(31));
        assert_eq!(bits.bits(1), Err(Fault::Short));
    }

    #[test]
    fn bits_end_at_a_marker_and_go_on_after_a_restart() {
        let data = [0xff, 0x00, 0xff, 0xd0, 0x80, 0xff, 0xd9];
        let mut bits = Bits::new(&data, 0);
        assert_eq!(bits.bits(8), Ok(0xff));
        assert_eq!(bits.bits(1), Err(Fault::Short));
        assert_eq!(bits.restart(), Ok(()));
        assert_eq!(bits.signed(8), Ok(0x80));
        assert_eq!(bits.restart(), Err(Fault::Short));
    }

    #[test]
    fn impossible_tables_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Codes::new(&counts, &[1, 2, 3]).is_none());
        counts[0] = 2;
        assert!(Codes::new(&counts, &[1]).is_none());
        assert!(Codes::new(&[255; 16], &[0; 4080]).is_none());
    }
}
