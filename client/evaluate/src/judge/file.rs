//! A judge's file: safetensors with a description in the header. The bodies take their tensors from it by name.

use candle_core::{Device, Tensor};
use candle_nn::{Conv2d, Conv2dConfig};
use deepface_attributes::Schema;
use deepface_files::Tensors;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::JudgeError;

/// Key of the description in the header.
pub(super) const KEY: &str = "deepface-judge";
/// Limits of a description, so that a damaged one cannot request too much memory.
const LARGEST_INPUT: usize = 512;
const LARGEST_WIDTH: usize = 4096;
const LARGEST_COUNT: usize = 8;

/// What the header says of every judge. `test_auc` and `license` are there for people.
#[derive(Deserialize)]
pub(super) struct Description {
    /// Of the description. 1 does not name an architecture, because there was only one.
    version: u32,
    architecture: Option<String>,
    /// Side of the input, pixels.
    pub(super) input: usize,
    /// The input is `(pixel - mean) / deviation`, pixel in 0 to 1.
    pub(super) mean: f32,
    pub(super) deviation: f32,
    attributes: Vec<String>,
}

/// What lies before the mean over the image.
pub(super) enum Architecture {
    Residual,
    Aggregation,
}

impl Description {
    /// The architecture that the version and the name stand for.
    ///
    /// # Errors
    /// Another version, or another name.
    pub(super) fn architecture(&self) -> Result<Architecture, JudgeError> {
        match (self.version, self.architecture.as_deref()) {
            (1, _) => Ok(Architecture::Residual),
            (2, Some("aggregation")) => Ok(Architecture::Aggregation),
            (2, other) => refused(format!(
                "architecture: expected \"aggregation\", got {}",
                said(other)
            )),
            (version, _) => refused(format!("expected format version 1 or 2, got {version}")),
        }
    }

    /// Checks normalisation and attributes.
    ///
    /// # Errors
    /// They are not as expected.
    pub(super) fn check(&self) -> Result<(), JudgeError> {
        let (mean, deviation) = (self.mean, self.deviation);
        if !(mean.is_finite() && deviation.is_finite() && deviation > 0.0) {
            return refused(format!(
                "expected a mean and a positive deviation, got {mean} and {deviation}"
            ));
        }
        let ours = Schema::default();
        let theirs = self.attributes.iter().map(String::as_str);
        match first_difference(ours.names(), theirs) {
            Some((number, name, got)) => {
                refused(format!("attributes[{number}]: expected {name}, got {got}"))
            }
            None => Ok(()),
        }
    }

    /// Checks that the input can be halved so often (at most [`LARGEST_COUNT`] times).
    ///
    /// # Errors
    /// It cannot, or is too large.
    pub(super) fn check_input(&self, halvings: usize) -> Result<(), JudgeError> {
        let (input, step) = (self.input, 1 << halvings);
        if (step..=LARGEST_INPUT).contains(&input) && input % step == 0 {
            return Ok(());
        }
        refused(format!(
            "input: expected a multiple of {step} up to {LARGEST_INPUT}, got {input}"
        ))
    }
}

/// Checks how many stages or layers a description has.
pub(super) fn check_count(field: &str, count: usize) -> Result<(), JudgeError> {
    match count {
        1..=LARGEST_COUNT => Ok(()),
        _ => refused(format!(
            "{field}: expected 1 to {LARGEST_COUNT}, got {count}"
        )),
    }
}

/// Checks how many channels a layer has.
pub(super) fn check_width(field: &str, channels: usize) -> Result<(), JudgeError> {
    match channels {
        1..=LARGEST_WIDTH => Ok(()),
        _ => refused(format!(
            "{field}: expected 1 to {LARGEST_WIDTH} channels, got {channels}"
        )),
    }
}

fn refused<T>(problem: impl Into<String>) -> Result<T, JudgeError> {
    Err(JudgeError::File(problem.into()))
}

fn said(name: Option<&str>) -> String {
    name.map_or("none".to_owned(), |name| format!("{name:?}"))
}

/// Number and names of the first attribute that differs.
fn first_difference<'a, 'b>(
    mut ours: impl Iterator<Item = &'a str>,
    mut theirs: impl Iterator<Item = &'b str>,
) -> Option<(usize, String, String)> {
    for number in 0.. {
        match (ours.next(), theirs.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => return Some((number, said(a), said(b))),
        }
    }
    None
}

/// The layers of a file.
pub(super) struct Layers<'a>(Tensors<'a>);

impl<'a> Layers<'a> {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// Not a whole safetensors file.
    pub(super) fn open(file: &'a [u8]) -> Result<Self, JudgeError> {
        Ok(Self(Tensors::open(file)?))
    }

    /// What the header says, as far as `T` has it.
    ///
    /// # Errors
    /// The entry is missing, or a field of it is missing or of another type.
    pub(super) fn description<T: DeserializeOwned>(&self) -> Result<T, JudgeError> {
        let Some(text) = self.0.text(KEY) else {
            return refused(format!("the header has no entry {KEY:?}"));
        };
        let described = serde_json::from_str(text);
        described.map_err(|e| JudgeError::File(format!("header entry {KEY:?}: {e}")))
    }

    /// A convolution with bias that keeps the size of the image, except for its stride. The shape is that of its weights:
    /// channels of the output, channels of the input, height and width of the kernel.
    ///
    /// # Errors
    /// A tensor is not as expected.
    pub(super) fn convolution(
        &self,
        name: &str,
        shape: [usize; 4],
        stride: usize,
    ) -> Result<Conv2d, JudgeError> {
        let weight = self.tensor(&format!("{name}.weight"), &shape)?;
        let bias = self.tensor(&format!("{name}.bias"), &shape[..1])?;
        let config = Conv2dConfig {
            padding: shape[2] / 2,
            stride,
            ..Conv2dConfig::default()
        };
        Ok(Conv2d::new(weight, Some(bias), config))
    }

    /// A tensor by name.
    ///
    /// # Errors
    /// It is missing, has another shape or type, or holds a value that is not finite.
    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, JudgeError> {
        let values = self.0.floats(name, shape)?;
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }

    /// Checks that every tensor was taken.
    ///
    /// # Errors
    /// One was not taken.
    pub(super) fn check_all_taken(&self) -> Result<(), JudgeError> {
        Ok(self.0.check_all_taken()?)
    }
}
