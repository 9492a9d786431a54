//! Fixed noise, the same here and in `tests/golden/vgg.py`.

/// `n` values, uniform in -1 to 1, which the seed decides.
pub(crate) fn noise(seed: u64, n: usize) -> Vec<f32> {
    let value = |i: u64| {
        let mut z = i.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(seed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        ((z >> 40) as f64 / f64::from(1 << 23) - 1.0) as f32
    };
    (1..=n as u64).map(value).collect()
}
