//! A data set of made-up people.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use deepface_attributes::Schema;
use image::{ImageFormat, Rgb, RgbImage};

/// Photographs of each person.
pub(crate) const EACH: usize = 3;

/// Writes three photographs of each person, in a colour of the person's own, and labels, which `label` decides from the
/// numbers of the person and the attribute.
pub(crate) fn photographs(dir: &Path, people: usize, label: impl Fn(usize, usize) -> bool) {
    let schema = Schema::default();
    let names: Vec<&str> = schema.names().collect();
    let mut labels = format!("#\tperson\timagenum\t{}\n", names.join("\t"));
    for person in 0..people {
        let name = format!("Person_{person}");
        fs::create_dir_all(dir.join(&name)).unwrap();
        let score = |a: usize| if label(person, a) { "1" } else { "-1" };
        let scores: Vec<&str> = (0..names.len()).map(score).collect();
        for n in 1..=EACH {
            let shade = |c: usize| (person * (7 + 30 * c) % 200 + n * 4) as u8;
            let colour = Rgb(std::array::from_fn(shade));
            let picture = RgbImage::from_pixel(50, 50, colour);
            let path = file(dir, person, n);
            picture.save_with_format(path, ImageFormat::Png).unwrap();
            let _ = writeln!(labels, "{name}\t{n}\t{}", scores.join("\t"));
        }
    }
    fs::write(dir.join("x_attributes.txt"), labels).unwrap();
}

/// The file of a photograph, which counts from 1.
pub(crate) fn file(dir: &Path, person: usize, n: usize) -> std::path::PathBuf {
    let name = format!("Person_{person}");
    dir.join(&name).join(format!("{name}_{n:04}.jpg"))
}
