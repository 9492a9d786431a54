//! What a network learns of its photographs: which attributes they have, or who they show.

use deepface_attributes::Schema;

use super::{
    TrainArgs,
    data::Photographs,
    loss::{Labels, Loss},
};
use crate::{Description, parameters::Parameters};

/// What a network learns.
pub(super) enum Task {
    /// The attributes.
    Attributes {
        /// The probability of each attribute of each photograph, where labels are soft.
        soft: Option<Vec<Vec<f32>>>,
    },
    /// To tell people apart, like VGG-Face (paper, section 3.2).
    People {
        /// What is learned, for those who find the file.
        origin: String,
    },
}

impl Task {
    /// The task of telling apart the people of some photographs.
    pub(super) fn people(args: &TrainArgs, photographs: &Photographs) -> Self {
        let (people, least) = (photographs.truth.count_people(), args.min_photographs);
        let origin = format!(
            "learned to tell {people} people apart, those with at least {least} training photographs, and saw no labels \
             of attributes; the attribute heads are new, all zero, and know nothing until fine-tuned"
        );
        Self::People { origin }
    }

    /// The loss of a network that learns from these photographs; `known` says which attributes of the schema have
    /// labels.
    pub(super) fn loss(&self, photographs: &Photographs, schema: &Schema, known: &[bool]) -> Loss {
        match self {
            Self::Attributes { .. } => Loss::new(schema, known),
            Self::People { .. } => Loss::one_of(photographs.truth.count_people()),
        }
    }

    /// The labels of a photograph.
    pub(super) fn labels<'a>(&'a self, photographs: &'a Photographs, at: usize) -> Labels<'a> {
        match self {
            Self::Attributes { soft: Some(soft) } => Labels::Soft(&soft[at]),
            Self::Attributes { soft: None } => Labels::Hard(&photographs.truth.labels[at]),
            Self::People { .. } => Labels::One(photographs.truth.people[at]),
        }
    }

    /// Makes what was learned the network that is served: heads over people have served their purpose, and untrained
    /// heads of the attributes take their place.
    pub(super) fn finish(&self, description: &mut Description, parameters: &mut [Parameters]) {
        let Self::People { origin } = self else {
            return;
        };
        description.origin = Some(origin.clone());
        if let Some(heads) = parameters.last_mut() {
            *heads = Parameters::untrained_heads(&description.architecture);
        }
    }
}

#[cfg(test)]
mod tests;
