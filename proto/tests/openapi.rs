//! `openapi.json` describes the calls that have a `google.api.http` rule, as a transcoder offers them. After a change of a
//! `.proto` file run `UPDATE_BINDINGS=1 cargo test --release -p deepface-proto` and commit the result.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{collections::BTreeMap, fs, path::Path};

use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, FileDescriptor, Kind,
    MessageDescriptor, MethodDescriptor, Value as Field,
};
use serde_json::{Map, Value, json};

/// The comment before what has this path in its file, as one text.
fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let places = &file.file_descriptor_proto().source_code_info;
    let places = places.iter().flat_map(|info| &info.location);
    let comment = places.filter(|place| place.path == path);
    let comment: String = comment.map(|place| place.leading_comments()).collect();
    let lines = comment.lines().map(str::trim);
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// The schemas that have been asked for, by full name.
#[derive(Default)]
struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    fn message(&mut self, message: &MessageDescriptor) -> Value {
        let name = message.full_name();
        if name == "google.protobuf.Any" {
            return json!({"type": "object", "properties": {"@type": {"type": "string"}}});
        }
        if !self.0.contains_key(name) {
            // Messages may hold each other.
            self.0.insert(name.to_owned(), Value::Null);
            let fields = message.fields().map(|field| {
                let mut schema = self.field(&field);
                describe(&mut schema, &comment(&field.parent_file(), field.path()));
                (field.json_name().to_owned(), schema)
            });
            let fields: Map<_, _> = fields.collect();
            let mut schema = json!({"type": "object", "properties": fields});
            describe(
                &mut schema,
                &comment(&message.parent_file(), message.path()),
            );
            self.0.insert(name.to_owned(), schema);
        }
        reference(name)
    }

    fn values(&mut self, values: &EnumDescriptor) -> Value {
        let names: Vec<_> = values.values().map(|v| v.name().to_owned()).collect();
        let mut schema = json!({"type": "string", "enum": names});
        let said = values.values().map(|value| {
            let said = comment(&value.parent_enum().parent_file(), value.path());
            format!("{}: {said}", value.name())
        });
        let said: Vec<_> = said.collect();
        let own = comment(&values.parent_file(), values.path());
        describe(&mut schema, &format!("{own}\n\n{}", said.join("\n\n")));
        self.0.insert(values.full_name().to_owned(), schema);
        reference(values.full_name())
    }

    /// A field in the JSON of Protobuf.
    fn field(&mut self, field: &FieldDescriptor) -> Value {
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else {
                unreachable!("a map is a list of entries");
            };
            let value = self.field(&entry.map_entry_value_field());
            return json!({"type": "object", "additionalProperties": value});
        }
        let one = match field.kind() {
            Kind::Message(message) => self.message(&message),
            Kind::Enum(values) => self.values(&values),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Float => json!({"type": "number", "format": "float"}),
            Kind::Double => json!({"type": "number", "format": "double"}),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                json!({"type": "string", "format": "int64"})
            }
            Kind::Uint64 | Kind::Fixed64 => json!({"type": "string", "format": "uint64"}),
            Kind::Uint32 | Kind::Fixed32 => json!({"type": "integer", "format": "uint32"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({"type": "integer", "format": "int32"})
            }
        };
        match field.is_list() {
            true => json!({"type": "array", "items": one}),
            false => one,
        }
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn describe(schema: &mut Value, text: &str) {
    if !text.is_empty() {
        schema["description"] = text.into();
    }
}

/// How a call is made over HTTP: the verb in lower case, the path, and whether the request is the body.
fn rule(pool: &DescriptorPool, method: &MethodDescriptor) -> Option<(&'static str, String, bool)> {
    let extension = pool.get_extension_by_name("google.api.http").unwrap();
    let options = method.options();
    let rule = options.has_extension(&extension).then(|| {
        let rule = options.get_extension(&extension);
        rule.as_message().unwrap().clone()
    })?;
    let text = |rule: &DynamicMessage, name: &str| match rule.get_field_by_name(name).as_deref() {
        Some(Field::String(text)) => text.clone(),
        _ => String::new(),
    };
    let body = text(&rule, "body") == "*";
    let verb = ["get", "post"]
        .into_iter()
        .find(|v| rule.has_field_by_name(v));
    let verb = verb.expect("rules are of GET and POST");
    Some((verb, text(&rule, verb), body))
}

fn operation(schemas: &mut Schemas, method: &MethodDescriptor, body: bool) -> Value {
    let reply = schemas.message(&method.output());
    let reply = match method.is_server_streaming() {
        // A transcoder sends the messages of a stream as one array.
        true => json!({"type": "array", "items": reply}),
        false => reply,
    };
    let status = method
        .parent_pool()
        .get_message_by_name("google.rpc.Status")
        .unwrap();
    let mut operation = json!({
        "operationId": format!("{}_{}", method.parent_service().name(), method.name()),
        "tags": [method.parent_service().name()],
        "responses": {
            "200": {"description": "OK", "content": {"application/json": {"schema": reply}}},
            "default": {
                "description": "The status of a call that failed",
                "content": {"application/json": {"schema": schemas.message(&status)}},
            },
        },
    });
    describe(
        &mut operation,
        &comment(&method.parent_file(), method.path()),
    );
    if body {
        let request = schemas.message(&method.input());
        operation["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": request}}});
    } else {
        let request = method.input();
        let parameters = request.fields().map(|field| {
            let mut parameter =
                json!({"in": "query", "name": field.json_name(), "schema": schemas.field(&field)});
            describe(&mut parameter, &comment(&field.parent_file(), field.path()));
            parameter
        });
        let parameters: Vec<_> = parameters.collect();
        operation["parameters"] = parameters.into();
    }
    operation
}

fn openapi() -> Value {
    // The file, which an update may just have changed, not the one of the build.
    let set = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gen/descriptor.binpb");
    let pool = DescriptorPool::decode(&fs::read(set).unwrap()[..]).unwrap();
    let mut schemas = Schemas::default();
    let mut paths: BTreeMap<String, Value> = BTreeMap::new();
    let mut tags = Vec::new();
    for service in pool.services() {
        let rules = service
            .methods()
            .filter_map(|m| Some((rule(&pool, &m)?, m)));
        let mut offered = false;
        for ((verb, path, body), method) in rules {
            offered = true;
            let known = paths.entry(path).or_insert_with(|| json!({}));
            known[verb] = operation(&mut schemas, &method, body);
        }
        if offered {
            let mut tag = json!({"name": service.name()});
            describe(&mut tag, &comment(&service.parent_file(), service.path()));
            tags.push(tag);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "DeepFace",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The calls of both services as a transcoder of gRPC offers them over HTTP.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": paths,
        "components": {"schemas": schemas.0},
    })
}

#[test]
fn the_description_for_http_is_current() {
    let made = openapi();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    if std::env::var_os("UPDATE_BINDINGS").is_some() {
        fs::write(path, format!("{made:#}\n")).unwrap();
    } else {
        let kept = fs::read_to_string(path).unwrap();
        let kept: Value = serde_json::from_str(&kept).unwrap();
        assert!(
            made == kept,
            "openapi.json is stale: see the top of this test"
        );
    }
}
