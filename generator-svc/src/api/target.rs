//! Target activations as they travel. They are made on the workers: with many neurons that takes long.

use std::sync::Arc;

use deepface_proto::Array;
use deepface_proto::v1::{self, DataType};

use crate::gaussian::{Cgmm, Description, LayerId, Regression, Statistics, TargetActivation, Wish};
use crate::workers::{WorkLost, Workers};

/// A target activation as it travels.
pub(super) struct WireTarget {
    /// Name of the layer.
    pub(super) layer: String,
    /// Of the layer's shape.
    pub(super) tensor: v1::Tensor,
    /// `|T - mean| / |mean|`.
    pub(super) relative_deviation: f64,
}

impl WireTarget {
    pub(super) fn new(statistics: &Statistics, layer: LayerId, target: TargetActivation) -> Self {
        let layer = statistics.layer(layer);
        let array = Array {
            shape: layer.shape.clone(),
            data: target.values,
        };
        Self {
            layer: layer.name.clone(),
            tensor: array.to_tensor(DataType::F32),
            relative_deviation: target.relative_deviation,
        }
    }
}

/// The target of a regression, the description that it shows, and the draw of what that leaves open.
pub(super) struct Described {
    pub(super) target: WireTarget,
    pub(super) description: Description,
    pub(super) variation: Vec<f32>,
}

/// Makes the target of a regression.
///
/// # Errors
/// The work panicked.
pub(super) async fn regression(
    workers: &Workers,
    statistics: &Arc<Statistics>,
    wish: &Wish,
    how: Regression,
    seed: u64,
) -> Result<Described, WorkLost> {
    let (statistics, wish) = (statistics.clone(), wish.clone());
    let work = move || {
        let description = statistics.describe(&wish, &how, seed);
        let variation = statistics.variation(&how, &description, seed);
        let target = statistics.regression_target(&how, &description, &variation, seed);
        Described {
            target: WireTarget::new(&statistics, how.layer, target),
            description,
            variation,
        }
    };
    workers.run(work).await
}

/// Makes one of the paper's targets.
///
/// # Errors
/// The work panicked.
pub(super) async fn cgmm(
    workers: &Workers,
    statistics: &Arc<Statistics>,
    wish: &Wish,
    how: Cgmm,
    seed: u64,
) -> Result<WireTarget, WorkLost> {
    let (statistics, wish) = (statistics.clone(), wish.clone());
    let work = move || {
        let target = statistics.cgmm_target(&how, &wish, seed);
        WireTarget::new(&statistics, how.layer, target)
    };
    workers.run(work).await
}
