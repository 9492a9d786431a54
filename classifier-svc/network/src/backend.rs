//! A network where it runs: on the CPU with our own kernels, or on a device that candle drives.

use std::borrow::Borrow;

use crate::{
    DeviceChoice, Isa, ModelError,
    arch::{Architecture, Stage},
    candle::CandleNetwork,
    cpu::CpuNetwork,
    parameters::Parameters,
};

/// A network on its device.
pub(super) enum Backend {
    Cpu(Box<CpuNetwork>),
    Candle(CandleNetwork),
}

/// Images of a pass on a device with memory of its own.
const CANDLE_CAPACITY: usize = 16;

impl Backend {
    /// Moves the weights to where they are used, a stage at a time.
    pub(super) fn new<P: Borrow<Parameters>>(
        architecture: &Architecture,
        read: impl FnMut(usize) -> Result<P, ModelError>,
        device: DeviceChoice,
        threads: usize,
    ) -> Result<Self, ModelError> {
        match device {
            DeviceChoice::Cpu => Ok(Self::Cpu(Box::new(CpuNetwork::read(
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
        "cuda:{number}: this program was built without the cuda feature"
    )))
}

#[cfg(all(test, not(feature = "cuda")))]
mod tests {
    use super::*;

    #[test]
    fn without_the_feature_there_is_no_gpu() {
        let said = cuda(0).unwrap_err().to_string();
        assert!(said.contains("built without the cuda feature"), "{said}");
    }
}
