//! What a layer computes before its rectifier: the paper's Gaussians are fitted behind it, where most values are 0.

use deepface_dataset::Photograph;
use deepface_network::{BeforeRectifier, Model};

use crate::activations::{layer, look};
use crate::bench::Bench;
use crate::error::PaperError;

/// The layers whose activations are modelled: the default's, and one that the paper uses.
pub(crate) const LAYERS: [&str; 2] = ["conv4_3", "fc6"];

/// A layer of the served network, before and behind its rectifier.
pub(crate) struct Rectified {
    /// Numbers of the layer below, and of the layer.
    layers: [usize; 2],
    before: BeforeRectifier,
}

impl Rectified {
    /// A layer by its name.
    ///
    /// # Errors
    /// The network has no such layer.
    pub(crate) fn of(bench: &Bench<'_>, model: &Model, name: &str) -> Result<Self, PaperError> {
        let at = layer(model, name)?;
        let below = at.checked_sub(1);
        let below = below.ok_or_else(|| PaperError::Data(format!("nothing is below {name}")))?;
        Ok(Self {
            layers: [below, at],
            before: BeforeRectifier::load(&bench.settings.model.bytes()?, name)?,
        })
    }

    /// Number of the layer.
    pub(crate) fn number(&self) -> usize {
        self.layers[1]
    }

    /// Number of values.
    pub(crate) fn size(&self) -> usize {
        self.before.size()
    }

    /// Shows photographs to the network: `see` gets the number of each, and its values before and behind the rectifier.
    ///
    /// # Errors
    /// A photograph cannot be read.
    pub(crate) fn look(
        &self,
        bench: &Bench<'_>,
        model: &mut Model,
        photographs: &[&Photograph],
        mut see: impl FnMut(usize, &[f32], &[f32]),
    ) -> Result<(), PaperError> {
        let size = self.size();
        let mut failed = None;
        look(
            model,
            photographs,
            &self.layers,
            bench.watch,
            |first, all| {
                let n = all[1].len() / size;
                match self.before.of(&all[0], n) {
                    Err(error) => failed = Some(error),
                    Ok(before) => {
                        let both = before.chunks_exact(size).zip(all[1].chunks_exact(size));
                        both.enumerate()
                            .for_each(|(i, (before, behind))| see(first + i, before, behind));
                    }
                }
            },
        )?;
        match failed {
            None => Ok(()),
            Some(error) => Err(error.into()),
        }
    }
}
