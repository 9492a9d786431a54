//! The device that a network runs on.

use candle_core::DType;

use super::{
    Isa, ModelError,
    arch::{Architecture, Stage},
    candle::CandleNetwork,
    cpu::{Network, Parameters},
    golden,
};

/// Where a network runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// On the processor, with kernels of our own.
    Cpu,
    /// On a CUDA device.
    Cuda {
        /// Its number.
        number: usize,
        /// What it computes in.
        precision: Precision,
    },
}

/// What a device computes in; sums are always of 32 bits. docs/numerics.md says what less costs.
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
    /// How far the golden output may be off, as a share of a layer's largest value.
    pub(super) fn tolerance(self) -> f32 {
        match self {
            Self::F32 => golden::TOLERANCE,
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
    /// It cannot.
    pub fn with_precision(self, precision: Precision) -> Result<Self, String> {
        match self {
            Self::Cuda { number, .. } => Ok(Self::Cuda { number, precision }),
            Self::Cpu if precision == Precision::F32 => Ok(self),
            Self::Cpu => Err("the processor computes in f32; others need --device cuda:N".into()),
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

/// A network on its device.
pub(super) enum Engine {
    Cpu(Box<Network>),
    Candle(CandleNetwork),
}

/// Images of a pass on a device with memory of its own.
const CANDLE_CAPACITY: usize = 16;

impl Engine {
    /// Moves the weights to where they are used, a stage at a time.
    pub(super) fn new(
        architecture: &Architecture,
        read: impl FnMut(usize) -> Result<Parameters, ModelError>,
        device: DeviceChoice,
        threads: usize,
    ) -> Result<Self, ModelError> {
        match device {
            DeviceChoice::Cpu => Ok(Self::Cpu(Box::new(Network::read(
                architecture,
                read,
                Isa::detect(),
                threads,
            )?))),
            DeviceChoice::Cuda { number, precision } => {
                let device = cuda(number)?;
                Ok(Self::Candle(CandleNetwork::new(
                    architecture,
                    read,
                    device,
                    precision.data_type(),
                )?))
            }
        }
    }

    pub(super) fn stages(&self) -> &[Stage] {
        match self {
            Self::Cpu(network) => network.stages(),
            Self::Candle(network) => network.stages(),
        }
    }

    /// Images that one pass takes.
    pub(super) fn capacity(&self) -> usize {
        match self {
            Self::Cpu(network) => network.capacity(),
            Self::Candle(_) => CANDLE_CAPACITY,
        }
    }

    /// Activations of the stages asked for.
    pub(super) fn forward(
        &mut self,
        inputs: &[f32],
        n: usize,
        wanted: &[usize],
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        match self {
            Self::Cpu(network) => Ok(network.forward(inputs, n, wanted)),
            Self::Candle(network) => Ok(network.forward(inputs, n, wanted)?),
        }
    }

    /// Gradient from cotangents of stages asked for in the last forward pass.
    pub(super) fn backward(
        &mut self,
        n: usize,
        cotangents: &[(usize, Vec<f32>)],
    ) -> Result<Vec<f32>, ModelError> {
        match self {
            Self::Cpu(network) => Ok(network.backward(n, cotangents)),
            Self::Candle(network) => Ok(network.backward(cotangents)?),
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda(number: usize) -> Result<candle_core::Device, ModelError> {
    Ok(candle_core::Device::new_cuda(number)?)
}

#[cfg(not(feature = "cuda"))]
fn cuda(number: usize) -> Result<candle_core::Device, ModelError> {
    Err(ModelError::Device(format!(
        "cuda:{number}: this program was built without the feature cuda"
    )))
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

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn without_the_feature_there_is_no_gpu() {
        let said = cuda(0).unwrap_err().to_string();
        assert!(said.contains("built without the feature cuda"), "{said}");
    }
}
