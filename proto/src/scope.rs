//! What a caller must be allowed to do for each method of the contract.

use std::fmt;
use std::str::FromStr;

/// What a caller may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Read what the services are: models, attributes, targets, reflection.
    Read,
    /// Have the network compute.
    Infer,
    /// Have faces made.
    Generate,
}

/// Methods that compute nothing with the network.
const READ: [&str; 8] = [
    "GetModel",
    "ListAttributes",
    "GetTarget",
    "ServerLive",
    "ServerReady",
    "ServerMetadata",
    "ModelReady",
    "ModelMetadata",
];

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 3] = [Self::Read, Self::Infer, Self::Generate];

    /// The scope that a method needs, by its path: `/deepface.v1.ClassifierService/Classify`.
    pub fn of(path: &str) -> Self {
        let (service, method) = path.rsplit_once('/').unwrap_or_default();
        match service {
            // Reflection and health, which belong to the server itself.
            _ if service.starts_with("/grpc.") => Self::Read,
            _ if READ.contains(&method) => Self::Read,
            "/deepface.v1.GeneratorService" => Self::Generate,
            _ => Self::Infer,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Infer => "infer",
            Self::Generate => "generate",
        })
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let scope = Self::ALL.into_iter().find(|s| s.to_string() == text);
        scope.ok_or_else(|| format!("expected read, infer or generate, got {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_told_by_path() {
        for (path, scope) in [
            ("/deepface.v1.ClassifierService/GetModel", Scope::Read),
            ("/deepface.v1.ClassifierService/Differentiate", Scope::Infer),
            ("/deepface.v1.GeneratorService/Later", Scope::Generate),
            ("/inference.GRPCInferenceService/Later", Scope::Infer),
            ("/grpc.reflection.v1.ServerReflection/Info", Scope::Read),
            ("", Scope::Infer),
        ] {
            assert_eq!(Scope::of(path), scope, "{path}");
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert!("all".parse::<Scope>().is_err());
    }

    #[test]
    fn every_method_of_the_contract_has_the_scope_of_what_it_does() {
        let pool = prost_reflect::DescriptorPool::decode(crate::FILE_DESCRIPTOR_SET).unwrap();
        let services: Vec<_> = pool.services().collect();
        let methods = services.iter().flat_map(|service| {
            let path = |method: &str| format!("/{}/{method}", service.full_name());
            let methods = service.methods();
            methods.map(move |m| (m.name().to_owned(), Scope::of(&path(m.name()))))
        });
        let mut computing: Vec<_> = methods.filter(|(_, scope)| *scope != Scope::Read).collect();
        computing.sort();
        let computing: Vec<_> = computing.iter().map(|(m, s)| (m.as_str(), *s)).collect();
        assert_eq!(
            computing,
            [
                ("Classify", Scope::Infer),
                ("Compare", Scope::Infer),
                ("Differentiate", Scope::Infer),
                ("Generate", Scope::Generate),
                ("GenerateFace", Scope::Generate),
                ("GetActivations", Scope::Infer),
                ("Invert", Scope::Generate),
                ("ModelInfer", Scope::Infer),
            ]
        );
    }
}
