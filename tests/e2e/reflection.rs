//! Reflection, for tools such as grpcurl, in both versions of the protocol.

use deepface_tests::{Service, shared};
use tonic_reflection::pb::{v1, v1alpha};

const CLASSIFIER: &str = "deepface.v1.ClassifierService";
const GENERATOR: &str = "deepface.v1.GeneratorService";

/// Requests the list of services and the file of one, in one version of the protocol.
macro_rules! ask {
    ($version:ident, $service:expr, $symbol:expr) => {{
        use $version::server_reflection_client::ServerReflectionClient;
        use $version::server_reflection_request::MessageRequest;
        use $version::server_reflection_response::MessageResponse;
        let mut client = ServerReflectionClient::new($service.channel());
        let request = |message| $version::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(message),
        };
        let requests = tokio_stream::iter([
            request(MessageRequest::ListServices(String::new())),
            request(MessageRequest::FileContainingSymbol($symbol.to_owned())),
        ]);
        let mut replies = client
            .server_reflection_info(requests)
            .await
            .unwrap()
            .into_inner();
        let mut next = async || {
            replies
                .message()
                .await
                .unwrap()
                .unwrap()
                .message_response
                .unwrap()
        };
        let MessageResponse::ListServicesResponse(list) = next().await else {
            panic!("expected a list");
        };
        let MessageResponse::FileDescriptorResponse(files) = next().await else {
            panic!("expected a file");
        };
        let names: Vec<String> = list
            .service
            .into_iter()
            .map(|service| service.name)
            .collect();
        (names, files.file_descriptor_proto.len())
    }};
}

async fn check(service: &Service, name: &str) {
    for (version, (names, files)) in [
        ("v1", ask!(v1, service, name)),
        ("v1alpha", ask!(v1alpha, service, name)),
    ] {
        assert!(
            names.iter().any(|known| known == name),
            "{version}: {names:?}"
        );
        assert!(
            names.iter().any(|known| known == "grpc.health.v1.Health"),
            "{version}: {names:?}"
        );
        assert!(files > 0, "{version}");
    }
}

#[tokio::test]
async fn both_services_describe_themselves_in_both_versions() {
    check(&shared().classifier, CLASSIFIER).await;
    check(&shared().generator, GENERATOR).await;
}
