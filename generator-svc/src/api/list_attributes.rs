//! ListAttributes: what a face can be asked for, and what is used where a request says nothing.

use deepface_attributes::GROUPS;
use deepface_proto::v1::{self, AttributeInfo, GenerationSettings, ListAttributesResponse};

use super::settings;
use crate::gaussian::Statistics;

/// Answers from the statistics alone.
pub(super) fn list_attributes(statistics: &Statistics) -> ListAttributesResponse {
    let layer = settings::default_layer(statistics);
    let weights = statistics
        .layer(&layer)
        .map(|l| l.weights.as_slice())
        .unwrap_or_default();
    let names = GROUPS
        .iter()
        .flat_map(|g| g.attributes.iter().map(|a| (*a, g.name)));
    let attributes = names.enumerate().map(|(i, (name, group))| AttributeInfo {
        name: name.into(),
        group: group.into(),
        frequency: statistics.frequencies.get(i).copied().unwrap_or_default(),
        weight: weights.get(i).copied().unwrap_or_default(),
    });
    let inversion = settings::inversion(None, Some(v1::Method::Unspecified), "");
    ListAttributesResponse {
        attributes: attributes.collect(),
        layers: statistics.layers.iter().map(|l| l.name.clone()).collect(),
        defaults: Some(GenerationSettings {
            // The completeness depends on a request; this is that of a short one.
            target: settings::target(statistics, None, &[], "")
                .ok()
                .map(|t| t.to_wire()),
            inversion: inversion.ok().map(|i| settings::to_wire(&i)),
        }),
        digest: statistics.digest.clone(),
        classifier_digest: statistics.classifier_digest.clone(),
    }
}
