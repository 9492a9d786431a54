//! Ways to make faces that the generator service does not have, for the table of methods.

use deepface_attributes::Schema;
use deepface_evaluate::{Guest, Painting, Wanted};
use generator_svc::inversion::Start;

use super::mixture::BeforeTargets;
use crate::bench::Bench;
use crate::descent::{PixelDescent, probabilities, towards};
use crate::error::PaperError;

/// The paper's baseline with the gradients that it states: 1 at the softmax outputs that are wanted, 0 at the others.
#[derive(Debug)]
pub(crate) struct Literal {
    descent: PixelDescent,
    schema: Schema,
}

/// The paper's method with eq. 4 fitted before the rectifier, and the target its expectation behind it.
#[derive(Debug)]
pub(crate) struct BeforeRectifier {
    descent: PixelDescent,
    targets: BeforeTargets,
}

impl Literal {
    /// # Errors
    /// Threads cannot be started.
    pub(crate) fn new(bench: &Bench<'_>) -> Result<Self, PaperError> {
        Ok(Self {
            descent: bench.descent(Start::Mean)?,
            schema: bench.schema().clone(),
        })
    }
}

impl Guest for Literal {
    fn name(&self) -> &str {
        "paper-baseline-literal"
    }

    fn note(&self) -> &'static str {
        "the paper's baseline with its gradients: 1 at the wanted softmax outputs, 0 at the others"
    }

    fn paint<'a>(&'a self, wanted: Wanted<'a>) -> Painting<'a> {
        let named = self.schema.names().zip(wanted.present);
        let present = named.filter(|(_, present)| **present);
        let objective = probabilities(present.map(|(name, _)| name.to_owned()));
        Box::pin(self.descent.picture(vec![objective], wanted.seed))
    }
}

impl BeforeRectifier {
    /// # Errors
    /// Threads cannot be started, or a photograph cannot be read.
    pub(crate) fn new(bench: &Bench<'_>) -> Result<Self, PaperError> {
        Ok(Self {
            descent: bench.descent(Start::Noise)?,
            targets: BeforeTargets::fit(bench, "conv4_3")?,
        })
    }
}

impl Guest for BeforeRectifier {
    fn name(&self) -> &str {
        "paper-before-rectifier"
    }

    fn note(&self) -> &'static str {
        "the paper's method, its Gaussians fitted before the rectifier"
    }

    fn paint<'a>(&'a self, wanted: Wanted<'a>) -> Painting<'a> {
        let BeforeTargets { layer, shape, .. } = &self.targets;
        let objective = towards(layer, shape, self.targets.target(wanted.present));
        Box::pin(self.descent.picture(vec![objective], wanted.seed))
    }
}
