//! Finds the layers of VGG-Face among the tensors of a file: by their names, or, where names say nothing, by their order
//! and shapes. Brings every weight into the order of this program.

use std::collections::HashMap;

use anyhow::{Context, anyhow, bail, ensure};
use deepface_import::{Contents, Format, Tensor};

use super::{
    names::{self, CONVOLUTIONS, LAYERS, Part},
    other,
};

/// The order of the dimensions of kernels. It also decides in which order fc6 reads the last activation, as all programs
/// flatten an activation in the order in which they store it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Out, in, height, width; fc6 reads channels, rows, columns: Caffe, PyTorch, Torch.
    ChannelsFirst,
    /// Height, width, in, out; fc6 reads rows, columns, channels: Keras, TensorFlow, MatConvNet.
    ChannelsLast,
}

/// A layer as the file has it.
#[derive(Clone)]
struct Held<'a> {
    weight: &'a Tensor,
    bias: &'a Tensor,
}

/// A layer in this program's order.
pub(super) struct Layer {
    /// `[out, in, 3, 3]` of a convolution, `[out, channels, rows, columns]` of fc6, `[out, in]` of fc7 and fc8; or what
    /// else the file has.
    pub(super) weight: Tensor,
    /// `[out]`.
    pub(super) bias: Tensor,
}

/// The layers of a file.
pub(super) struct Found<'a> {
    held: Vec<Held<'a>>,
    /// The order of the dimensions of its kernels.
    pub(super) layout: Layout,
    /// Whether the names of the file said nothing.
    pub(super) by_order: bool,
}

impl<'a> Found<'a> {
    /// Finds conv1_1 to fc7, and fc8 if there is one.
    ///
    /// # Errors
    /// A layer is missing or occurs twice, or the file is another network.
    pub(super) fn find(contents: &'a Contents) -> anyhow::Result<Self> {
        // Such a network may have all names of VGG-Face, and more.
        if other::has_more(&contents.tensors) {
            return Err(other::explain(contents));
        }
        let mut slots = by_name(&contents.tensors)?;
        let fc8 = slots.pop().flatten();
        let named: Option<Vec<Held<'a>>> = slots.iter().cloned().collect();
        let (held, by_order) = match (named, by_order(contents)) {
            (Some(mut held), _) => {
                held.extend(fc8);
                (held, false)
            }
            (None, Some(held)) => (held, true),
            (None, None) => return Err(other::explain(contents)),
        };
        let layout = layout(held[0].weight)?;
        if contents.format == Format::Keras && layout == Layout::ChannelsFirst {
            bail!(
                "{}: these are kernels of Keras for Theano, [out, in, height, width]; take the file for TensorFlow",
                held[0].weight.name()
            );
        }
        Ok(Self {
            held,
            layout,
            by_order,
        })
    }

    /// A layer by its name.
    ///
    /// # Errors
    /// There is no such layer, or the shape of its weight is not one of its kind.
    pub(super) fn layer(&self, name: &str) -> anyhow::Result<Layer> {
        let index = LAYERS.iter().position(|layer| *layer == name);
        let held = index.and_then(|index| self.held.get(index));
        let held = held.with_context(|| format!("{name} is missing"))?;
        let weight = held.weight;
        let turned = match name {
            conv if conv.starts_with("conv") => self.kernels(weight),
            "fc6" => self.fc6(weight)?,
            _ => self.matrix(weight),
        };
        let weight = turned.with_context(|| {
            let (name, shape) = (weight.name(), weight.shape());
            format!("{name}: expected the weight of a layer, got shape {shape:?}")
        })?;
        let bias = held.bias.squeezed();
        Ok(Layer { weight, bias })
    }

    /// Whether fc6 is a matrix, of whose inputs no shape says the order.
    pub(super) fn flattens(&self) -> bool {
        let fc6 = self.held.get(CONVOLUTIONS);
        fc6.is_some_and(|held| held.weight.squeezed().shape().len() == 2)
    }

    /// The number of classes that fc8 distinguishes.
    pub(super) fn classes(&self) -> Option<usize> {
        let fc8 = self.layer("fc8").ok()?;
        fc8.weight.shape().first().copied()
    }

    /// Whether a tensor of the file is one of the layers below fc8.
    pub(super) fn uses(&self, tensor: &Tensor) -> bool {
        let mut used = self.held.iter().take(LAYERS.len() - 1);
        used.any(|held| std::ptr::eq(held.weight, tensor) || std::ptr::eq(held.bias, tensor))
    }

    fn kernels(&self, weight: &Tensor) -> Option<Tensor> {
        match (self.layout, weight.shape()) {
            (Layout::ChannelsLast, _) => weight.permuted(&[3, 2, 0, 1]),
            // SpatialConvolutionMM of Torch 7 has a matrix.
            (Layout::ChannelsFirst, [_, inputs]) => weight.split(1, &[inputs / 9, 3, 3]),
            (Layout::ChannelsFirst, _) => Some(weight.clone()),
        }
    }

    /// Fully connected, or a convolution over all that it reads.
    fn fc6(&self, weight: &Tensor) -> anyhow::Result<Option<Tensor>> {
        let channels = self.layer(LAYERS[CONVOLUTIONS - 1])?.weight;
        let channels = channels.shape().first().copied().unwrap_or(0);
        let plain = weight.squeezed();
        let inputs = match (self.layout, plain.shape()) {
            (_, [_, _, _, _]) => return Ok(self.kernels(&plain)),
            (Layout::ChannelsFirst, [_, inputs]) | (Layout::ChannelsLast, [inputs, _]) => *inputs,
            _ => return Ok(None),
        };
        let side = inputs.checked_div(channels).map_or(0, usize::isqrt);
        ensure!(
            side.checked_pow(2)
                .and_then(|area| area.checked_mul(channels))
                == Some(inputs)
                && side > 0,
            "{}: expected {channels} channels of a square as its inputs, got shape {:?}",
            weight.name(),
            weight.shape()
        );
        Ok(match self.layout {
            Layout::ChannelsFirst => plain.split(1, &[channels, side, side]),
            Layout::ChannelsLast => {
                let split = plain.split(0, &[side, side, channels]);
                split.and_then(|split| split.permuted(&[3, 2, 0, 1]))
            }
        })
    }

    fn matrix(&self, weight: &Tensor) -> Option<Tensor> {
        let plain = weight.squeezed();
        match (self.layout, plain.shape()) {
            (Layout::ChannelsFirst, _) => Some(plain),
            (Layout::ChannelsLast, [_, _]) => plain.permuted(&[1, 0]),
            _ => None,
        }
    }
}

fn layout(first: &Tensor) -> anyhow::Result<Layout> {
    match first.shape() {
        [3, 3, 3, _] => Ok(Layout::ChannelsLast),
        [_, 3, 3, 3] | [_, 27] => Ok(Layout::ChannelsFirst),
        other => Err(anyhow!(
            "{}: expected kernels [out, 3, 3, 3] or [3, 3, 3, out], got {other:?}",
            first.name()
        )),
    }
}

/// The layers that names tell, in the order of [`LAYERS`].
fn by_name(tensors: &[Tensor]) -> anyhow::Result<Vec<Option<Held<'_>>>> {
    let mut slots: Vec<[Option<&Tensor>; 2]> = vec![[None; 2]; LAYERS.len()];
    for tensor in tensors {
        let Some((path, part)) = names::part_of_word(tensor.name()) else {
            continue;
        };
        let Some(layer) = names::layer(&path) else {
            continue;
        };
        let slot = &mut slots[layer][part as usize];
        if let Some(first) = slot.replace(tensor) {
            let part = match part {
                Part::Weight => "weight",
                Part::Bias => "bias",
            };
            bail!(
                "{}.{part}: expected one, got {:?} and {:?}; save only the network that is to be imported",
                LAYERS[layer],
                first.name(),
                tensor.name()
            );
        }
    }
    let layers = slots.into_iter().map(|[weight, bias]| {
        Some(Held {
            weight: weight?,
            bias: bias?,
        })
    });
    Ok(layers.collect())
}

/// The layers of a file whose names say nothing: thirteen convolutions of three by three, then two or three other layers.
fn by_order(contents: &Contents) -> Option<Vec<Held<'_>>> {
    let mut layers: Vec<(Option<&Tensor>, Option<&Tensor>)> = Vec::new();
    let mut tensors: Vec<&Tensor> = contents.tensors.iter().collect();
    if !in_order(contents) {
        tensors.sort_by_cached_key(|tensor| natural(tensor.name()));
    }
    let parts = tensors
        .iter()
        .any(|t| names::part_of_word(t.name()).is_some());
    let mut places: HashMap<Vec<&str>, usize> = HashMap::new();
    for tensor in tensors {
        let rank = tensor.squeezed().shape().len();
        let (place, part) = match names::part_of_word(tensor.name()) {
            Some((path, part)) => {
                let next = layers.len();
                (*places.entry(path).or_insert(next), part)
            }
            // Tensors beside those that names explain are something else.
            None if parts => continue,
            None if rank >= 2 => (layers.len(), Part::Weight),
            None => (layers.len().checked_sub(1)?, Part::Bias),
        };
        if place == layers.len() {
            layers.push((None, None));
        }
        let layer = layers.get_mut(place)?;
        let slot = match part {
            Part::Weight => &mut layer.0,
            Part::Bias => &mut layer.1,
        };
        if slot.replace(tensor).is_some() {
            return None;
        }
    }
    let held = layers.into_iter().map(|(weight, bias)| {
        Some(Held {
            weight: weight?,
            bias: bias?,
        })
    });
    let held: Vec<Held<'_>> = held.collect::<Option<_>>()?;
    let dense = held.len().checked_sub(CONVOLUTIONS)?;
    let convolutions = held.iter().map(|held| other::is_convolution(held.weight));
    let expected = (0..held.len()).map(|i| i < CONVOLUTIONS);
    ((2..=3).contains(&dense) && convolutions.eq(expected)).then_some(held)
}

/// Whether a file has its tensors in the order of the layers; others sort them by name.
fn in_order(contents: &Contents) -> bool {
    match contents.format {
        Format::Safetensors | Format::Torch7 | Format::Hdf5 | Format::KerasZip => false,
        Format::Keras => !contents.tensors.iter().any(|t| t.name().contains("/vars/")),
        _ => true,
    }
}

/// A key that sorts `conv2d_10` behind `conv2d_9`: texts and numbers in turn.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut key = vec![(String::new(), 0_u64)];
    let mut in_number = false;
    for c in name.chars() {
        let digit = c.to_digit(10).map(u64::from);
        if digit.is_none() && in_number {
            key.push((String::new(), 0));
        }
        in_number = digit.is_some();
        if let Some((text, number)) = key.last_mut() {
            match digit {
                Some(digit) => *number = number.saturating_mul(10).saturating_add(digit),
                None => text.push(c),
            }
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn numbers_in_names_are_sorted_as_numbers() {
        let mut names = [
            "conv2d_10/kernel",
            "conv2d_9/kernel",
            "conv2d/kernel",
            "conv2d_1/bias",
        ];
        names.sort_by_key(|name| natural(name));
        let sorted = [
            "conv2d/kernel",
            "conv2d_1/bias",
            "conv2d_9/kernel",
            "conv2d_10/kernel",
        ];
        assert_eq!(names, sorted);
    }
}
