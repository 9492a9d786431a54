//! Floats that begin at a cache line, so that no register's worth of them lies across two.

use std::ops::{Deref, DerefMut};

use super::lanes::LANES;

/// An array of floats whose first lies at a multiple of 64 bytes. Fresh ones cost no memory until they are written.
#[derive(Default)]
pub(crate) struct Aligned {
    floats: Vec<f32>,
    first: usize,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let floats = vec![0.0; len + LANES - 1];
        let address = floats.as_ptr().addr() / size_of::<f32>();
        Self {
            first: address.next_multiple_of(LANES) - address,
            floats,
            len,
        }
    }
}

impl From<&[f32]> for Aligned {
    fn from(floats: &[f32]) -> Self {
        let mut aligned = Self::zeros(floats.len());
        aligned.copy_from_slice(floats);
        aligned
    }
}

impl From<Vec<f32>> for Aligned {
    fn from(floats: Vec<f32>) -> Self {
        floats.as_slice().into()
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.floats[self.first..self.first + self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.floats[self.first..self.first + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_begin_at_a_cache_line() {
        for len in [0, 1, 16, 1000, 1 << 20] {
            let aligned = Aligned::from(vec![1.5; len]);
            assert!(aligned.len() == len && aligned.iter().all(|&x| x == 1.5));
            assert!(aligned.as_ptr().addr().is_multiple_of(64));
        }
    }
}
