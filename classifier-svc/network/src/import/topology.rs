//! The topology of a file's network, inferred from the shapes of its layers, and the checked values of each.

use anyhow::{Context, anyhow, ensure};
use deepface_import::Tensor;

use super::{
    flattening,
    found::{Found, Layout},
};
use crate::arch::{Architecture, Op, Stage, default_logits};

/// The topology.
///
/// # Errors
/// This program does not support it.
pub(super) fn architecture(found: &Found<'_>) -> anyhow::Result<Architecture> {
    let mut widths = [0; 5];
    for (block, width) in widths.iter_mut().enumerate() {
        let weight = found.layer(&format!("conv{}_1", block + 1))?.weight;
        *width = weight.shape().first().copied().unwrap_or(0);
    }
    let fc6 = found.layer("fc6")?.weight;
    let &[features, channels, rows, columns] = fc6.shape() else {
        return Err(anyhow!(
            "{}: expected the weight of a fully connected layer, got shape {:?}",
            fc6.name(),
            fc6.shape()
        ));
    };
    ensure!(
        channels == widths[4] && rows == columns && rows > 0,
        "{}: expected {} channels of a square as its inputs, got shape {:?}",
        fc6.name(),
        widths[4],
        fc6.shape()
    );
    let mut architecture = Architecture {
        name: "vgg-16".into(),
        widths,
        // Each of five poolings halves the side.
        input: rows.saturating_mul(32),
        features,
        logits: default_logits(),
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

/// The weight and the bias of a stage.
///
/// # Errors
/// A shape is not the stage's, or a value is not finite.
pub(super) fn values(found: &Found<'_>, stage: &Stage) -> anyhow::Result<(Vec<f32>, Vec<f32>)> {
    let layer = found.layer(&stage.name)?;
    let weight = stage.weight_shape().context("a stage without weights")?;
    let values = finite(&layer.weight, &weight)?;
    if let (true, "fc6", Op::Linear { channels, side, .. }) =
        (found.flattens(), &stage.name[..], stage.op)
    {
        let wrong = flattening::contradicts(&values, channels, side, found.layout);
        ensure!(
            !wrong,
            "{}: {}",
            layer.weight.name(),
            wrong_order(found.layout)
        );
    }
    Ok((values, finite(&layer.bias, &[stage.outputs()])?))
}

fn wrong_order(layout: Layout) -> &'static str {
    match layout {
        Layout::ChannelsFirst => {
            "its values show that its inputs lie in Keras' order (rows, columns, channels), but the kernels lie in \
             PyTorch's; import the file of Keras itself, or reorder fc6: w.reshape(out, rows, columns, \
             channels).transpose(0, 3, 1, 2).reshape(out, -1)"
        }
        Layout::ChannelsLast => {
            "its values show that its inputs lie in PyTorch's order (channels, rows, columns), but the kernels lie in \
             Keras'; import the file of PyTorch itself, or reorder fc6: w.reshape(channels, rows, columns, \
             out).transpose(1, 2, 0, 3).reshape(-1, out)"
        }
    }
}

fn finite(tensor: &Tensor, expected: &[usize]) -> anyhow::Result<Vec<f32>> {
    // fc6 has its inputs in three dimensions.
    let flat = match (tensor.shape(), expected) {
        ([out, inputs @ ..], [_, _]) => vec![*out, inputs.iter().product()],
        (shape, _) => shape.to_vec(),
    };
    ensure!(
        flat == expected,
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
