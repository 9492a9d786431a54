//! The weights file: safetensors with the network's tensors under its own names and a description in the header.

use std::{collections::HashMap, path::Path};

use deepface_attributes::{ATTRIBUTE_COUNT, AttributeId, GROUPS};
use deepface_files::{FloatArray, Tensors, write_tensors};

use crate::{
    Architecture, AttributeMetrics, Golden, ModelError, Preprocessing, Thresholds, Verification,
    arch::Stage, parameters::Parameters,
};

/// Key of the description in the header.
const KEY: &str = "deepface";
/// Version of the description.
const VERSION: u32 = 2;

/// Everything in a weights file but the tensors.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Description {
    version: u32,
    /// The topology.
    pub architecture: Architecture,
    /// How pixels become the network's input.
    pub preprocessing: Preprocessing,
    /// The attributes, group by group: must be this program's.
    attributes: Vec<String>,
    /// The groups: must be this program's.
    groups: Vec<String>,
    /// Decision thresholds of each attribute.
    pub thresholds: Vec<Thresholds>,
    /// Quality of each attribute on the test people.
    pub metrics: Vec<Option<AttributeMetrics>>,
    /// How well fc7 tells people apart, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// Licence of the weights.
    pub license: String,
    /// Where imported weights came from, and what was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What the network computed when the file was written, and must compute again when it is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub golden: Option<Golden>,
}

/// Read first, because a file of another version may have any other content.
#[derive(serde::Deserialize)]
struct Version {
    version: u32,
}

impl Description {
    /// A description with this program's attributes, thresholds of 0.5, nothing measured.
    pub fn new(architecture: Architecture, preprocessing: Preprocessing, license: &str) -> Self {
        Self {
            version: VERSION,
            architecture,
            preprocessing,
            attributes: AttributeId::names().map(Into::into).collect(),
            groups: GROUPS.iter().map(|g| g.name.into()).collect(),
            thresholds: vec![Thresholds::default(); ATTRIBUTE_COUNT],
            metrics: vec![None; ATTRIBUTE_COUNT],
            verification: None,
            license: license.into(),
            origin: None,
            golden: None,
        }
    }

    /// The description among the texts of a header; `None` where this program did not write the file.
    pub(crate) fn read(texts: &HashMap<String, String>) -> Result<Option<Self>, ModelError> {
        let Some(text) = texts.get(KEY) else {
            return Ok(None);
        };
        let wrong = |e: String| ModelError::Weights(e);
        let not_ours = |e: serde_json::Error| wrong(format!("header entry {KEY:?}: {e}"));
        let Version { version } = serde_json::from_str(text).map_err(not_ours)?;
        if version != VERSION {
            return Err(wrong(format!(
                "expected format version {VERSION}, got {version}"
            )));
        }
        let description: Self = serde_json::from_str(text).map_err(not_ours)?;
        description.check().map_err(wrong)?;
        Ok(Some(description))
    }

    fn check(&self) -> Result<(), String> {
        self.architecture.check()?;
        if !self
            .attributes
            .iter()
            .map(String::as_str)
            .eq(AttributeId::names())
        {
            return Err("the attributes are not this program's 73".into());
        }
        if !self
            .groups
            .iter()
            .map(String::as_str)
            .eq(GROUPS.iter().map(|g| g.name))
        {
            return Err("the groups are not this program's 42".into());
        }
        for (what, len) in [
            ("thresholds", self.thresholds.len()),
            ("metrics", self.metrics.len()),
        ] {
            if len != ATTRIBUTE_COUNT {
                return Err(format!("{what}: expected {ATTRIBUTE_COUNT}, got {len}"));
            }
        }
        Ok(())
    }
}

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

    /// Writes the file whole or not at all; the tensors with 16 bits where `half` is set. Takes memory for one tensor,
    /// not for the file.
    pub(crate) fn write(&self, path: &Path, half: bool) -> Result<(), ModelError> {
        let wrong = |e: String| ModelError::Weights(format!("{}: {e}", path.display()));
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
        let text = serde_json::to_string(&self.description).map_err(|e| wrong(e.to_string()))?;
        let texts = HashMap::from([(KEY.to_owned(), text)]);
        write_tensors(path, arrays, texts).map_err(|e| wrong(e.to_string()))
    }
}
