//! What a file is that is not VGG-Face, for a message.

use anyhow::anyhow;
use deepface_import::{Contents, Tensor};

use super::names::{self, CONVOLUTIONS, LAYERS, Part};

/// Largest number of tensors that a message lists.
const LISTED: usize = 40;

/// Names and shapes for a message.
pub(super) fn list(tensors: &[&Tensor]) -> String {
    let listed = tensors.iter().take(LISTED);
    let mut listed: Vec<String> = listed
        .map(|t| format!("{} {:?}", t.name(), t.shape()))
        .collect();
    if tensors.len() > LISTED {
        listed.push(format!("and {} more", tensors.len() - LISTED));
    }
    listed.join(", ")
}

/// Why a file without all layers is refused.
pub(super) fn explain(contents: &Contents) -> anyhow::Error {
    let problem = network(&contents.tensors).unwrap_or_else(|| missing(&contents.tensors));
    anyhow!(
        "{problem}; the {} file holds instead: {}",
        contents.format,
        list(&contents.tensors.iter().collect::<Vec<_>>())
    )
}

/// Whether a network has layers that VGG-Face has not, and would compute something else without them.
pub(super) fn has_more(tensors: &[Tensor]) -> bool {
    is_normalised(tensors) || is_deeper(tensors)
}

fn is_normalised(tensors: &[Tensor]) -> bool {
    let mut words = tensors.iter().flat_map(|t| t.name().split(['.', '/']));
    words.any(|word| {
        let statistics = [
            "running_mean",
            "running_var",
            "moving_mean",
            "moving_variance",
        ];
        statistics.contains(&word) || word.contains("batch_norm") || word.contains("batchnorm")
    })
}

/// Whether a block has a fourth convolution, as VGG-19 has.
fn is_deeper(tensors: &[Tensor]) -> bool {
    let mut words = tensors.iter().flat_map(|t| t.name().split(['.', '/']));
    words.any(|word| {
        let word = word.to_ascii_lowercase().replace(['-', '_'], "");
        [
            "conv34",
            "conv44",
            "conv54",
            "block3conv4",
            "block4conv4",
            "block5conv4",
        ]
        .iter()
        .any(|fourth| {
            word.strip_prefix(fourth)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        })
    })
}

/// The kind of another network.
fn network(tensors: &[Tensor]) -> Option<String> {
    let words = || tensors.iter().flat_map(|t| t.name().split(['.', '/']));
    let weights = || tensors.iter().filter(|t| t.squeezed().shape().len() >= 2);
    let kernels = weights().filter(|t| t.shape().len() == 4).count();
    let small = weights()
        .filter(|t| t.shape().len() == 4 && is_convolution(t))
        .count();
    let dense = weights()
        .filter(|t| t.squeezed().shape().len() == 2)
        .count();
    let has =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let expected = "VGG-Face (VGG-16 without batch normalisation) has 13 convolutions and 3 fully connected layers";
    let found = format!(
        "{}, {}",
        has(kernels, "convolution"),
        has(dense, "fully connected layer")
    );
    if words().any(|word| word == "layer1") || tensors.iter().any(|t| t.name().contains("res2")) {
        return Some(format!(
            "this is not VGG-Face but probably a ResNet ({found}): {expected}"
        ));
    }
    if is_normalised(tensors) {
        return Some(format!(
            "this is not VGG-Face but a network with batch normalisation, such as VGG-16-BN ({found}): {expected}"
        ));
    }
    if small == 16 && dense <= 3 || is_deeper(tensors) {
        return Some(format!(
            "this is not VGG-Face but probably VGG-19 ({found}): {expected}"
        ));
    }
    if small == CONVOLUTIONS && dense == 0 {
        return Some(
            "this file has the 13 convolutions of VGG-16 but not fc6 and fc7 (a \"notop\" file): take the one with \
             the fully connected layers"
                .into(),
        );
    }
    let known = tensors.iter().filter(|t| slot(t).is_some()).count();
    (known < LAYERS.len()).then(|| format!("this is not VGG-Face ({found}): {expected}"))
}

/// Whether a weight is kernels of three by three.
pub(super) fn is_convolution(weight: &Tensor) -> bool {
    match weight.shape() {
        [_, _, 3, 3] => true,
        [3, 3, _, _] => true,
        // A matrix of Torch 7 reads three channels, or a number that is a multiple of 16.
        [_, 27] => true,
        [_, inputs] => inputs % 144 == 0 && inputs % 49 != 0 && weight.name().contains("modules"),
        _ => false,
    }
}

/// Which layer a tensor belongs to, and what it is to it.
fn slot(tensor: &Tensor) -> Option<(usize, Part)> {
    let (path, part) = names::part_of_word(tensor.name())?;
    Some((names::layer(&path)?, part))
}

/// The first tensor that is missing.
fn missing(tensors: &[Tensor]) -> String {
    let held: Vec<_> = tensors.iter().filter_map(slot).collect();
    let parts = [(Part::Weight, "weight"), (Part::Bias, "bias")];
    let all = (0..LAYERS.len() - 1).flat_map(|layer| parts.map(|(part, name)| (layer, part, name)));
    let mut missing = all.filter(|(layer, part, _)| !held.contains(&(*layer, *part)));
    let missing = missing.next();
    let missing = missing.map(|(layer, _, part)| format!("{}.{part} is missing", LAYERS[layer]));
    format!(
        "{}: expected conv1_1 to conv5_3, fc6 and fc7 of VGG-Face, each with weight and bias",
        missing.unwrap_or_else(|| "a layer is missing".into())
    )
}
