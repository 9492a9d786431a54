//! The identity network's file: safetensors with a description in the header.

use candle_core::{Device, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, Linear};
use deepface_files::{TensorError, Tensors, sha256};
use serde::Deserialize;

use super::{Block, IdentityError, IdentityNetwork, VALUES, Window};

/// Key of the description in the header.
const KEY: &str = "deepface-identity";
/// Version of the description and of the architecture that it describes.
const VERSION: u32 = 1;
/// Limits of a description, so that a damaged one cannot request too much memory.
const LARGEST_SIDE: usize = 1024;
const LARGEST_WIDTH: usize = 4096;
const MOST_BLOCKS: usize = 64;
const MOST_STAGES: usize = 8;

/// What the header says. `source`, `license` and `sha256` (of the source) are there for people.
#[derive(Deserialize)]
struct Description {
    version: u32,
    /// Side of the input, pixels.
    input: usize,
    /// The input is `(pixel - mean) / 256`, pixel in 0 to 255; of red, green and blue.
    means: [f32; 3],
    stages: Vec<Stage>,
    /// A face is scaled to this many pixels a side,
    side: usize,
    /// and the network sees the input's side of them from here.
    left: usize,
    top: usize,
    /// SHA-256 of the tensors.
    digest: String,
}

/// Blocks of one width. The first block of every stage but the first halves the image.
#[derive(Deserialize)]
struct Stage {
    width: usize,
    blocks: usize,
}

impl IdentityNetwork {
    /// Reads and checks the bytes of an identity network's file.
    ///
    /// # Errors
    /// Not a safetensors file, or its description is missing or different, or a tensor is missing, superfluous, of another
    /// shape or type, damaged, or has values that are not finite.
    pub(super) fn read(file: &[u8]) -> Result<Self, IdentityError> {
        let tensors = Tensors::open(file)?;
        let description = describe(&tensors).map_err(IdentityError::File)?;
        let layers = Layers(&tensors);
        let mut width = description.stages[0].width;
        let stem = layers.convolution("stem", [width, 3, 7, 7], 2)?;
        let mut blocks = Vec::new();
        for (number, stage) in description.stages.iter().enumerate() {
            for depth in 0..stage.blocks {
                let halves = number > 0 && depth == 0;
                blocks.push(layers.block(blocks.len(), width, stage.width, halves)?);
                width = stage.width;
            }
        }
        let head = Linear::new(layers.floats("head.weight", &[VALUES, width])?, None);
        tensors.check_all_taken()?;
        // Last, because the messages before say more.
        let digest = Some(&*description.digest);
        tensors.check_digest(digest)?;
        Ok(Self {
            stem,
            blocks,
            head,
            input: description.input,
            means: description.means,
            window: Window {
                side: description.side,
                left: description.left,
                top: description.top,
            },
            digest: sha256(file),
        })
    }
}

impl From<TensorError> for IdentityError {
    fn from(error: TensorError) -> Self {
        Self::File(error.to_string())
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
        self.check_stages()?;
        self.check_window()?;
        if !self.means.iter().all(|mean| mean.is_finite()) {
            return Err(format!("means: got {:?}", self.means));
        }
        Ok(())
    }

    fn check_stages(&self) -> Result<(), String> {
        let count = self.stages.len();
        if !(1..=MOST_STAGES).contains(&count) {
            return Err(format!("stages: expected 1 to {MOST_STAGES}, got {count}"));
        }
        // What goes around a block is widened where needed, never narrowed.
        let mut least = 1;
        for (number, &Stage { width, blocks }) in self.stages.iter().enumerate() {
            if !(least..=LARGEST_WIDTH).contains(&width) {
                return Err(format!(
                    "stages[{number}].width: expected {least} to {LARGEST_WIDTH}, got {width}"
                ));
            }
            if !(1..=MOST_BLOCKS).contains(&blocks) {
                return Err(format!(
                    "stages[{number}].blocks: expected 1 to {MOST_BLOCKS}, got {blocks}"
                ));
            }
            least = width;
        }
        Ok(())
    }

    fn check_window(&self) -> Result<(), String> {
        let &Self {
            input,
            side,
            left,
            top,
            ..
        } = self;
        let least = least_input(self.stages.len());
        if !(least..=LARGEST_SIDE).contains(&input) {
            return Err(format!(
                "input: expected {least} to {LARGEST_SIDE}, got {input}"
            ));
        }
        if !(input..=LARGEST_SIDE).contains(&side) {
            return Err(format!(
                "side: expected {input} to {LARGEST_SIDE}, got {side}"
            ));
        }
        let last = side - input;
        if left > last || top > last {
            return Err(format!(
                "left and top: expected at most {last}, got {left} and {top}"
            ));
        }
        Ok(())
    }
}

/// The smallest side of an input that every stage has a pixel left of.
fn least_input(stages: usize) -> usize {
    // A block that halves needs 3 pixels and leaves at least half of them, rounded down.
    let after_pooling = (1..stages).fold(1, |side, _| (2 * side).max(3));
    // The pooling needs 3 pixels and takes every second, the stem 7.
    let after_stem = 2 * (after_pooling - 1) + 3;
    2 * (after_stem - 1) + 7
}

/// The layers of a file.
struct Layers<'a>(&'a Tensors<'a>);

impl Layers<'_> {
    fn block(
        &self,
        number: usize,
        width: usize,
        next: usize,
        halves: bool,
    ) -> Result<Block, IdentityError> {
        let name = |part: &str| format!("blocks.{number}.{part}");
        let stride = if halves { 2 } else { 1 };
        Ok(Block {
            first: self.convolution(&name("conv1"), [next, width, 3, 3], stride)?,
            second: self.convolution(&name("conv2"), [next, next, 3, 3], 1)?,
            halves,
        })
    }

    /// A convolution that keeps the size of the image, or has a stride. As dlib has it, one with a stride has no padding.
    fn convolution(
        &self,
        name: &str,
        shape: [usize; 4],
        stride: usize,
    ) -> Result<Conv2d, IdentityError> {
        let weight = self.weight(name, shape)?;
        let bias = self.floats(&format!("{name}.bias"), &shape[..1])?;
        let config = Conv2dConfig {
            padding: if stride == 1 { shape[2] / 2 } else { 0 },
            stride,
            ..Conv2dConfig::default()
        };
        Ok(Conv2d::new(weight, Some(bias), config))
    }

    /// Weights of 8 bits, multiplied by the scale of their output channel.
    fn weight(&self, name: &str, shape: [usize; 4]) -> Result<Tensor, IdentityError> {
        let scale = self.floats(&format!("{name}.scale"), &shape[..1])?;
        let values = self.0.bytes(&format!("{name}.weight"), &shape)?;
        let values = values.into_iter().map(f32::from).collect();
        let values = Tensor::from_vec(values, &shape, &Device::Cpu)?;
        Ok(values.broadcast_mul(&scale.reshape((shape[0], 1, 1, 1))?)?)
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<Tensor, IdentityError> {
        let values = self.0.floats(name, shape)?;
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use safetensors::{Dtype, SafeTensors, tensor::TensorView};
    use serde_json::{Value, json};

    use super::super::EMBEDDED;
    use super::*;

    /// The built-in file after a change to its description and tensors.
    fn changed(
        describe: impl FnOnce(&mut Value),
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
        IdentityNetwork::read(&file).unwrap_err().to_string()
    }

    #[test]
    fn another_description_is_refused_with_what_is_wrong() {
        for (place, value, problem) in [
            ("/version", json!(2), "expected format version 1, got 2"),
            ("/input", json!(102), "input: expected 103 to 1024, got 102"),
            ("/side", json!(149), "side: expected 150 to 1024, got 149"),
            ("/side", json!(4096), "side: expected 150 to 1024, got 4096"),
            ("/left", json!(56), "left and top: expected at most 55"),
            ("/top", json!(56), "left and top: expected at most 55"),
            (
                "/means",
                json!([1, 2]),
                "header entry \"deepface-identity\"",
            ),
            ("/stages", json!([]), "stages: expected 1 to 8, got 0"),
            (
                "/stages/1/width",
                json!(31),
                "stages[1].width: expected 32 to 4096, got 31",
            ),
            (
                "/stages/2/blocks",
                json!(0),
                "stages[2].blocks: expected 1 to 64, got 0",
            ),
            (
                "/stages/4/width",
                json!(4096),
                "\"blocks.13.conv1.scale\": expected shape [4096], got [256]",
            ),
        ] {
            let said = changed(|d| *d.pointer_mut(place).unwrap() = value, |_| ());
            assert!(said.contains(problem), "{place}: {said}");
        }
    }

    #[test]
    fn other_tensors_are_refused_by_name() {
        let said = changed(|_| (), |t| _ = t.remove("blocks.3.conv1.scale"));
        assert!(
            said.contains("tensor \"blocks.3.conv1.scale\": missing"),
            "{said}"
        );
        let replaced = |name: &'static str, other: &'static str| {
            let replace = move |t: &mut HashMap<String, TensorView<'_>>| {
                let other = t[other].clone();
                t.insert(name.to_owned(), other);
            };
            changed(|_| (), replace)
        };
        let said = replaced("head.weight", "stem.bias");
        assert!(
            said.contains("\"head.weight\": expected shape [128, 256], got [32]"),
            "{said}"
        );
        let said = replaced("blocks.14.conv1.bias", "stem.bias");
        assert!(
            said.contains("unexpected tensor \"blocks.14.conv1.bias\""),
            "{said}"
        );
        const NAN: [u8; 64] = [0xff; 64];
        let replace = |dtype| {
            let bias = TensorView::new(dtype, vec![32], &NAN[..32 * dtype.bitsize() / 8]);
            let bias = bias.unwrap();
            changed(|_| (), |t| _ = t.insert("stem.bias".to_owned(), bias))
        };
        let said = replace(Dtype::F16);
        assert!(said.contains("\"stem.bias\": holds NaN"), "{said}");
        let said = replace(Dtype::I8);
        assert!(
            said.contains("\"stem.bias\": expected F32 or F16, got I8"),
            "{said}"
        );
    }

    #[test]
    fn weights_of_another_type_are_refused() {
        const BYTES: [u8; 32 * 3 * 7 * 7] = [1; 32 * 3 * 7 * 7];
        let said = changed(
            |_| (),
            |t| {
                let weight = TensorView::new(Dtype::U8, vec![32, 3, 7, 7], &BYTES);
                t.insert("stem.weight".to_owned(), weight.unwrap());
            },
        );
        assert!(
            said.contains("\"stem.weight\": expected I8, got U8"),
            "{said}"
        );
    }

    #[test]
    fn a_changed_weight_is_noticed() {
        let mut file = EMBEDDED.to_vec();
        let last = file.len() - 1;
        file[last] ^= 1;
        let said = IdentityNetwork::read(&file).unwrap_err().to_string();
        assert!(said.contains("damaged: the tensors differ"), "{said}");
    }

    #[test]
    fn other_files_are_refused() {
        let said = |file: &[u8]| IdentityNetwork::read(file).unwrap_err().to_string();
        assert!(said(b"no").contains("not a whole safetensors file"));
        assert!(said(&EMBEDDED[..EMBEDDED.len() - 1]).contains("not a whole safetensors file"));
        let none: HashMap<String, TensorView<'_>> = HashMap::new();
        let bare = safetensors::serialize(none, None).unwrap();
        assert!(said(&bare).contains("the header has no entry \"deepface-identity\""));
    }

    /// The smallest input leaves one pixel; one smaller would leave none in some stage.
    #[test]
    fn the_smallest_input_suffices_for_every_stage() {
        for stages in 1..=MOST_STAGES {
            let sides = |input: usize| {
                let pooled = ((input - 7) / 2 + 1 - 3) / 2 + 1;
                (1..stages).try_fold(pooled, |side, _| (side >= 3).then_some(side / 2))
            };
            let least = least_input(stages);
            assert_eq!(sides(least), Some(1), "{stages}");
            assert!(least < 11 + 4 || sides(least - 4).is_none(), "{stages}");
        }
    }
}
