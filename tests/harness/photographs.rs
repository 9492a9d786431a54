//! Data sets of drawn faces, in the public LFW layout.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use deepface_attributes::Schema;
use deepface_dataset::{Split, split_of};
use image::ImageFormat;

use crate::{face_pixels, png};

/// Attributes that contradict each other, so a person with both cannot be requested.
const CONTRADICTION: [&str; 2] = ["Smiling", "Frowning"];
/// Attributes that only those people have, so that other requests are free of contradictions.
const RARE: [&str; 7] = [
    "Baby",
    "Blond Hair",
    "Child",
    "Eyeglasses",
    "Frowning",
    "Mouth Wide Open",
    "Sunglasses",
];
/// Side of a photograph, pixels.
const SIDE: usize = 100;

/// A data set of drawn faces.
#[derive(Clone, Copy, Debug)]
pub struct DrawnDataSet {
    /// People of the training, the validation and the test split.
    pub people: [usize; 3],
    /// Photographs of each.
    pub photographs: usize,
    /// Whether the first test person has labels that contradict each other.
    pub contradiction: bool,
}

impl DrawnDataSet {
    /// Writes photographs and labels into a folder.
    pub fn write(&self, folder: &Path) {
        let schema = Schema::default();
        let names: Vec<_> = schema.names().collect();
        let mut table = format!("#\tperson\timagenum\t{}\n", names.join("\t"));
        let splits = [Split::Train, Split::Validation, Split::Test];
        let mut left: HashMap<Split, usize> = splits.into_iter().zip(self.people).collect();
        for (seed, person) in (0..).map(|i| format!("Person_{i}")).enumerate() {
            if left.values().all(|&left| left == 0) {
                break;
            }
            let split = split_of(&person);
            let first = left[&split] == self.people[2] && split == Split::Test;
            match left.get_mut(&split) {
                Some(left) if *left > 0 => *left -= 1,
                _ => continue,
            }
            let contradictory = self.contradiction && first;
            fs::create_dir(folder.join(&person)).expect("the folder can be written");
            for number in 1..=self.photographs {
                let scores = scores(&names, seed, contradictory).join("\t");
                table += &format!("{person}\t{number}\t{scores}\n");
                let file = png(&face_pixels(SIDE, (seed + 1000 * (number - 1)) as u64));
                let name = format!("{person}/{person}_{number:04}.jpg");
                let image = image::load_from_memory(&file).expect("a PNG file");
                let written = image.save_with_format(folder.join(name), ImageFormat::Jpeg);
                written.expect("the folder can be written");
            }
        }
        let path = folder.join("drawn_attributes.txt");
        fs::write(path, table).expect("the folder can be written");
    }
}

/// A score for every attribute.
fn scores(names: &[&str], seed: usize, contradictory: bool) -> Vec<&'static str> {
    let has = |(number, name): (usize, &&str)| match contradictory {
        true => CONTRADICTION.contains(name),
        false => (seed * 31 + number * 17) % 7 < 2 && !RARE.contains(name),
    };
    let score = |attribute| if has(attribute) { "1" } else { "-1" };
    names.iter().enumerate().map(score).collect()
}
