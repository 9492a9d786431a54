//! Programs that were built with the last released contract still work: `released.binpb` is its descriptor. At a release,
//! `src/gen/descriptor.binpb` takes its place.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use deepface_proto::FILE_DESCRIPTOR_SET;
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MethodDescriptor};

const RELEASED: &[u8] = include_bytes!("../released.binpb");
const PACKAGE: &str = "deepface.v1";

/// What a field is to programs. That it has presence may be added: no bytes mean another thing then.
fn field(field: &FieldDescriptor) -> String {
    let kind = match field.kind() {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(values) => values.full_name().to_owned(),
        scalar => format!("{scalar:?}"),
    };
    let many = match (field.is_map(), field.is_list()) {
        (true, _) => "map of ",
        (_, true) => "list of ",
        _ => "",
    };
    let choice = field
        .containing_oneof()
        .filter(|choice| !choice.is_synthetic());
    let choice = choice.map(|choice| format!(" in {}", choice.name()));
    let choice = choice.unwrap_or_default();
    format!("{} {many}{kind}{choice}", field.json_name())
}

fn method(method: &MethodDescriptor) -> String {
    format!(
        "{} of stream {} to {} of stream {}",
        method.input().full_name(),
        method.is_client_streaming(),
        method.output().full_name(),
        method.is_server_streaming()
    )
}

/// What a released program may name, each as it is sent, with what that must stay.
fn names(pool: &DescriptorPool) -> Vec<(String, String)> {
    let mut names = Vec::new();
    let messages = pool.all_messages().filter(|m| m.package_name() == PACKAGE);
    for message in messages {
        names.push((message.full_name().to_owned(), "a message".to_owned()));
        for f in message.fields() {
            names.push((format!("{} {}", message.full_name(), f.number()), field(&f)));
        }
    }
    let values = pool.all_enums().filter(|e| e.package_name() == PACKAGE);
    for values in values {
        for value in values.values() {
            let name = format!("{} {}", values.full_name(), value.number());
            names.push((name, value.name().to_owned()));
        }
    }
    let services = pool.services().filter(|s| s.package_name() == PACKAGE);
    for m in services.flat_map(|s| s.methods().collect::<Vec<_>>()) {
        names.push((m.full_name().to_owned(), method(&m)));
    }
    names
}

#[test]
fn what_was_released_stays_as_it_was() {
    let [released, now] =
        [RELEASED, FILE_DESCRIPTOR_SET].map(|set| names(&DescriptorPool::decode(set).unwrap()));
    assert!(released.len() > 200, "{} names", released.len());
    let changed: Vec<_> = released.iter().filter(|name| !now.contains(name)).collect();
    assert!(changed.is_empty(), "changed or gone: {changed:#?}");
}
