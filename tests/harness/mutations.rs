//! Deterministic damage to a file: what a fuzzer does first, in an order that never changes.

/// Bytes that a damaged length, count or offset likes to have.
const EXTREMES: [u8; 5] = [0x00, 0x01, 0x7f, 0x80, 0xff];

/// `count` damaged copies of `file`. They begin with truncations, spread over the file; then bits are flipped, bytes and
/// words of eight bytes overwritten, and stretches removed or repeated, at places drawn from a fixed stream.
pub fn mutations(file: &[u8], count: usize) -> impl Iterator<Item = Vec<u8>> {
    let truncations = count / 4;
    let mut random = Random::new(file.len() as u64);
    (0..count).map(move |i| {
        if i < truncations {
            return file[..file.len() * i / truncations].to_vec();
        }
        let mut damaged = file.to_vec();
        for _ in 0..=random.below(3) {
            damage(&mut damaged, &mut random);
        }
        damaged
    })
}

/// Damages a file at one place, unless it is empty.
pub fn damage(file: &mut Vec<u8>, random: &mut Random) {
    if file.is_empty() {
        return;
    }
    // Headers are short and decide most, so half of the damage is near the front.
    let reach = match random.below(2) {
        0 => file.len().min(512),
        _ => file.len(),
    };
    let at = random.below(reach);
    let extreme = EXTREMES[random.below(EXTREMES.len())];
    match random.below(5) {
        0 => file[at] ^= 1 << random.below(8),
        1 => file[at] = extreme,
        2 => {
            let end = file.len().min(at + 8);
            file[at..end].fill(extreme);
        }
        3 => {
            let end = file.len().min(at + 1 + random.below(16));
            file.drain(at..end);
        }
        _ => {
            let end = file.len().min(at + 1 + random.below(16));
            let stretch = file[at..end].to_vec();
            file.splice(at..at, stretch);
        }
    }
}

/// SplitMix64: small, and the same on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers that follow from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}
