//! The methods that a server has: the only ones that logs and metrics name.

use std::collections::HashSet;

use prost::Message;
use prost_types::FileDescriptorSet;

/// What a method is called that the server does not have.
const OTHER: &str = "other";

/// The paths of the methods of a server, `/deepface.v1.ClassifierService/Classify`.
#[derive(Clone, Debug)]
pub(crate) struct Methods(HashSet<&'static str>);

impl Methods {
    /// The methods of these services (full names), as the encoded descriptor sets declare them. Sets that cannot be
    /// decoded declare none.
    pub(crate) fn of(services: impl IntoIterator<Item = &'static str>, sets: &[&[u8]]) -> Self {
        let wanted: HashSet<&str> = services.into_iter().collect();
        let sets = sets
            .iter()
            .filter_map(|set| FileDescriptorSet::decode(*set).ok());
        let mut paths = HashSet::new();
        for file in sets.flat_map(|set| set.file) {
            for service in &file.service {
                let name = format!("{}.{}", file.package(), service.name());
                if wanted.contains(&*name) {
                    let methods = service.method.iter();
                    let path = methods.map(|m| format!("/{name}/{}", m.name()));
                    // A few names for the whole life of the process.
                    paths.extend(path.map(|path| &*path.leak()));
                }
            }
        }
        Self(paths)
    }

    /// The path, if the server has such a method, else `other`: a caller cannot make names up.
    pub(super) fn known(&self, path: &str) -> &'static str {
        self.0.get(path).copied().unwrap_or(OTHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_methods_of_the_services_are_known() {
        let service = deepface_proto::v1::generator_service_server::SERVICE_NAME;
        let sets = [deepface_proto::FILE_DESCRIPTOR_SET];
        let methods = Methods::of([service], &sets);
        let path = format!("/{service}/Generate");
        assert_eq!(methods.known(&path), path);
        let elsewhere = "/deepface.v1.ClassifierService/Classify";
        for path in [elsewhere, "/deepface.v1.GeneratorService/generate", "/", ""] {
            assert_eq!(methods.known(path), OTHER, "{path}");
        }
        assert!(Methods::of([service], &[b"no descriptors"]).0.is_empty());
    }
}
