//! Import of published weights of VGG-Face (Parkhi, Vedaldi and Zisserman 2015): their file in, a weights file out.

mod args;
mod names;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use deepface_files::sha256;
use deepface_import::{Bytes, Contents, Format, Tensor};

pub use args::ImportArgs;

use crate::{
    Architecture, ChannelOrder, Description, Preprocessing, VGG_FACE_MEAN, heads::LOGITS,
    parameters::Parameters, seal::seal, weights::Weights,
};

/// Bytes of a file at most: several times VGG-Face in 64 bits.
const MAX_FILE: u64 = 4 << 30;
/// The terms under which the authors published their weights.
const LICENSE: &str = "CC BY-NC 4.0: name VGG-Face (Parkhi, Vedaldi, Zisserman: Deep Face Recognition, BMVC 2015, \
    www.robots.ox.ac.uk/~vgg/software/vgg_face), say what was changed, no commercial use";

/// Reads, checks, computes the golden output, and writes; if anything is wrong, nothing is written.
///
/// # Errors
/// The file cannot be read, has an unknown format, is damaged, or is not VGG-Face; or the output cannot be written.
pub fn run(args: &ImportArgs) -> anyhow::Result<()> {
    let (mut weights, report) =
        convert(args).with_context(|| format!("cannot import {}", args.file.display()))?;
    seal(&mut weights)?;
    weights.write(&args.output, args.f16)?;
    deepface_files::note!("{report}");
    deepface_files::note!("wrote {}", args.output.display());
    Ok(())
}

/// The weights of a file, and a report on them. Frees the bytes of the file before it returns.
fn convert(args: &ImportArgs) -> anyhow::Result<(Weights, String)> {
    let (mean, scale) = (args.mean()?, args.scale()?);
    let file = read(&args.file)?;
    let contents = deepface_import::read(&file)?;
    let own = Description::read(&contents.metadata)?;
    let order = channel_order(args, &contents, own.as_ref())?;
    let before = own.as_ref().map(|own| &own.preprocessing);
    let preprocessing = Preprocessing {
        order: ChannelOrder::Rgb,
        mean: mean.or(before.map(|p| p.mean)).unwrap_or(VGG_FACE_MEAN),
        scale: scale.or(before.map(|p| p.scale)).unwrap_or(1.0),
    };
    let architecture = names::architecture(&contents)?;
    let mut parameters = parameters(&contents, &architecture)?;
    if order == ChannelOrder::Bgr {
        exchange_red_and_blue(&mut parameters[0]);
    }
    if args.f16 {
        round(&architecture, &mut parameters)?;
    }
    let license = match (&args.license, &own) {
        (Some(given), _) => given,
        (None, Some(own)) => &own.license,
        (None, None) => LICENSE,
    };
    let report = report(&contents, &architecture, order, &preprocessing, license);
    let fc7_mean = vec![0.0; architecture.features];
    let mut description = Description::new(architecture, preprocessing, license);
    description.origin = Some(format!(
        "imported from a {} file with SHA-256 {}; the attribute heads are new, all zero, and know nothing until \
         fine-tuned; likeness is measured from zero",
        contents.format,
        sha256(&file)
    ));
    let weights = Weights {
        description,
        parameters,
        fc7_mean,
    };
    Ok((weights, report))
}

fn read(path: &Path) -> anyhow::Result<Bytes> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    ensure!(
        len <= MAX_FILE,
        "expected at most {MAX_FILE} bytes, got {len}"
    );
    let mut bytes = Vec::with_capacity(len as usize);
    // A pipe does not say how long it is.
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// The channel order that the file's first layer expects.
fn channel_order(
    args: &ImportArgs,
    contents: &Contents,
    own: Option<&Description>,
) -> anyhow::Result<ChannelOrder> {
    let known = match (contents.format, own) {
        (Format::Caffe, _) => Some(ChannelOrder::Bgr),
        (Format::PyTorchZip | Format::PyTorchLegacy, _) => Some(ChannelOrder::Rgb),
        (Format::Safetensors, own) => own.map(|own| own.preprocessing.order),
    };
    args.channel_order.or(known).context(
        "--channel-order: required, as this safetensors file does not say; bgr for weights that came from Caffe, \
         rgb for weights that came from MatConvNet or PyTorch",
    )
}

/// The parameters of every stage; the heads are zero, so that they are visibly untrained.
fn parameters(contents: &Contents, architecture: &Architecture) -> anyhow::Result<Vec<Parameters>> {
    let stages = architecture.stages();
    let parameters = stages.iter().map(|stage| {
        if stage.name == "heads" {
            return Ok(Parameters {
                weight: vec![0.0; LOGITS * architecture.features],
                bias: vec![0.0; LOGITS],
            });
        }
        if stage.weight_shape().is_none() {
            return Ok(Parameters::default());
        }
        Ok(Parameters {
            weight: names::values(contents, stage, "weight")?,
            bias: names::values(contents, stage, "bias")?,
        })
    });
    parameters.collect()
}

/// Turns kernels that read BGR into kernels that read RGB: `[out, 3, 3, 3]`.
fn exchange_red_and_blue(first: &mut Parameters) {
    for filter in first.weight.as_chunks_mut::<27>().0 {
        let (first, last) = filter.split_at_mut(18);
        first[..9].swap_with_slice(last);
    }
}

/// Rounds to 16 bits: what the golden output is computed from is what is stored.
fn round(architecture: &Architecture, parameters: &mut [Parameters]) -> anyhow::Result<()> {
    for (stage, p) in architecture.stages().iter().zip(parameters) {
        p.round_to_half()
            .map_err(|x| anyhow!("--f16: {x} in {} is too large for 16 bits", stage.name))?;
    }
    Ok(())
}

/// What was recognised, dropped and added.
fn report(
    contents: &Contents,
    architecture: &Architecture,
    order: ChannelOrder,
    preprocessing: &Preprocessing,
    license: &str,
) -> String {
    let used = |tensor: &&Tensor| {
        let layers = architecture.stages().into_iter();
        let mut layers = layers.filter(|s| s.weight_shape().is_some() && s.name != "heads");
        layers.any(|stage| {
            ["weight", "bias"].iter().any(|part| {
                let found = names::find(contents, &stage.name, part);
                found.is_ok_and(|found| std::ptr::eq(found, *tensor))
            })
        })
    };
    let dropped: Vec<&Tensor> = contents.tensors.iter().filter(|t| !used(t)).collect();
    let dropped = match dropped.is_empty() {
        true => "nothing".into(),
        false => names::list(&dropped),
    };
    let order = match order {
        ChannelOrder::Rgb => "RGB",
        ChannelOrder::Bgr => "BGR, turned into RGB",
    };
    let Preprocessing { mean, scale, .. } = preprocessing;
    let Architecture {
        name,
        widths,
        input,
        features,
    } = architecture;
    format!(
        "{} file: {name}, {input} pixels, widths {widths:?}, {features} features\n\
         pixels:  {order}, 0 to 255, mean {mean:?} (red first), scale {scale}\n\
         dropped: {dropped}\n\
         heads:   new, all zero: useless until the network is fine-tuned\n\
         licence: {license}",
        contents.format
    )
}
