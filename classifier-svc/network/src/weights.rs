//! The weights file: safetensors with the network's tensors under its own names and a description in the header.

use std::{collections::HashMap, io::Write, path::Path};

use deepface_attributes::{ATTRIBUTE_COUNT, AttributeId, GROUPS};
use deepface_files::write_atomically_with;
use half::f16;
use safetensors::{
    Dtype, SafeTensors,
    tensor::{Metadata, TensorInfo},
};

use super::{
    Architecture, AttributeMetrics, Golden, ModelError, Thresholds, arch::Stage, cpu::Parameters,
};

/// Key of the description in the header.
const KEY: &str = "deepface";
/// Version of the description.
const VERSION: u32 = 2;
/// Values that are encoded at a time.
const CHUNK: usize = 1 << 16;

/// What VGG-Face takes from pixels of 0 to 255, red first: the means of the faces that it was trained with.
pub const VGG_FACE_MEAN: [f32; 3] = [129.1863, 104.7624, 93.5940];

/// How pixels become the network's input: `(255 pixel - mean) * scale` per channel.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Preprocessing {
    /// `RGB` or `BGR`: the order that the weights expect.
    pub channel_order: String,
    /// Mean of each channel, 0 to 255, in RGB order.
    pub mean: [f32; 3],
    /// Factor after the mean is taken away.
    pub scale: f32,
}

/// Everything in a weights file but the tensors.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Description {
    version: u32,
    /// The topology.
    pub architecture: Architecture,
    /// What happens to pixels.
    pub preprocessing: Preprocessing,
    /// The attributes, group by group: must be this program's.
    attributes: Vec<String>,
    /// The groups: must be this program's.
    groups: Vec<String>,
    /// Decision thresholds of each attribute.
    pub thresholds: Vec<Thresholds>,
    /// Quality of each attribute on the test people.
    pub metrics: Vec<Option<AttributeMetrics>>,
    /// Licence of the weights.
    pub license: String,
    /// Where imported weights came from, and what is new about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What the network computed when the file was made, which it must compute when it is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub golden: Option<Golden>,
}

/// What is read first: of another version, nothing else need be as expected.
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
            license: license.into(),
            origin: None,
            golden: None,
        }
    }

    /// The description among the texts of a header; `None` where the file is not of this program.
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
        let order = &self.preprocessing.channel_order;
        if order != "RGB" && order != "BGR" {
            return Err(format!("channel_order: expected RGB or BGR, got {order:?}"));
        }
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
    tensors: SafeTensors<'a>,
}

impl<'a> WeightsFile<'a> {
    /// Reads and checks the header.
    pub(crate) fn open(file: &'a [u8]) -> Result<Self, ModelError> {
        let wrong = |e: String| ModelError::Weights(e);
        let (_, header) = SafeTensors::read_metadata(file)
            .map_err(|e| wrong(format!("not a whole safetensors file: {e}")))?;
        let texts = header.metadata().as_ref();
        let description = texts.map_or(Ok(None), Description::read)?;
        let description = description.ok_or_else(|| {
            wrong(format!(
                "the header has no entry {KEY:?}: not a model of this program"
            ))
        })?;
        let tensors = SafeTensors::deserialize(file).map_err(|e| wrong(e.to_string()))?;
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
        let tensor = |what: &str, shape: &[usize]| {
            tensor(&self.tensors, &format!("{}.{what}", stage.name), shape)
        };
        Ok(Parameters {
            weight: tensor("weight", &shape)?,
            bias: tensor("bias", &[stage.outputs()])?,
        })
    }

    /// Reads and checks the mean activation of fc7.
    pub(crate) fn fc7_mean(&self) -> Result<Vec<f32>, ModelError> {
        let features = self.description.architecture.features;
        tensor(&self.tensors, "fc7.mean", &[features])
    }
}

/// A weights file in memory.
pub(crate) struct Weights {
    /// The header.
    pub(crate) description: Description,
    /// Weights and bias per stage, empty for poolings.
    pub(crate) parameters: Vec<Parameters>,
    /// Mean activation of fc7 over the validation faces: what similarity is measured from.
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

    /// The same with its golden output, which is computed from the weights as they are now.
    pub(crate) fn sealed(mut self) -> Result<Self, ModelError> {
        self.description.golden = Some(Golden::of(&self)?);
        Ok(self)
    }

    /// Writes the file whole or not at all; the tensors as `f16` where that is asked for. Takes no memory for the file.
    pub(crate) fn write(&self, path: &Path, half: bool) -> Result<(), ModelError> {
        let wrong =
            |e: &dyn std::fmt::Display| ModelError::Weights(format!("{}: {e}", path.display()));
        let mut arrays: Vec<(String, Vec<usize>, &[f32])> = Vec::new();
        let stages = self.description.architecture.stages();
        for (stage, p) in stages.iter().zip(&self.parameters) {
            if let Some(shape) = stage.weight_shape() {
                arrays.push((format!("{}.weight", stage.name), shape, &p.weight));
                arrays.push((
                    format!("{}.bias", stage.name),
                    vec![stage.outputs()],
                    &p.bias,
                ));
            }
        }
        arrays.push(("fc7.mean".into(), vec![self.fc7_mean.len()], &self.fc7_mean));
        // The order that the safetensors library writes in.
        arrays.sort_by(|a, b| a.0.cmp(&b.0));
        let (dtype, size) = if half {
            (Dtype::F16, 2)
        } else {
            (Dtype::F32, 4)
        };
        let mut end = 0;
        let infos = arrays.iter().map(|(name, shape, data)| {
            let start = end;
            end += size * data.len();
            let info = TensorInfo {
                dtype,
                shape: shape.clone(),
                data_offsets: (start, end),
            };
            (name.clone(), info)
        });
        let text = serde_json::to_string(&self.description).map_err(|e| wrong(&e))?;
        let texts = HashMap::from([(KEY.to_owned(), text)]);
        let header = Metadata::new(Some(texts), infos.collect()).map_err(|e| wrong(&e))?;
        let mut header = serde_json::to_vec(&header).map_err(|e| wrong(&e))?;
        header.resize(header.len().next_multiple_of(8), b' ');
        let written = write_atomically_with(path, |file| {
            file.write_all(&(header.len() as u64).to_le_bytes())?;
            file.write_all(&header)?;
            let mut chunks = arrays.iter().flat_map(|(_, _, data)| data.chunks(CHUNK));
            chunks.try_for_each(|chunk| file.write_all(&encode(chunk, half)))
        });
        written.map_err(|e| wrong(&e))
    }
}

fn encode(data: &[f32], half: bool) -> Vec<u8> {
    if half {
        data.iter()
            .flat_map(|&x| f16::from_f32(x).to_le_bytes())
            .collect()
    } else {
        data.iter().flat_map(|x| x.to_le_bytes()).collect()
    }
}

fn tensor(tensors: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
    let wrong = |problem: String| ModelError::Weights(format!("tensor {name:?}: {problem}"));
    let view = tensors.tensor(name).map_err(|_| wrong("missing".into()))?;
    if view.shape() != shape {
        return Err(wrong(format!(
            "expected shape {shape:?}, got {:?}",
            view.shape()
        )));
    }
    let bytes = view.data();
    let data: Vec<f32> = match view.dtype() {
        Dtype::F32 => bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
        Dtype::F16 => bytes
            .chunks_exact(2)
            .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect(),
        other => return Err(wrong(format!("expected F32 or F16, got {other:?}"))),
    };
    match data.iter().find(|x| !x.is_finite()) {
        Some(x) => Err(wrong(format!("holds {x}"))),
        None => Ok(data),
    }
}
