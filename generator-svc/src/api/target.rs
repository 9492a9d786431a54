//! GetTarget: the target activation for a set of attributes.

use std::sync::Arc;

use deepface_dataset::attributes as names;
use deepface_proto::Array;
use deepface_proto::v1::{self, CompletedAttribute, DataType, GetTargetRequest, GetTargetResponse};
use deepface_serve::Violations;

use super::{Generator, attributes, settings, status::Refusal};
use crate::gaussian::{Asked, Statistics, TargetSettings};
use crate::workers::Workers;

/// Checks the request and answers from the statistics alone.
pub(super) async fn get_target(
    api: &Generator,
    request: &GetTargetRequest,
) -> Result<GetTargetResponse, Refusal> {
    let target = request.target.as_ref();
    let method = target.map_or_else(v1::Method::default, |t| t.method());
    let asked = attributes::asked(&request.attributes, method, "attributes")?;
    let choice = settings::target(&api.statistics, target, "target")?;
    let how = choice.settings(request.seed).ok_or_else(|| {
        Violations::one(
            "target.method",
            "class visualisation has no target; expected one of the other methods",
        )
    })?;
    let layer = choice.layer.clone();
    let made = make(&api.workers, &api.statistics, layer, &asked, how).await?;
    let requested = |attribute: usize| asked.iter().any(|a| a.attribute == attribute);
    let completed = names().zip(&made.completed).enumerate();
    let completed = completed.map(|(i, (name, &value))| CompletedAttribute {
        name: name.into(),
        value,
        requested: requested(i),
    });
    Ok(GetTargetResponse {
        layer: choice.layer,
        relative_deviation: made.relative_deviation,
        completed: completed.collect(),
        target: Some(made.tensor),
    })
}

/// A target as it travels.
pub(super) struct Made {
    pub(super) tensor: v1::Tensor,
    relative_deviation: f64,
    completed: Vec<f64>,
}

/// Makes the target of a checked request, on the workers: with many neurons it takes long.
pub(super) async fn make(
    workers: &Workers,
    statistics: &Arc<Statistics>,
    layer: String,
    asked: &[Asked],
    how: TargetSettings,
) -> Result<Made, Refusal> {
    let (statistics, asked) = (statistics.clone(), asked.to_vec());
    let work = move || {
        let layer = statistics.layer(&layer)?;
        let target = statistics.target(layer, &asked, &how);
        let array = Array {
            shape: layer.shape.clone(),
            data: target.values,
        };
        Some(Made {
            tensor: array.to_tensor(DataType::F32),
            relative_deviation: target.relative_deviation,
            completed: target.completed,
        })
    };
    let made = workers.run(work).await?;
    made.ok_or_else(|| Refusal::Internal("a checked layer is not there".into()))
}
