//! Import of published weights of VGG-Face (Parkhi, Vedaldi and Zisserman 2015): their file in, a weights file out.

mod args;
mod flattening;
mod found;
mod names;
mod other;
mod preparation;
#[cfg(test)]
mod tests;
mod topology;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use deepface_files::{Destination, Existing, same_file, sha256};
use deepface_import::{Bytes, Contents, Tensor};

pub use args::ImportArgs;
use found::Found;
use preparation::Preparation;

use crate::{
    Architecture, ChannelOrder, Description, Preprocessing, parameters::Parameters, seal::seal,
    weights::Weights,
};

/// Bytes of a file at most: several times VGG-Face in 64 bits.
const MAX_FILE: u64 = 4 << 30;
/// Reads, checks, computes the golden output, and writes; if anything is wrong, nothing is written.
///
/// # Errors
/// The file cannot be read, has an unknown format, is damaged, or is not VGG-Face; or the output cannot be written.
pub fn run(args: &ImportArgs) -> anyhow::Result<()> {
    ensure!(
        !same_file(&args.file, &args.output),
        "--output: expected another file than the one to import, got {} for both",
        args.output.display()
    );
    let existing = Existing::unless_forced(args.force);
    let output =
        Destination::check(&args.output, &["safetensors"], existing).context("--output")?;
    let (mut weights, report) =
        convert(args).with_context(|| format!("cannot import {}", args.file.display()))?;
    seal(&mut weights)?;
    let written = weights.write_to(&output, args.f16)?;
    deepface_files::note!("{report}");
    deepface_files::note!("wrote {}", written.display());
    Ok(())
}

/// The weights of a file, and a report on them. Frees the bytes of the file before it returns.
fn convert(args: &ImportArgs) -> anyhow::Result<(Weights, String)> {
    let file = read(&args.file)?;
    let contents = deepface_import::read(&file)?;
    let own = Description::read(&contents.metadata)?;
    // The network before the flags: they do not help a file of another network.
    let found = Found::find(&contents)?;
    let architecture = topology::architecture(&found)?;
    let mut parameters = parameters(&found, &architecture)?;
    let preparation = Preparation::decide(args, &contents, own.as_ref(), &found)?;
    if preparation.order == ChannelOrder::Bgr {
        exchange_red_and_blue(&mut parameters[0]);
    }
    if args.f16 {
        round(&architecture, &mut parameters)?;
    }
    let report = report(&contents, &found, &architecture, &preparation);
    let Preparation {
        preprocessing,
        license,
        ..
    } = preparation;
    let fc7_mean = vec![0.0; architecture.features];
    let mut description = Description::new(architecture, preprocessing, &license);
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
    if path == Path::new("-") {
        return all(std::io::stdin().lock(), 0);
    }
    let file = File::open(path)?;
    let facts = file.metadata()?;
    ensure!(
        !facts.is_dir(),
        "expected a file of weights, got a folder; give the file in it, such as a .h5 or .safetensors file"
    );
    all(file, facts.len())
}

/// All bytes of a source, of which `len` are announced.
fn all(source: impl Read, len: u64) -> anyhow::Result<Bytes> {
    ensure!(
        len <= MAX_FILE,
        "expected at most {MAX_FILE} bytes, got {len}"
    );
    let mut bytes = Vec::with_capacity(len as usize);
    // A pipe does not say how long it is.
    source.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    ensure!(
        bytes.len() as u64 <= MAX_FILE,
        "expected at most {MAX_FILE} bytes, got more"
    );
    Ok(bytes.into())
}

/// The parameters of every stage; the heads are zero, so that they are visibly untrained.
fn parameters(found: &Found<'_>, architecture: &Architecture) -> anyhow::Result<Vec<Parameters>> {
    let stages = architecture.stages();
    let parameters = stages.iter().map(|stage| {
        if stage.name == "heads" {
            return Ok(Parameters::untrained_heads(architecture));
        }
        if stage.weight_shape().is_none() {
            return Ok(Parameters::default());
        }
        let (weight, bias) = topology::values(found, stage)?;
        Ok(Parameters { weight, bias })
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
    found: &Found<'_>,
    architecture: &Architecture,
    preparation: &Preparation,
) -> String {
    let dropped = contents.tensors.iter().filter(|t| !found.uses(t));
    let dropped: Vec<&Tensor> = dropped.collect();
    let dropped = match dropped.is_empty() {
        true => "nothing".into(),
        false => other::list(&dropped),
    };
    let order = match preparation.order {
        ChannelOrder::Rgb => "RGB",
        ChannelOrder::Bgr => "BGR, turned into RGB",
    };
    let layers = match found.by_order {
        true => "\nlayers:  found by their order and shapes, as their names say nothing",
        false => "",
    };
    let Preprocessing { mean, scale, .. } = preparation.preprocessing;
    let Architecture {
        name,
        widths,
        input,
        features,
        ..
    } = architecture;
    let license = &preparation.license;
    let warning = preparation.warning.as_ref();
    let warning = warning.map_or_else(String::new, |warning| format!("\nwarning: {warning}"));
    format!(
        "{} file: {name}, {input} pixels, widths {widths:?}, {features} features{layers}\n\
         pixels:  {order}, 0 to 255, mean {mean:?} (red first), scale {scale}\n\
         dropped: {dropped}\n\
         heads:   new, all zero: useless until the network is fine-tuned\n\
         licence: {license}{warning}",
        contents.format
    )
}
