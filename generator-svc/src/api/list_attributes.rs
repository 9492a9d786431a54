//! ListAttributes: what a request can name, and the settings that it gets where it says nothing.

use deepface_proto::v1::{
    AttributeInfo, GenerationSettings, ListAttributesResponse, Preset, PresetInfo,
};
use deepface_serve::{Violations, this_server};

use super::method::Method;
use super::{preset, settings, wire};
use crate::gaussian::Statistics;

/// Answers from the statistics alone.
pub(super) fn list_attributes(statistics: &Statistics) -> ListAttributesResponse {
    let layer = settings::usual_layer(statistics);
    let schema = &statistics.schema;
    let attributes = schema.all().map(|attribute| AttributeInfo {
        name: schema.name(attribute).into(),
        group: schema.group(attribute).name.clone(),
        frequency: statistics.frequency(attribute),
        weight: layer.weights[attribute.index()],
    });
    let paper = PresetInfo {
        preset: Preset::Paper.into(),
        settings: of_a_short_request(statistics, Preset::Paper).ok(),
    };
    ListAttributesResponse {
        attributes: attributes.collect(),
        layers: statistics.layers.iter().map(|l| l.name.clone()).collect(),
        defaults: of_a_short_request(statistics, Preset::Unspecified).ok(),
        digest: statistics.digest.clone(),
        classifier_digest: statistics.classifier_digest.clone(),
        methods: Method::ALL.map(Into::into).into(),
        presets: vec![paper],
        server: Some(this_server()),
    }
}

/// The settings in force for a request that sets nothing but a preset. Those of a longer request can differ.
fn of_a_short_request(
    statistics: &Statistics,
    preset: Preset,
) -> Result<GenerationSettings, Violations> {
    let mut settings = GenerationSettings {
        preset: preset.into(),
        ..Default::default()
    };
    preset::fill_in(&mut settings, "preset")?;
    let (target, descent) = (settings.target.as_ref(), settings.inversion.as_ref());
    let aim = settings::Aim::face(Method::of(target));
    let descent = settings::descent(statistics, descent, aim, "inversion")?;
    let subject = aim.subject(descent.basis.coordinates());
    let target = settings::target(statistics, target, &[], subject, "target")?;
    let target = settings::target_to_wire(&target, statistics);
    Ok(wire::in_force(target, &descent))
}

#[cfg(test)]
mod tests {
    use deepface_proto::v1;

    use super::*;
    use crate::gaussian::fixture::statistics;

    #[test]
    fn defaults_and_presets_are_settings_in_force() {
        let list = list_attributes(&statistics());
        let defaults = list.defaults.unwrap();
        assert_eq!(defaults.target.unwrap().method(), v1::Method::Regression);
        let paper = list.presets[0].settings.clone().unwrap();
        assert_eq!(paper.target.unwrap().method(), v1::Method::CgmmMean);
        assert!(paper.inversion.unwrap().learning_rate.is_some());
    }

    #[test]
    fn the_list_says_what_each_method_takes() {
        let list = list_attributes(&statistics());
        let takes =
            |m: &v1::MethodInfo| (m.method(), m.takes_absent, m.takes_strength, m.takes_keep);
        let got: Vec<_> = list.methods.iter().map(takes).collect();
        let expected = [
            (v1::Method::Regression, true, true, true),
            (v1::Method::CgmmMean, false, false, false),
            (v1::Method::CgmmSample, false, false, false),
            (v1::Method::ClassVisualization, true, true, false),
        ];
        assert_eq!(got, expected);
    }
}
