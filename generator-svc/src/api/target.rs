//! GetTarget: the target activation for a set of attributes.

use deepface_dataset::attributes as names;
use deepface_proto::Array;
use deepface_proto::v1::{CompletedAttribute, DataType, GetTargetRequest, GetTargetResponse};
use deepface_serve::Violations;

use super::{attributes, settings, status::Refusal};
use crate::gaussian::Statistics;

/// Checks the request and answers from the statistics alone.
pub(super) fn get_target(
    statistics: &Statistics,
    request: &GetTargetRequest,
) -> Result<GetTargetResponse, Refusal> {
    let asked = attributes::asked(&request.attributes, "attributes")?;
    let choice = settings::target(statistics, request.target.as_ref(), "target")?;
    let how = choice.settings(request.seed).ok_or_else(|| {
        Violations::one(
            "target.method",
            "class visualisation has no target; expected one of the other methods",
        )
    })?;
    let layer = statistics.layer(&choice.layer);
    let layer = layer.ok_or_else(|| Refusal::Internal("a checked layer is not there".into()))?;
    let target = statistics.target(layer, &asked, &how);
    let requested = |attribute: usize| asked.iter().any(|a| a.attribute == attribute);
    let completed = names().zip(&target.completed).enumerate();
    let completed = completed.map(|(i, (name, &value))| CompletedAttribute {
        name: name.into(),
        value,
        requested: requested(i),
    });
    let array = Array {
        shape: layer.shape.clone(),
        data: target.values,
    };
    Ok(GetTargetResponse {
        layer: choice.layer,
        target: Some(array.to_tensor(DataType::F32)),
        relative_deviation: target.relative_deviation,
        completed: completed.collect(),
    })
}
