//! The device that a network runs on, and the precision it computes in.

use candle_core::DType;

/// Where a network runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// On the CPU, with our own kernels.
    Cpu,
    /// On a CUDA device.
    Cuda {
        /// Its number.
        number: usize,
        /// What it computes in.
        precision: Precision,
    },
}

/// What a device computes in; sums are always of 32 bits. `docs/numerics.md` says what fewer bits cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits, 11 of them for the value.
    F16,
    /// 16 bits, 8 of them for the value, with the range of 32 bits.
    Bf16,
}

impl Precision {
    /// How far the golden output may be off, as a share of a layer's largest value: far above the rounding of any
    /// instruction set, far below what a damaged weight does.
    pub(super) fn tolerance(self) -> f32 {
        match self {
            Self::F32 => 1e-3,
            Self::F16 => 1e-2,
            Self::Bf16 => 5e-2,
        }
    }

    pub(super) fn data_type(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }
}

impl DeviceChoice {
    /// The same device, computing in another precision.
    ///
    /// # Errors
    /// The device does not support it.
    pub fn with_precision(self, precision: Precision) -> Result<Self, String> {
        match self {
            Self::Cuda { number, .. } => Ok(Self::Cuda { number, precision }),
            Self::Cpu if precision == Precision::F32 => Ok(self),
            Self::Cpu => Err("the CPU supports f32 only; other types need --device cuda:N".into()),
        }
    }

    pub(super) fn precision(self) -> Precision {
        match self {
            Self::Cpu => Precision::F32,
            Self::Cuda { precision, .. } => precision,
        }
    }
}

impl std::str::FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = match text {
            "cpu" => return Ok(Self::Cpu),
            "cuda" => Some(0),
            _ => text.strip_prefix("cuda:").and_then(|n| n.parse().ok()),
        };
        let precision = Precision::F32;
        match number {
            Some(number) => Ok(Self::Cuda { number, precision }),
            None => Err(format!("expected cpu or cuda:N, got {text:?}")),
        }
    }
}

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda { number, precision } => {
                write!(f, "cuda:{number}")?;
                match precision {
                    Precision::F32 => Ok(()),
                    Precision::F16 => f.write_str(" (f16)"),
                    Precision::Bf16 => f.write_str(" (bf16)"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_as_they_are_shown() {
        let named = |text: &str| text.parse::<DeviceChoice>();
        for text in ["cpu", "cuda:3"] {
            assert_eq!(named(text).unwrap().to_string(), text);
        }
        assert_eq!(named("cuda"), named("cuda:0"));
        for text in ["gpu", "cuda:", "cuda:-1", "cuda:x", ""] {
            assert!(named(text).unwrap_err().contains("expected cpu or cuda:N"));
        }
        let half = named("cuda:1").unwrap().with_precision(Precision::F16);
        assert_eq!(half.unwrap().to_string(), "cuda:1 (f16)");
        let cpu = DeviceChoice::Cpu;
        assert_eq!(cpu.with_precision(Precision::F32), Ok(cpu));
        assert!(cpu.with_precision(Precision::Bf16).is_err());
    }
}
