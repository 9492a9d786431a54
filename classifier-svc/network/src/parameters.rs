//! What one stage has learned, in PyTorch's layout.

use half::f16;

use crate::Architecture;

/// Weights and bias of a stage as PyTorch has them: `[out, in, 3, 3]` or `[out, in]`, features in C, H, W order. Both
/// are empty for a pooling.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parameters {
    /// The weights.
    pub(crate) weight: Vec<f32>,
    /// The bias.
    pub(crate) bias: Vec<f32>,
}

impl Parameters {
    /// Heads that are visibly untrained: all zero.
    pub(crate) fn untrained_heads(architecture: &Architecture) -> Self {
        Self {
            weight: vec![0.0; architecture.logits * architecture.features],
            bias: vec![0.0; architecture.logits],
        }
    }

    /// All values.
    pub(crate) fn values(&self) -> impl Iterator<Item = &f32> {
        self.weight.iter().chain(&self.bias)
    }

    /// All values, to change them.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        self.weight.iter_mut().chain(&mut self.bias)
    }

    /// Rounds every value to 16 bits, so that the network computes with what its file stores.
    ///
    /// # Errors
    /// The first value that 16 bits cannot hold: the others may then be rounded or not.
    pub(crate) fn round_to_half(&mut self) -> Result<(), f32> {
        for x in self.values_mut() {
            let rounded = half(*x);
            if !rounded.is_finite() {
                return Err(*x);
            }
            *x = rounded;
        }
        Ok(())
    }

    /// Whether 16 bits hold every value exactly.
    pub(crate) fn fits_half(&self) -> bool {
        self.values().all(|&x| half(x) == x)
    }
}

fn half(x: f32) -> f32 {
    f16::from_f32(x).to_f32()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_values_fit_16_bits() {
        let mut parameters = Parameters {
            weight: vec![0.1, -2.5],
            bias: vec![1e-3],
        };
        assert!(!parameters.fits_half());
        parameters.round_to_half().unwrap();
        assert!(parameters.fits_half());
        assert!((parameters.weight[0] - 0.1).abs() < 1e-4);
        parameters.bias[0] = 1e6;
        assert_eq!(parameters.round_to_half(), Err(1e6));
    }
}
