//! The weights file: safetensors with the network's tensors under its own names and a description in the header.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use deepface_files::{Destination, Existing, FloatArray, Tensors, tensors_digest, write_tensors};

use crate::{
    Description, ModelError,
    arch::Stage,
    description::KEY,
    measure::scaling::{self, Scaling},
    parameters::Parameters,
};

/// The bytes of a weights file, whose tensors are read one after the other.
pub(crate) struct WeightsFile<'a> {
    /// The header.
    pub(crate) description: Description,
    tensors: Tensors<'a>,
}

impl<'a> WeightsFile<'a> {
    /// Reads and checks the header.
    pub(crate) fn open(file: &'a [u8]) -> Result<Self, ModelError> {
        let tensors = Tensors::open(file)?;
        let description = tensors.texts().map_or(Ok(None), Description::read)?;
        let description = description.ok_or_else(|| {
            ModelError::Weights(format!(
                "the header has no entry {KEY:?}: this program did not write the file"
            ))
        })?;
        tensors.check_digest(description.tensors.as_deref())?;
        Ok(Self {
            description,
            tensors,
        })
    }

    /// Reads and checks the weights of a stage.
    pub(crate) fn stage(&self, stage: &Stage) -> Result<Parameters, ModelError> {
        let Some(shape) = stage.weight_shape() else {
            return Ok(Parameters::default());
        };
        let name = |part: &str| format!("{}.{part}", stage.name);
        Ok(Parameters {
            weight: self.tensors.floats(&name("weight"), &shape)?,
            bias: self.tensors.floats(&name("bias"), &[stage.outputs()])?,
        })
    }

    /// Reads and checks the mean activation of fc7.
    pub(crate) fn fc7_mean(&self) -> Result<Vec<f32>, ModelError> {
        let features = self.description.architecture.features;
        Ok(self.tensors.floats("fc7.mean", &[features])?)
    }
}

/// A weights file in memory.
pub(crate) struct Weights {
    /// The header.
    pub(crate) description: Description,
    /// Weights and bias per stage, empty for poolings.
    pub(crate) parameters: Vec<Parameters>,
    /// Mean activation of fc7 over the validation faces: the origin for similarity.
    pub(crate) fc7_mean: Vec<f32>,
}

impl Weights {
    /// Reads and checks the bytes of a weights file.
    pub(crate) fn read(file: &[u8]) -> Result<Self, ModelError> {
        let file = WeightsFile::open(file)?;
        let stages = file.description.architecture.stages();
        Ok(Self {
            parameters: stages
                .iter()
                .map(|s| file.stage(s))
                .collect::<Result<_, _>>()?,
            fc7_mean: file.fc7_mean()?,
            description: file.description,
        })
    }

    /// Whether 16 bits hold every weight exactly.
    pub(crate) fn fit_half(&self) -> bool {
        self.parameters.iter().all(Parameters::fits_half)
    }

    /// Scales the logits of the heads. Where 16 bits held all weights, they still do.
    ///
    /// # Errors
    /// A weight becomes too large for 16 bits.
    pub(crate) fn calibrate_heads(&mut self, scalings: &[Scaling]) -> Result<(), ModelError> {
        let half = self.fit_half();
        let Some(heads) = self.parameters.last_mut() else {
            return Ok(());
        };
        scaling::apply(scalings, heads);
        if half {
            let rounded = heads.round_to_half();
            rounded.map_err(|x| ModelError::Weights(format!("{x} is too large for 16 bits")))?;
        }
        Ok(())
    }

    /// [`Self::write_to`] a path, whose file is replaced if there is one.
    pub(crate) fn write(&self, path: &Path, half: bool) -> Result<(), ModelError> {
        let destination = Destination::check(path, &[], Existing::Replace)?;
        self.write_to(&destination, half).map(drop)
    }

    /// Writes the file, the tensors with 16 bits where `half` is set, and returns the path that it went to. Takes memory
    /// for one tensor, not for the file.
    pub(crate) fn write_to(
        &self,
        destination: &Destination,
        half: bool,
    ) -> Result<PathBuf, ModelError> {
        let array = |name: &str, shape: Vec<usize>, values| {
            (
                name.to_owned(),
                FloatArray {
                    values,
                    shape,
                    half,
                },
            )
        };
        let mut arrays = vec![array("fc7.mean", vec![self.fc7_mean.len()], &self.fc7_mean)];
        let stages = self.description.architecture.stages();
        for (stage, p) in stages.iter().zip(&self.parameters) {
            if let Some(shape) = stage.weight_shape() {
                let (name, outputs) = (&stage.name, vec![stage.outputs()]);
                arrays.push(array(&format!("{name}.weight"), shape, &p.weight));
                arrays.push(array(&format!("{name}.bias"), outputs, &p.bias));
            }
        }
        let description = Description {
            tensors: Some(tensors_digest(&arrays)),
            ..self.description.clone()
        };
        let entry = description.entry();
        let texts = HashMap::from([entry.map_err(|e| ModelError::Weights(e.to_string()))?]);
        Ok(write_tensors(destination, arrays, texts)?)
    }
}
