//! The trace that a call belongs to, where the program that calls has one (OpenTelemetry).

use opentelemetry::Context;
use opentelemetry::global::get_text_map_propagator;
use opentelemetry::propagation::Injector;
use tonic::metadata::{AsciiMetadataKey, MetadataMap};

/// Adds the headers of the current span, if there is one. They replace those of the request that the call is made for,
/// because that span is its child.
pub(crate) fn write(metadata: &mut MetadataMap) {
    let current = Context::current();
    get_text_map_propagator(|p| p.inject_context(&current, &mut Headers(metadata)));
}

struct Headers<'a>(&'a mut MetadataMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        let name = AsciiMetadataKey::from_bytes(key.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value.parse()) {
            self.0.insert(name, value);
        }
    }
}
