//! How much work each experiment does: as much as the report needs, or as little as shows that it runs.

/// Sizes of all experiments.
#[derive(Clone, Debug)]
pub(crate) struct Effort {
    /// Topology of networks that are trained here.
    pub(crate) architecture: &'static str,
    /// Passes over the photographs to learn people; photographs that a person needs for it.
    pub(crate) identity_epochs: usize,
    pub(crate) identity_photographs: usize,
    /// Passes over the photographs of each fine-tuning: with everything beneath fc6 frozen, beneath conv5_1, and nothing.
    pub(crate) epochs: [usize; 3],
    /// Photographs in a step.
    pub(crate) batch: usize,
    /// People whose photographs are laid out in the plane.
    pub(crate) people: usize,
    /// Steps of t-SNE.
    pub(crate) tsne_steps: usize,
    /// Photographs of each attribute's set, and activations that are looked at in each set.
    pub(crate) set: usize,
    pub(crate) neurons: usize,
    /// Passes over the photographs to learn the weights w.
    pub(crate) weight_epochs: usize,
    /// Steps of an inversion in pixels.
    pub(crate) steps: usize,
    /// Attribute sets and seeds of the table of methods.
    pub(crate) sets: usize,
    pub(crate) seeds: u64,
    /// People of Table 2, and seeds of their faces.
    pub(crate) portraits: usize,
    pub(crate) portrait_seeds: u64,
}

impl Effort {
    pub(crate) fn of(quick: bool) -> Self {
        match quick {
            false => Self::full(),
            true => Self::quick(),
        }
    }

    fn full() -> Self {
        Self {
            architecture: "vgg-face-mini",
            identity_epochs: 30,
            identity_photographs: 2,
            epochs: [50, 50, 50],
            batch: 64,
            people: 2000,
            tsne_steps: 750,
            set: 200,
            neurons: 14,
            weight_epochs: 30,
            steps: 1000,
            sets: 128,
            seeds: 3,
            portraits: 9,
            portrait_seeds: 8,
        }
    }

    fn quick() -> Self {
        Self {
            architecture: "vgg-face-tiny",
            identity_epochs: 1,
            identity_photographs: 1,
            epochs: [2, 2, 1],
            batch: 4,
            people: 40,
            tsne_steps: 50,
            set: 8,
            neurons: 1,
            weight_epochs: 3,
            steps: 4,
            sets: 2,
            seeds: 1,
            portraits: 2,
            portrait_seeds: 1,
        }
    }
}
