//! The judge's file: safetensors with a description in the header.

use std::cell::RefCell;
use std::collections::BTreeSet;

use candle_core::{Device, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, Linear};
use deepface_attributes::Schema;
use deepface_files::{Tensors, sha256};
use serde::Deserialize;

use super::{Block, Judge, JudgeError};

/// Key of the description in the header.
const KEY: &str = "deepface-judge";
/// Version of the description and of the architecture that it describes.
const VERSION: u32 = 1;
/// Blocks of one width.
const DEPTH: usize = 2;
/// Limits of a description, so that a damaged one cannot request too much memory.
const LARGEST_INPUT: usize = 512;
const LARGEST_WIDTH: usize = 4096;
const MOST_WIDTHS: usize = 8;

/// What the header says. `test_auc` and `license` are there for people.
#[derive(Deserialize)]
struct Description {
    version: u32,
    /// Side of the input, pixels.
    input: usize,
    /// The input is `(pixel - mean) / deviation`, pixel in 0 to 1.
    mean: f32,
    deviation: f32,
    /// Channels of each stage, the stem's first.
    widths: Vec<usize>,
    attributes: Vec<String>,
}

impl Judge {
    /// Reads and checks the bytes of a judge's file.
    ///
    /// # Errors
    /// Not a safetensors file, or its description is missing or different, or a tensor is missing, superfluous, of another
    /// shape or type, or has values that are not finite.
    pub(crate) fn read(file: &[u8]) -> Result<Self, JudgeError> {
        let tensors = Tensors::open(file).map_err(|e| JudgeError::File(e.to_string()))?;
        let description = describe(&tensors).map_err(JudgeError::File)?;
        let tensors = Layers {
            tensors,
            taken: RefCell::default(),
        };
        let mut width = description.widths[0];
        let stem = tensors.convolution("stem", [width, 3, 5, 5], 2)?;
        let mut blocks = Vec::new();
        for (stage, &next) in description.widths.iter().enumerate() {
            for depth in 0..DEPTH {
                let stride = if stage > 0 && depth == 0 { 2 } else { 1 };
                blocks.push(tensors.block(blocks.len(), width, next, stride)?);
                width = next;
            }
        }
        let schema = Schema::default();
        let count = schema.len();
        let head = Linear::new(
            tensors.tensor("head.weight", &[count, width])?,
            Some(tensors.tensor("head.bias", &[count])?),
        );
        tensors.all_taken()?;
        Ok(Self {
            stem,
            blocks,
            head,
            schema,
            input: description.input,
            mean: description.mean,
            deviation: description.deviation,
            digest: sha256(file),
        })
    }
}

fn describe(tensors: &Tensors<'_>) -> Result<Description, String> {
    let text = tensors.text(KEY);
    let text = text.ok_or_else(|| format!("the header has no entry {KEY:?}"))?;
    let description: Description =
        serde_json::from_str(text).map_err(|e| format!("header entry {KEY:?}: {e}"))?;
    description.check()?;
    Ok(description)
}

impl Description {
    fn check(&self) -> Result<(), String> {
        if self.version != VERSION {
            let version = self.version;
            return Err(format!("expected format version {VERSION}, got {version}"));
        }
        let widths = &self.widths;
        let wide = |w: &usize| (1..=LARGEST_WIDTH).contains(w);
        if !(1..=MOST_WIDTHS).contains(&widths.len()) || !widths.iter().all(wide) {
            return Err(format!(
                "widths: expected 1 to {MOST_WIDTHS} of 1 to {LARGEST_WIDTH}, got {widths:?}"
            ));
        }
        // The stem and every stage but the first halve the image.
        let (input, step) = (self.input, 1 << widths.len());
        if !(step..=LARGEST_INPUT).contains(&input) || input % step != 0 {
            return Err(format!(
                "input: expected a multiple of {step} up to {LARGEST_INPUT}, got {input}"
            ));
        }
        let (mean, deviation) = (self.mean, self.deviation);
        if !(mean.is_finite() && deviation.is_finite() && deviation > 0.0) {
            return Err(format!(
                "expected a mean and a positive deviation, got {mean} and {deviation}"
            ));
        }
        let ours = Schema::default();
        let theirs = self.attributes.iter().map(String::as_str);
        if let Some((number, name, got)) = first_difference(ours.names(), theirs) {
            return Err(format!("attributes[{number}]: expected {name}, got {got}"));
        }
        Ok(())
    }
}

/// Number and names of the first attribute that differs.
fn first_difference<'a, 'b>(
    mut ours: impl Iterator<Item = &'a str>,
    mut theirs: impl Iterator<Item = &'b str>,
) -> Option<(usize, String, String)> {
    let said = |name: Option<&str>| name.map_or("none".to_owned(), |name| format!("{name:?}"));
    for number in 0.. {
        match (ours.next(), theirs.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => return Some((number, said(a), said(b))),
        }
    }
    None
}

/// The layers of a file, and which of its tensors they used.
struct Layers<'a> {
    tensors: Tensors<'a>,
    taken: RefCell<BTreeSet<String>>,
}

impl Layers<'_> {
    fn block(
        &self,
        number: usize,
        width: usize,
        next: usize,
        stride: usize,
    ) -> Result<Block, JudgeError> {
        let name = |part: &str| format!("blocks.{number}.{part}");
        let shortcut = || -> Result<Conv2d, JudgeError> {
            let weight = self.tensor(&name("shortcut.weight"), &[next, width, 1, 1])?;
            Ok(Conv2d::new(weight, None, Conv2dConfig::default()))
        };
        Ok(Block {
            first: self.convolution(&name("conv1"), [next, width, 3, 3], stride)?,
            second: self.convolution(&name("conv2"), [next, next, 3, 3], 1)?,
            shortcut: (width != next).then(shortcut).transpose()?,
            stride,
        })
    }

    /// A convolution that keeps the size of the image, except for its stride.
    fn convolution(
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

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, JudgeError> {
        let values = self.tensors.floats(name, shape);
        let values = values.map_err(|e| JudgeError::File(e.to_string()))?;
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?;
        self.taken.borrow_mut().insert(name.to_owned());
        Ok(tensor)
    }

    /// A file with other tensors is of another architecture.
    fn all_taken(&self) -> Result<(), JudgeError> {
        let taken = self.taken.borrow();
        let mut names = self.tensors.names().into_iter();
        match names.find(|name| !taken.contains(*name)) {
            Some(name) => Err(JudgeError::File(format!("unexpected tensor {name:?}"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use safetensors::{Dtype, SafeTensors, tensor::TensorView};

    use super::super::EMBEDDED;
    use super::*;

    /// The built-in file after a change to its description and tensors.
    fn changed(
        describe: impl FnOnce(&mut serde_json::Value),
        tensors: impl FnOnce(&mut HashMap<String, TensorView<'_>>),
    ) -> String {
        let (_, header) = SafeTensors::read_metadata(EMBEDDED).unwrap();
        let mut text = header.metadata().clone().unwrap();
        let mut value = serde_json::from_str(&text[KEY]).unwrap();
        describe(&mut value);
        text.insert(KEY.to_owned(), value.to_string());
        let file = SafeTensors::deserialize(EMBEDDED).unwrap();
        let mut all = file.tensors().into_iter().collect();
        tensors(&mut all);
        let file = safetensors::serialize(all, Some(text)).unwrap();
        Judge::read(&file).unwrap_err().to_string()
    }

    #[test]
    fn another_description_is_refused_with_what_is_wrong() {
        for (field, value, problem) in [
            ("version", 2.into(), "expected format version 1, got 2"),
            ("input", 60.into(), "input: expected a multiple of 16"),
            ("deviation", 0.into(), "got 0.45 and 0"),
            ("widths", serde_json::json!([]), "widths: expected 1 to 8"),
            (
                "widths",
                serde_json::json!([32, 64]),
                "\"head.weight\": expected shape [73, 64]",
            ),
            ("mean", "x".into(), "header entry \"deepface-judge\""),
        ] {
            let said = changed(|d| d[field] = value, |_| ());
            assert!(said.contains(problem), "{field}: {said}");
        }
        let said = changed(|d| d["attributes"][3] = "Tall".into(), |_| ());
        assert!(
            said.contains("attributes[3]: expected \"Black\", got \"Tall\""),
            "{said}"
        );
        let said = changed(
            |d| _ = d["attributes"].as_array_mut().unwrap().pop(),
            |_| (),
        );
        assert!(
            said.contains("attributes[72]: expected \"Wearing Earrings\", got none"),
            "{said}"
        );
    }

    #[test]
    fn other_tensors_are_refused_by_name() {
        let said = changed(|_| (), |t| _ = t.remove("blocks.2.shortcut.weight"));
        assert!(
            said.contains("tensor \"blocks.2.shortcut.weight\": missing"),
            "{said}"
        );
        let said = changed(
            |_| (),
            |t| {
                let bias = t["stem.bias"].clone();
                t.insert("head.bias".to_owned(), bias);
            },
        );
        assert!(
            said.contains("\"head.bias\": expected shape [73], got [32]"),
            "{said}"
        );
        let said = changed(
            |_| (),
            |t| {
                let bias = t["stem.bias"].clone();
                t.insert("blocks.0.shortcut.weight".to_owned(), bias);
            },
        );
        assert!(
            said.contains("unexpected tensor \"blocks.0.shortcut.weight\""),
            "{said}"
        );
        const NAN: [u8; 64] = [0x7c; 64];
        let said = changed(
            |_| (),
            |t| {
                let bias = TensorView::new(Dtype::F16, vec![32], &NAN).unwrap();
                t.insert("stem.bias".to_owned(), bias);
            },
        );
        assert!(said.contains("\"stem.bias\": holds NaN"), "{said}");
    }

    #[test]
    fn other_files_are_refused() {
        let said = |file: &[u8]| Judge::read(file).unwrap_err().to_string();
        assert!(said(b"no").contains("not a whole safetensors file"));
        assert!(said(&EMBEDDED[..EMBEDDED.len() - 1]).contains("not a whole safetensors file"));
        let none: HashMap<String, TensorView<'_>> = HashMap::new();
        let bare = safetensors::serialize(none, None).unwrap();
        assert!(said(&bare).contains("the header has no entry \"deepface-judge\""));
    }
}
