//! What a caller must be allowed to do for each method of the contract.

use std::fmt;
use std::str::FromStr;

/// What a caller may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Read what the services are: models, attributes, targets, reflection.
    Read,
    /// Have the network compute.
    Infer,
    /// Have faces made.
    Generate,
}

/// Methods that compute nothing with the network.
const READ: [&str; 3] = ["GetModel", "ListAttributes", "GetTarget"];

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 3] = [Self::Read, Self::Infer, Self::Generate];

    /// The scope that a method needs, by its path: `/deepface.v1.ClassifierService/Classify`.
    pub fn of(path: &str) -> Self {
        let (service, method) = path.rsplit_once('/').unwrap_or_default();
        match service {
            "/deepface.v1.ClassifierService" | "/deepface.v1.GeneratorService"
                if READ.contains(&method) =>
            {
                Self::Read
            }
            "/deepface.v1.ClassifierService" => Self::Infer,
            "/deepface.v1.GeneratorService" => Self::Generate,
            _ => Self::Read,
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
    fn every_method_has_the_scope_of_what_it_does() {
        for (path, scope) in [
            ("/deepface.v1.ClassifierService/GetModel", Scope::Read),
            ("/deepface.v1.ClassifierService/Classify", Scope::Infer),
            ("/deepface.v1.ClassifierService/Differentiate", Scope::Infer),
            ("/deepface.v1.GeneratorService/ListAttributes", Scope::Read),
            ("/deepface.v1.GeneratorService/Generate", Scope::Generate),
            ("/deepface.v1.GeneratorService/Later", Scope::Generate),
            ("/grpc.reflection.v1.ServerReflection/Info", Scope::Read),
        ] {
            assert_eq!(Scope::of(path), scope, "{path}");
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert!("all".parse::<Scope>().is_err());
    }
}
