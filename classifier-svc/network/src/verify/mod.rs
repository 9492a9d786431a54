//! Measures how well the similarity of two faces tells whether they are the same person, and writes that into a weights file.

mod protocol;
#[cfg(test)]
mod tests;

use anyhow::Context;
use deepface_dataset::{Photograph, Vocabulary, person_numbers};
use deepface_files::note;

use crate::{
    Model,
    measure::{
        AgainArgs,
        again::{self, Again, activations},
    },
};
pub(crate) use protocol::{Embedded, verification};

/// Measures how well Compare tells people apart, and writes the threshold into a weights file.
///
/// The threshold is chosen on pairs of faces of the validation people. Its accuracy is that on pairs of the test people, by
/// the protocol of Labeled Faces in the Wild: ten folds, half of the pairs the same person. Nothing else changes in the
/// file, but its digest does: fit the statistics of a generator anew.
#[derive(clap::Args, Clone, Debug)]
pub struct VerifyArgs {
    #[command(flatten)]
    again: AgainArgs,
}

/// Measures and writes.
///
/// # Errors
/// A file cannot be read or written, or there are too few people with several photographs.
pub fn run(VerifyArgs { again: args }: &VerifyArgs) -> anyhow::Result<()> {
    let mut again = Again::open(args)?;
    let dataset = again::dataset(args, Vocabulary::OfFile)?;
    let [validation, test] = again::photographs(args, &dataset)?;
    let validation = Faces::of(&mut again.model, &validation)?;
    let test = Faces::of(&mut again.model, &test)?;
    let mean = &again.model.info().compare_mean;
    let found = verification(&validation.embedded(), &test.embedded(), mean);
    let found = found.context(
        "expected people with several photographs in the validation split and in every tenth of the test split",
    )?;
    again.description.verification = Some(found);
    let written = again.write()?;
    note!(
        "{}: above a cosine of {:.3} two faces are the same person: right for {:.1} % (standard error {:.1}) of {} pairs",
        written.display(),
        found.threshold,
        100.0 * found.accuracy,
        100.0 * found.standard_error,
        found.pairs
    );
    Ok(())
}

/// The embeddings of photographs, and whose they are.
struct Faces {
    values: Vec<f32>,
    people: Vec<usize>,
}

impl Faces {
    fn of(model: &mut Model, photographs: &[&Photograph]) -> anyhow::Result<Self> {
        Ok(Self {
            values: activations(model, "fc7", photographs)?,
            people: person_numbers(photographs),
        })
    }

    fn embedded(&self) -> Embedded<'_> {
        Embedded {
            values: &self.values,
            people: &self.people,
        }
    }
}
