//! The settings in force, as they are shown.

use std::fmt;

use deepface_proto::v1;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The settings of a generation that are in force, for people and programs: names as in the contract without their
/// prefix (`cgmm-mean`). As text it is `method: regression, steps: 100`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SettingsInForce {
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    layer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    exaggeration: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variety: Option<f64>,
    residual: Option<String>,
    likelihood: Option<f64>,
    margin: Option<f64>,
    completeness: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emphasis: Option<f64>,
    parametrization: Option<String>,
    optimizer: Option<String>,
    start: Option<String>,
    steps: Option<i32>,
    learning_rate: Option<f64>,
    prior: Option<f64>,
    conditional: Option<bool>,
    total_variation: Option<f64>,
    l2: Option<f64>,
    jitter: Option<i32>,
    blur_sigma: Option<f64>,
    blur_every: Option<i32>,
}

impl From<&v1::GenerationSettings> for SettingsInForce {
    fn from(settings: &v1::GenerationSettings) -> Self {
        let target = settings.target.clone().unwrap_or_default();
        let inversion = settings.inversion.unwrap_or_default();
        let regularizers = inversion.regularizers.unwrap_or_default();
        Self {
            method: short(target.method().as_str_name(), "METHOD_"),
            exaggeration: target.exaggeration,
            variety: target.variety,
            residual: short(target.residual().as_str_name(), "RESIDUAL_"),
            likelihood: target.likelihood,
            margin: target.margin,
            completeness: target.completeness,
            emphasis: target.emphasis,
            layer: target.layer,
            parametrization: short(
                inversion.parametrization().as_str_name(),
                "PARAMETRIZATION_",
            ),
            optimizer: short(inversion.optimizer().as_str_name(), "OPTIMIZER_"),
            start: short(inversion.start().as_str_name(), "START_"),
            steps: inversion.steps,
            learning_rate: inversion.learning_rate,
            prior: regularizers.prior,
            conditional: regularizers.conditional,
            total_variation: regularizers.total_variation,
            l2: regularizers.l2,
            jitter: regularizers.jitter,
            blur_sigma: regularizers.blur_sigma,
            blur_every: regularizers.blur_every,
        }
    }
}

/// `METHOD_CGMM_MEAN` to `cgmm-mean`, as it is typed.
fn short(name: &str, prefix: &str) -> Option<String> {
    let short = name.strip_prefix(prefix).unwrap_or(name);
    (short != "UNSPECIFIED").then(|| short.to_lowercase().replace('_', "-"))
}

/// What is in force, by name.
impl fmt::Display for SettingsInForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(Value::Object(settings)) = serde_json::to_value(self) else {
            return Err(fmt::Error);
        };
        let mut separator = "";
        for (name, value) in settings.iter().filter(|(_, value)| !value.is_null()) {
            match value {
                Value::String(value) => write!(f, "{separator}{name}: {value}")?,
                value => write!(f, "{separator}{name}: {value}")?,
            }
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_named_as_they_are_typed() {
        let settings = v1::GenerationSettings {
            target: Some(v1::TargetSettings {
                method: v1::Method::CgmmMean.into(),
                exaggeration: Some(0.5),
                ..Default::default()
            }),
            inversion: Some(v1::InversionSettings {
                parametrization: v1::Parametrization::Pixels.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let shown = SettingsInForce::from(&settings);
        assert_eq!(
            shown.to_string(),
            "exaggeration: 0.5, method: cgmm-mean, parametrization: pixels"
        );
        let json = serde_json::to_value(&shown).unwrap();
        assert_eq!(json["parametrization"], "pixels");
        assert_eq!(
            serde_json::from_value::<SettingsInForce>(json).unwrap(),
            shown
        );
        assert_eq!(SettingsInForce::default().to_string(), "");
    }
}
