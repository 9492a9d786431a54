//! The statistics that faces are made from: the paper's cGMM of activations (section 3.3.2), a linear model of them,
//! and a Gaussian of the images themselves or of a decoder's latents.

mod activation;
mod canvas;
mod components;
mod decoder;
mod description;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod given;
mod golden;
mod header;
mod images;
mod learned;
mod moments;
mod prior;
mod reader;
mod resample;
mod seen;
mod store;
mod target;
mod weights;
mod wish;
mod writer;

pub use activation::TargetActivation;
pub use canvas::{Canvas, vector};
pub use description::Description;
pub use error::StoreError;
pub use header::Origin;
pub use learned::{Emphasis, condition};
pub use moments::Moments;
pub use prior::{Fitted, Labelled, Prior};
pub use resample::Resampler;
pub use seen::{Seen, Sightings, log_odds};

pub use target::{Cgmm, Regression, Residual, Target};
pub use weights::{Example, Problem};
pub use wish::{Asked, Wish};

use deepface_attributes::{AttributeId, Schema};
use deepface_statistics::{AttributeCopula, AttributeMoments};
use nalgebra::{DMatrix, DVector};

/// Everything that `fit` learns.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// SHA-256 of the file, lower-case hexadecimal; empty before it is written.
    pub digest: String,
    /// SHA-256 of the weights of the classifier whose activations these are.
    pub classifier_digest: String,
    /// Side of the classifier's input and of the images that the prior makes, pixels.
    pub input_size: usize,
    /// How they were fitted.
    pub origin: Origin,
    /// The attributes that a face can be asked for.
    pub schema: Schema,
    /// Share of the training images that have each attribute, in the order of the schema.
    pub frequencies: Vec<f64>,
    /// How attributes go together.
    pub attributes: AttributeMoments,
    /// The same as a distribution of label vectors.
    pub copula: AttributeCopula,
    /// How the classifier sees each attribute in photographs.
    pub seen: Vec<Seen>,
    /// One per layer that targets can be made for; at least one.
    pub layers: Vec<Layer>,
    /// The images themselves, as principal components.
    pub prior: Prior,
    /// The same as latents of a learned decoder, if there is one.
    pub decoder: Option<Prior>,
}

/// What describes an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coordinates {
    /// Principal components of the training images.
    Components,
    /// Latents of a learned decoder.
    Latents,
}

/// A layer of some [`Statistics`], looked up once by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerId(usize);

impl Statistics {
    /// Looks a layer up by its name.
    pub fn find_layer(&self, name: &str) -> Option<LayerId> {
        self.layers.iter().position(|l| l.name == name).map(LayerId)
    }

    /// The layer of this name, or the first layer if the statistics lack it.
    pub fn layer_or_first(&self, name: &str) -> LayerId {
        self.find_layer(name).unwrap_or(LayerId(0))
    }

    /// The statistics of a layer that was found in these statistics.
    pub fn layer(&self, id: LayerId) -> &Layer {
        &self.layers[id.0]
    }

    /// The image prior of some coordinates. Where there is no decoder, that of the components stands in: requests for
    /// one are refused before.
    pub fn prior(&self, coordinates: Coordinates) -> &Prior {
        match coordinates {
            Coordinates::Components => &self.prior,
            Coordinates::Latents => self.decoder.as_ref().unwrap_or(&self.prior),
        }
    }

    /// Share of the training images that have an attribute.
    pub fn frequency(&self, attribute: AttributeId) -> f64 {
        self.frequencies[attribute.index()]
    }
}

/// Statistics of one layer's activation. Matrices have a row per attribute and a column per neuron.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Name, such as `conv4_3`.
    pub name: String,
    /// Shape of the activation.
    pub shape: Vec<usize>,
    /// Mean over all training images.
    pub mean: DVector<f32>,
    /// Means mu_j over the sets S_j.
    pub means: DMatrix<f32>,
    /// Standard deviations over the sets S_j: the square roots of the diagonal of Sigma_j.
    pub deviations: DMatrix<f32>,
    /// Weights w of eq. 3, one per attribute.
    pub weights: Vec<f64>,
    /// Slopes v_j of the regression of activations on attributes.
    pub slopes: DMatrix<f32>,
    /// Standard deviation of what the regression leaves unexplained, per neuron.
    pub residual: Vec<f32>,
    /// Regression of the residual activation on the residual leading coordinates of the image prior, a row a coordinate;
    /// residual is what attributes leave unexplained.
    pub response: DMatrix<f32>,
    /// The same on those of the decoder; no rows without one.
    pub decoder_response: DMatrix<f32>,
}
