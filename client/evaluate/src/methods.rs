//! The methods that are compared, as changes to the generator's defaults.

use deepface_client::v1::{
    GenerationSettings, InversionSettings, Method as Target, Parametrization, Preset, Regularizers,
    TargetSettings,
};

/// A way to make a face.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Its name on the command line and in the report.
    pub name: &'static str,
    /// What it does, in a few words.
    pub note: &'static str,
    /// Whether it supports absent attributes.
    pub takes_absent: bool,
    /// Its request.
    pub recipe: fn() -> Recipe,
}

/// What is asked of the generator.
#[derive(Clone, Debug)]
pub enum Recipe {
    /// A face from attributes.
    Generate(GenerationSettings),
    /// The source photograph, changed by attributes.
    Edit(GenerationSettings),
    /// The source photograph, from the true activations of a layer.
    Invert {
        /// The layer.
        layer: &'static str,
        /// How the image is found.
        inversion: InversionSettings,
    },
}

/// The method that all rows are compared with, whose settings can be changed.
pub(crate) const DEFAULT: &str = "default";

/// All methods, in the order of the report.
pub const METHODS: [Method; 19] = [
    Method {
        name: DEFAULT,
        note: "the generator's defaults",
        takes_absent: true,
        recipe: || Recipe::Generate(GenerationSettings::default()),
    },
    Method {
        name: "prior",
        note: "where the default starts: a draw from the decoder given the attributes, without the network",
        takes_absent: true,
        recipe: || {
            Recipe::Generate(GenerationSettings {
                inversion: Some(no_step()),
                ..GenerationSettings::default()
            })
        },
    },
    Method {
        name: "no-likelihood",
        note: "the default without the likelihood of the attributes",
        takes_absent: true,
        recipe: || {
            changed(TargetSettings {
                likelihood: Some(0.0),
                ..TargetSettings::default()
            })
        },
    },
    Method {
        name: "unbounded-likelihood",
        note: "the default whose likelihood counts however clearly attributes are shown",
        takes_absent: true,
        recipe: || {
            changed(TargetSettings {
                margin: Some(100.0),
                ..TargetSettings::default()
            })
        },
    },
    Method {
        name: "no-variety",
        note: "the default without a random draw of what the attributes leave open",
        takes_absent: true,
        recipe: || {
            changed(TargetSettings {
                variety: Some(0.0),
                ..TargetSettings::default()
            })
        },
    },
    Method {
        name: "exaggerated",
        note: "the default with the deviation from the mean doubled",
        takes_absent: true,
        recipe: || {
            changed(TargetSettings {
                exaggeration: Some(1.0),
                ..TargetSettings::default()
            })
        },
    },
    Method {
        name: "open",
        note: "the default with unnamed attributes left open instead of absent",
        takes_absent: true,
        recipe: || {
            changed(TargetSettings {
                completeness: Some(0.0),
                ..TargetSettings::default()
            })
        },
    },
    Method {
        name: "unconditional",
        note: "a regression target, found around the mean face",
        takes_absent: true,
        recipe: || Recipe::Generate(unconditional()),
    },
    Method {
        name: "components",
        note: "the default without a learned decoder: principal components of the photographs in place of its latents",
        takes_absent: true,
        recipe: || Recipe::Generate(components(InversionSettings::default())),
    },
    Method {
        name: "components-prior",
        note: "where that starts: a draw from the Gaussian of the components given the attributes, without the network",
        takes_absent: true,
        recipe: || Recipe::Generate(components(no_step())),
    },
    Method {
        name: "regression-conv4_3",
        note: "a regression target on conv4_3, where the default with a decoder has fc6",
        takes_absent: true,
        recipe: || on_layer(Target::Regression, "conv4_3"),
    },
    Method {
        name: "regression-fc6",
        note: "a regression target on fc6, where the default without a decoder has conv4_3",
        takes_absent: true,
        recipe: || on_layer(Target::Regression, "fc6"),
    },
    Method {
        name: "cgmm-mean",
        note: "the paper's target (eq. 4), found in the image prior",
        takes_absent: false,
        recipe: || on_layer(Target::CgmmMean, ""),
    },
    Method {
        name: "cgmm-sample",
        note: "the paper's sampled target (eq. 2), found in the image prior",
        takes_absent: false,
        recipe: || on_layer(Target::CgmmSample, ""),
    },
    Method {
        name: "paper",
        note: "the paper's method (section 3.3.2): cgmm-mean towards pixels by gradient descent",
        takes_absent: false,
        recipe: || Recipe::Generate(paper(TargetSettings::default())),
    },
    Method {
        name: "paper-fc6",
        note: "the same on a layer that the paper names",
        takes_absent: false,
        recipe: || {
            Recipe::Generate(paper(TargetSettings {
                layer: "fc6".to_owned(),
                ..TargetSettings::default()
            }))
        },
    },
    Method {
        name: "paper-baseline",
        note: "the paper's baseline (section 3.3.1): class visualisation of pixels from the mean image",
        takes_absent: true,
        recipe: || {
            Recipe::Generate(paper(TargetSettings {
                method: Target::ClassVisualization.into(),
                ..TargetSettings::default()
            }))
        },
    },
    Method {
        name: "class-visualization",
        note: "no target: climbs the attributes' likelihood in the image prior",
        takes_absent: true,
        recipe: || on_layer(Target::ClassVisualization, ""),
    },
    Method {
        name: "invert",
        note: "the source photograph from its true activations of conv4_3: what inversion itself loses",
        takes_absent: true,
        recipe: || Recipe::Invert {
            layer: "conv4_3",
            inversion: InversionSettings::default(),
        },
    },
];

/// The method of this name.
pub fn method(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// The defaults with another target.
fn changed(target: TargetSettings) -> Recipe {
    Recipe::Generate(GenerationSettings {
        target: Some(target),
        ..GenerationSettings::default()
    })
}

/// A descent that stops where it starts. One step is the fewest that a descent has; this one moves nothing that can be
/// seen.
fn no_step() -> InversionSettings {
    InversionSettings {
        steps: Some(1),
        learning_rate: Some(1e-6),
        ..InversionSettings::default()
    }
}

/// The defaults in the principal components.
fn components(inversion: InversionSettings) -> GenerationSettings {
    GenerationSettings {
        inversion: Some(InversionSettings {
            parametrization: Parametrization::Prior.into(),
            ..inversion
        }),
        ..GenerationSettings::default()
    }
}

/// The paper's preset with a target of its own.
fn paper(target: TargetSettings) -> GenerationSettings {
    GenerationSettings {
        target: Some(target),
        preset: Preset::Paper.into(),
        ..GenerationSettings::default()
    }
}

/// Regression without the image prior given attributes.
fn unconditional() -> GenerationSettings {
    GenerationSettings {
        target: Some(TargetSettings {
            likelihood: Some(0.0),
            variety: Some(0.0),
            ..TargetSettings::default()
        }),
        inversion: Some(InversionSettings {
            regularizers: Some(Regularizers {
                conditional: Some(false),
                ..Regularizers::default()
            }),
            ..InversionSettings::default()
        }),
        ..GenerationSettings::default()
    }
}

/// A target on a layer (empty for the default layer), with the defaults for everything else.
fn on_layer(target: Target, layer: &str) -> Recipe {
    Recipe::Generate(GenerationSettings {
        target: Some(TargetSettings {
            method: target.into(),
            layer: layer.to_owned(),
            ..TargetSettings::default()
        }),
        ..GenerationSettings::default()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_fit_for_files() {
        let names: HashSet<_> = METHODS.iter().map(|method| method.name).collect();
        assert_eq!(names.len(), METHODS.len());
        let fit = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        assert!(names.iter().all(|name| name.chars().all(fit)));
        assert!(method("paper").is_some() && method("magic").is_none());
    }
}
