//! The command, on a folder of photographs.

use std::fs;

use clap::Parser;
use deepface_attributes::Schema;
use image::{Rgb, RgbImage};

use super::classifier;
use crate::autoencoder::{Autoencoder, AutoencoderArgs, run};

const PEOPLE: usize = 60;

#[derive(Parser)]
#[command(args_override_self = true)]
struct Cli {
    #[command(flatten)]
    autoencoder: AutoencoderArgs,
}

/// A folder of photographs in LFW's layout, half of them bright.
fn photographs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let schema = Schema::default();
    let names: Vec<&str> = schema.names().collect();
    let mut labels = format!("#\tperson\timagenum\t{}\n", names.join("\t"));
    for person in 0..PEOPLE {
        let name = format!("Person_{person}");
        let bright = person % 2 == 0;
        let level = if bright { 200 } else { 60 };
        let image = RgbImage::from_fn(40, 40, |x, y| Rgb([level, level - x as u8, 50 + y as u8]));
        fs::create_dir(folder.path().join(&name)).unwrap();
        let path = folder.path().join(format!("{name}/{name}_0001.jpg"));
        let png = image::ImageFormat::Png;
        image.save_with_format(path, png).unwrap();
        let scores = [if bright { "1" } else { "-1" }].repeat(schema.len());
        labels += &format!("{name}\t1\t{}\n", scores.join("\t"));
    }
    fs::write(folder.path().join("x_attributes.txt"), labels).unwrap();
    folder
}

#[test]
fn the_command_writes_a_file_a_curve_and_a_sheet() {
    let data = photographs();
    let folder = tempfile::tempdir().unwrap();
    let path = |ending: &str| folder.path().join("new").join(format!("a.{ending}"));
    let go = |more: &[&str]| {
        let output = path("safetensors");
        let line = [
            "autoencoder",
            "--data",
            data.path().to_str().unwrap(),
            "--output",
            output.to_str().unwrap(),
            "--side=16",
            "--channels=16,16",
            "--latent=4",
            "--epochs=2",
            "--batch=8",
            "--perceptual-side=32",
        ];
        let args = Cli::try_parse_from(line.iter().chain(more)).unwrap();
        run(&args.autoencoder, &classifier()).map_err(|e| format!("{e:#}"))
    };
    go(&[]).unwrap();
    let written = fs::read(path("safetensors")).unwrap();
    let mut autoencoder = Autoencoder::load(&path("safetensors")).unwrap();
    assert_eq!((autoencoder.side(), autoencoder.latent()), (16, 4));
    assert!(autoencoder.schema().is_default());
    assert!(
        autoencoder
            .description()
            .license
            .starts_with("Research only")
    );
    assert_eq!(autoencoder.sample(&[0.0; 73], 1).unwrap().len(), 3 * 256);
    let curve = fs::read_to_string(path("curve.tsv")).unwrap();
    assert_eq!(curve.lines().count(), 3, "{curve}");
    let sheet = image::open(path("sheet.png")).unwrap();
    assert_eq!(sheet.height(), 6 * 16);
    let exists = go(&[]).unwrap_err();
    assert!(
        exists.ends_with("it exists already; --force replaces it"),
        "{exists}"
    );
    // All epochs are in the checkpoint, from which the same file is made.
    go(&["--force"]).unwrap();
    assert!(written == fs::read(path("safetensors")).unwrap());
    let other = go(&["--force", "--seed=2"]).unwrap_err();
    assert!(other.contains("belongs to another run"), "{other}");
    let output = path("safetensors");
    let own = go(&["--force", "--model", output.to_str().unwrap()]).unwrap_err();
    assert!(
        own.starts_with("--output: expected a file other than --model"),
        "{own}"
    );
    let batch = go(&["--force", "--batch=60"]).unwrap_err();
    assert!(batch.starts_with("--batch: expected at most "), "{batch}");
    let rate = go(&["--force", "--learning-rate=0"]).unwrap_err();
    assert_eq!(rate, "--learning-rate: expected above 0, got 0");
}
