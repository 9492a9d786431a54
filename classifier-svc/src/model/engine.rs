//! The device that a network runs on.

use super::{
    Isa, ModelError,
    arch::{Architecture, Stage},
    candle::CandleNetwork,
    cpu::{Network, Parameters},
};

/// Where a network runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// On the processor, with kernels of our own.
    Cpu,
    /// On the CUDA device of this number.
    Cuda(usize),
}

impl std::str::FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let cuda = text.strip_prefix("cuda:").and_then(|n| n.parse().ok());
        match (text, cuda) {
            ("cpu", _) => Ok(Self::Cpu),
            (_, Some(number)) => Ok(Self::Cuda(number)),
            _ => Err(format!("expected cpu or cuda:N, got {text:?}")),
        }
    }
}

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
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
            DeviceChoice::Cuda(number) => {
                let device = cuda(number)?;
                Ok(Self::Candle(CandleNetwork::new(
                    architecture,
                    read,
                    device,
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
