//! GetTarget: the target activation for a set of attributes.

use std::sync::Arc;

use deepface_attributes::AttributeId;
use deepface_proto::Array;
use deepface_proto::v1::{self, CompletedAttribute, DataType, GetTargetRequest, GetTargetResponse};
use deepface_serve::Violations;

use super::settings::{self, TargetChoice};
use super::{Generator, attributes, status::Refusal};
use crate::gaussian::{Description, Statistics, TargetSettings, Wish};
use crate::workers::Workers;

/// Checks the request and answers from the statistics alone.
pub(super) async fn get_target(
    api: &Generator,
    request: &GetTargetRequest,
) -> Result<GetTargetResponse, Refusal> {
    let target = request.target.as_ref();
    let method = target.map_or_else(v1::Method::default, |t| t.method());
    let mut wish = attributes::wish(&request.attributes, &request.keep, method)?;
    let choice = settings::target(&api.statistics, target, &wish.asked, "target")?;
    wish.completeness = choice.completeness;
    let how = choice.settings(request.seed).ok_or_else(|| {
        Violations::one(
            "target.method",
            "class visualisation has no target; expected one of the other methods",
        )
    })?;
    let layer = choice.layer.clone();
    let made = make(&api.workers, &api.statistics, layer, &wish, how).await?;
    Ok(GetTargetResponse {
        layer: choice.layer.clone(),
        relative_deviation: made.relative_deviation,
        completed: completed(&choice, &wish, made.description.values),
        target: Some(made.tensor),
    })
}

/// What the wish means for every attribute; the paper's methods know nothing of the unsaid.
fn completed(choice: &TargetChoice, wish: &Wish, values: Vec<f64>) -> Vec<CompletedAttribute> {
    if !choice.regresses() {
        return Vec::new();
    }
    let completed = AttributeId::names().zip(values).enumerate();
    let completed = completed.map(|(i, (name, value))| CompletedAttribute {
        name: name.into(),
        value,
        requested: wish.asked.iter().any(|a| a.attribute == i),
        kept: wish.kept.contains(&i),
    });
    completed.collect()
}

/// A target as it travels, and the description that it is of.
pub(super) struct Made {
    pub(super) tensor: v1::Tensor,
    pub(super) description: Description,
    relative_deviation: f64,
}

/// Makes the target of a checked request, on the workers: with many neurons it takes long.
pub(super) async fn make(
    workers: &Workers,
    statistics: &Arc<Statistics>,
    layer: String,
    wish: &Wish,
    how: TargetSettings,
) -> Result<Made, Refusal> {
    let (statistics, wish) = (statistics.clone(), wish.clone());
    let work = move || {
        let layer = statistics.layer(&layer)?;
        let description = statistics.describe(&wish, &how);
        let target = statistics.target(layer, &wish, &description, &how);
        let array = Array {
            shape: layer.shape.clone(),
            data: target.values,
        };
        Some(Made {
            tensor: array.to_tensor(DataType::F32),
            description,
            relative_deviation: target.relative_deviation,
        })
    };
    let made = workers.run(work).await?;
    made.ok_or_else(|| Refusal::Internal("a checked layer is not there".into()))
}
