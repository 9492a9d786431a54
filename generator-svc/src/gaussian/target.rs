//! How a target activation is made: a variant for each method, which holds only what that method has a use for.

use super::{Coordinates, LayerId};

/// How the target of an inversion is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// From a linear regression of activations on all attributes.
    Regression(Regression),
    /// From the paper's Gaussians, one for each attribute (cGMM).
    Cgmm(Cgmm),
    /// No target activation: the log-likelihood of the attributes is maximised (paper, section 3.3.1).
    ClassVisualization,
}

/// `T(a) = mean + sum_j (a_j - E[a_j]) v_j`, with the attributes completed that a request does not name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regression {
    /// Layer of the target.
    pub layer: LayerId,
    /// k in `T + k (T - mean)`.
    pub exaggeration: f64,
    /// Standard deviations of what attributes leave open, drawn by the seed.
    pub variety: f64,
    /// How complete the description is, from 0 (what is not named follows from what is named) to 1 (what is not named is
    /// absent).
    pub completeness: f64,
    /// How much further than to what is likely a draw from a learned density goes for what is asked; 0 in components.
    pub emphasis: f64,
    /// What variety is drawn from.
    pub residual: Residual,
    /// Weight of the attributes' likelihood beside the distance to the target.
    pub likelihood: f64,
    /// The coordinates of the image that variety is drawn in.
    pub coordinates: Coordinates,
    /// Log-odds beyond those of photographs up to which the likelihood of an attribute counts.
    pub margin: f64,
}

/// Eq. 4: `1/|C| sum_j w_j mu_j` over the attributes that should be present; or eq. 2, the same of samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cgmm {
    /// Layer of the target.
    pub layer: LayerId,
    /// k in `T + k (T - mean)`.
    pub exaggeration: f64,
    /// Whether samples `z_j` from `N(mu_j, Sigma_j)` take the place of the means mu_j (eq. 2).
    pub sampled: bool,
    /// Weight of the attributes' likelihood beside the distance to the target.
    pub likelihood: f64,
}

/// Which part of what the regression leaves unexplained is drawn for variety.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// What goes with the image's own variety: a few directions in which neurons move together.
    LowRank,
    /// Every neuron on its own, as in the paper's diagonal covariances.
    Diagonal,
}
