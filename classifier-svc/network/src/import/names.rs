//! Finds the layers of VGG-Face among the tensors of a file, and infers the topology from their shapes.

use anyhow::{Context, anyhow, ensure};
use deepface_import::{Contents, Tensor};

use crate::arch::{Architecture, Op, Stage};

/// Layers in torchvision's numbering, which some PyTorch files use.
const TORCHVISION: [(&str, &str); 15] = [
    ("conv1_1", "features.0"),
    ("conv1_2", "features.2"),
    ("conv2_1", "features.5"),
    ("conv2_2", "features.7"),
    ("conv3_1", "features.10"),
    ("conv3_2", "features.12"),
    ("conv3_3", "features.14"),
    ("conv4_1", "features.17"),
    ("conv4_2", "features.19"),
    ("conv4_3", "features.21"),
    ("conv5_1", "features.24"),
    ("conv5_2", "features.26"),
    ("conv5_3", "features.28"),
    ("fc6", "classifier.0"),
    ("fc7", "classifier.3"),
];

/// Largest number of tensors that a message lists.
const LISTED: usize = 40;

/// The tensor of a layer, such as the `weight` of `conv1_1`, by the name of the published files or of torchvision, in
/// any module.
///
/// # Errors
/// No tensor has this name, or more than one.
pub(super) fn find<'a>(
    contents: &'a Contents,
    layer: &str,
    part: &str,
) -> anyhow::Result<&'a Tensor> {
    let numbered = TORCHVISION.iter().filter(|(name, _)| *name == layer);
    let names = numbered.map(|(_, number)| *number).chain([layer]);
    let names: Vec<String> = names.map(|name| format!("{name}.{part}")).collect();
    let mut found = contents
        .tensors
        .iter()
        .filter(|t| names.iter().any(|name| is(t.name(), name)));
    let first = found.next().ok_or_else(|| {
        anyhow!(
            "{layer}.{part} is missing: expected conv1_1 to conv5_3, fc6 and fc7 of VGG-Face (or features.0 to \
             classifier.3 of torchvision), each with weight and bias; the {} file holds instead: {}",
            contents.format,
            list(&contents.tensors.iter().collect::<Vec<_>>())
        )
    })?;
    match found.next() {
        None => Ok(first),
        Some(second) => Err(anyhow!(
            "{layer}.{part}: expected one, got {:?} and {:?}",
            first.name(),
            second.name()
        )),
    }
}

/// Whether a name is the wanted one, in any module.
fn is(name: &str, wanted: &str) -> bool {
    let module = name.strip_suffix(wanted);
    module.is_some_and(|module| module.is_empty() || module.ends_with('.'))
}

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

/// The topology, inferred from the shapes.
///
/// # Errors
/// A tensor is missing, or this program does not support the network.
pub(super) fn architecture(contents: &Contents) -> anyhow::Result<Architecture> {
    let mut widths = [0; 5];
    for (block, width) in widths.iter_mut().enumerate() {
        let weight = find(contents, &format!("conv{}_1", block + 1), "weight")?;
        *width = weight.shape().first().copied().unwrap_or(0);
    }
    let fc6 = find(contents, "fc6", "weight")?;
    let [features, rest @ ..] = plain(fc6.shape()) else {
        return Err(anyhow!(
            "{}: expected [out, in], got no dimension",
            fc6.name()
        ));
    };
    let inputs = rest.iter().try_fold(1_usize, |n, d| n.checked_mul(*d));
    let channels = widths[4];
    let side = inputs
        .filter(|inputs| channels > 0 && inputs % channels == 0)
        .map(|inputs| (inputs / channels).isqrt())
        .filter(|side| side.checked_pow(2).map(|area| area * channels) == inputs);
    let side = side.with_context(|| {
        format!(
            "{}: expected {channels} channels of a square as its inputs, got shape {:?}",
            fc6.name(),
            fc6.shape()
        )
    })?;
    let mut architecture = Architecture {
        name: "vgg-16".into(),
        widths,
        // Each of five poolings halves the side.
        input: side.saturating_mul(32),
        features: *features,
    };
    architecture.check().map_err(anyhow::Error::msg)?;
    let known = [
        Architecture::vgg_face(),
        Architecture::vgg_face_mini(),
        Architecture::tiny(),
    ];
    let same = |known: &Architecture| {
        let name = known.name.clone();
        *known
            == (Architecture {
                name,
                ..architecture.clone()
            })
    };
    if let Some(known) = known.into_iter().find(same) {
        architecture = known;
    }
    Ok(architecture)
}

/// The values of a layer's `weight` or `bias`.
///
/// # Errors
/// It is missing, its shape is not the stage's, or a value is not finite.
pub(super) fn values(contents: &Contents, stage: &Stage, part: &str) -> anyhow::Result<Vec<f32>> {
    let tensor = find(contents, &stage.name, part)?;
    let expected = match (part, stage.weight_shape()) {
        ("weight", Some(shape)) => shape,
        _ => vec![stage.outputs()],
    };
    // A fully connected layer may be written as a convolution over all that it reads: in C, H, W order that is the
    // same.
    let as_convolution = match (stage.op, part) {
        (
            Op::Linear {
                channels,
                side,
                outputs,
            },
            "weight",
        ) => vec![outputs, channels, side, side],
        _ => expected.clone(),
    };
    let shape = plain(tensor.shape());
    ensure!(
        shape == expected || shape == as_convolution,
        "{}: expected shape {expected:?}, got {:?}",
        tensor.name(),
        tensor.shape()
    );
    let values = tensor.read()?;
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(values),
        Some(i) => Err(anyhow!("{}: value {i} is {}", tensor.name(), values[i])),
    }
}

/// A shape without leading ones: Caffe wrote every array with four dimensions.
fn plain(mut shape: &[usize]) -> &[usize] {
    while let [1, rest @ ..] = shape {
        shape = rest;
    }
    shape
}
