//! The methods of generation and what each of them takes. Every check asks here.

use deepface_proto::v1;

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Regression,
    CgmmMean,
    CgmmSample,
    ClassVisualization,
}

impl Method {
    /// All methods, in the order of the contract.
    pub(super) const ALL: [Self; 4] = [
        Self::Regression,
        Self::CgmmMean,
        Self::CgmmSample,
        Self::ClassVisualization,
    ];

    /// The method that a request sets, or the default. An unknown value counts as the default, too;
    /// `settings::target` refuses it.
    pub(super) fn of(wire: Option<&v1::TargetSettings>) -> Self {
        match wire.map(v1::TargetSettings::method) {
            Some(v1::Method::CgmmMean) => Self::CgmmMean,
            Some(v1::Method::CgmmSample) => Self::CgmmSample,
            Some(v1::Method::ClassVisualization) => Self::ClassVisualization,
            Some(v1::Method::Regression | v1::Method::Unspecified) | None => Self::Regression,
        }
    }

    /// Its name in the contract.
    pub(super) fn name(self) -> &'static str {
        v1::Method::from(self).as_str_name()
    }

    /// Whether it has a target activation, and so a layer, an exaggeration, and a likelihood beside the target.
    pub(super) fn has_target(self) -> bool {
        self != Self::ClassVisualization
    }

    /// Whether it describes a face in full, and so takes attributes to keep, completeness, variety, and an image prior
    /// that expects the face described.
    pub(super) fn describes(self) -> bool {
        self == Self::Regression
    }

    /// Whether it takes absent attributes, and strengths other than 1. The paper's targets sum over present attributes.
    pub(super) fn takes_absence_and_strength(self) -> bool {
        matches!(self, Self::Regression | Self::ClassVisualization)
    }

    /// The names in the contract of all methods of which something holds: `A, B and C`.
    pub(super) fn names(holds: impl Fn(Self) -> bool) -> String {
        let names: Vec<_> = Self::ALL.into_iter().filter(|&m| holds(m)).collect();
        match names.as_slice() {
            [] => String::new(),
            [one] => one.name().to_owned(),
            [most @ .., last] => {
                let most: Vec<_> = most.iter().map(|m| m.name()).collect();
                format!("{} and {}", most.join(", "), last.name())
            }
        }
    }
}

impl From<Method> for v1::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Regression => Self::Regression,
            Method::CgmmMean => Self::CgmmMean,
            Method::CgmmSample => Self::CgmmSample,
            Method::ClassVisualization => Self::ClassVisualization,
        }
    }
}

impl From<Method> for v1::MethodInfo {
    fn from(method: Method) -> Self {
        Self {
            method: v1::Method::from(method).into(),
            takes_absent: method.takes_absence_and_strength(),
            takes_strength: method.takes_absence_and_strength(),
            takes_keep: method.describes(),
        }
    }
}
