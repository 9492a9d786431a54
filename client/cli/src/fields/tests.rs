//! Everything in the contract's requests has a word on the command line, and refusals use these words.

use std::sync::Arc;

use clap::{Command, CommandFactory};
use prost::Message;
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};

use super::*;
use crate::args::Cli;

/// The requests that this program sends for what is typed.
const REQUESTS: [&str; 6] = [
    "GenerateRequest",
    "InvertRequest",
    "GetTargetRequest",
    "ClassifyRequest",
    "CompareRequest",
    "GetActivationsRequest",
];

fn files() -> Vec<FileDescriptorProto> {
    let set = FileDescriptorSet::decode(deepface_proto::FILE_DESCRIPTOR_SET).unwrap();
    let ours = |file: &FileDescriptorProto| file.package() == "deepface.v1";
    set.file.into_iter().filter(ours).collect()
}

/// Appends the paths of all fields below a message that hold a value, and the enumerations among them.
fn walk(
    messages: &[DescriptorProto],
    name: &str,
    path: &str,
    fields: &mut Vec<String>,
    enums: &mut Vec<String>,
) {
    let message = messages
        .iter()
        .find(|message| message.name() == name)
        .unwrap();
    for field in &message.field {
        let path = format!("{path}{}", field.name());
        let of = field.type_name().rsplit('.').next().unwrap();
        match field.r#type() {
            Type::Message => walk(messages, of, &format!("{path}."), fields, enums),
            Type::Enum => {
                enums.push(of.to_owned());
                fields.push(path);
            }
            _ => fields.push(path),
        }
    }
}

fn fields_and_enums() -> (Vec<String>, Vec<String>) {
    let messages: Vec<_> = files()
        .into_iter()
        .flat_map(|file| file.message_type)
        .collect();
    let (mut fields, mut enums) = (Vec::new(), Vec::new());
    for request in REQUESTS {
        walk(&messages, request, "", &mut fields, &mut enums);
    }
    (fields, enums)
}

#[test]
fn every_field_of_a_request_has_an_entry() {
    let (fields, _) = fields_and_enums();
    assert!(fields.len() > 40, "{fields:?}");
    for field in fields {
        assert!(source(&field).is_some(), "{field}: add it to FIELDS");
    }
}

#[test]
fn every_value_of_an_enumeration_has_a_word() {
    let (_, enums) = fields_and_enums();
    let all = files().into_iter().flat_map(|file| file.enum_type);
    for one in all.filter(|one| enums.iter().any(|name| name == one.name())) {
        for wire in one.value.iter().map(|value| value.name()) {
            let known = wire.ends_with("_UNSPECIFIED") || value(wire).is_some();
            assert!(
                known,
                "{wire}: add it to VALUES, or to an enumeration of args"
            );
        }
    }
}

#[test]
fn every_rpc_has_a_command() {
    for service in files().into_iter().flat_map(|file| file.service) {
        for method in &service.method {
            let rpc = method.name();
            assert!(command(rpc, true).is_some(), "{rpc}: add it to COMMANDS");
        }
    }
}

#[test]
fn every_flag_of_the_table_can_be_typed() {
    fn has(command: &Command, long: &str) -> bool {
        let mut all = command.get_arguments();
        all.any(|argument| argument.get_long() == Some(long))
            || command.get_subcommands().any(|command| has(command, long))
    }
    for (field, source) in FIELDS {
        if let Source::Flag(flag) = source {
            let long = flag.strip_prefix("--").unwrap();
            assert!(has(&Cli::command(), long), "{field}: {flag}");
        }
    }
}

fn refused(typed: &Typed, violations: &[(&str, &str)]) -> Refused {
    let violation = |&(field, description): &(&str, &str)| Violation {
        field: field.to_owned(),
        description: description.to_owned(),
    };
    let error = ClientError::Rejected(Arc::new(Rejection {
        code: Code::InvalidArgument,
        reason: String::new(),
        message: "the message of the service".to_owned(),
        violations: violations.iter().map(violation).collect(),
        retry_after: None,
    }));
    typed.explain(error.into()).downcast().unwrap()
}

#[test]
fn a_field_is_named_by_what_was_typed() {
    let attribute = |text: &str| text.parse::<WantedAttribute>().unwrap();
    let (present, absent) = ([attribute("Male=9")], [attribute("Bald")]);
    let typed = Typed::attributes(&present, &absent);
    let line = |field, description| refused(&typed, &[(field, description)]).text;
    let cases = [
        ("attributes[0].strength", "expected 4", "Male=9: expected 4"),
        (
            "attributes[1]",
            "contradiction",
            "--not Bald: contradiction",
        ),
        ("attributes", "expected one", "expected one"),
        ("keep[0]", "unknown", "--keep: unknown"),
        ("layers[0]", "unknown", "--layer: unknown"),
        ("settings.inversion.steps", "got 0", "--steps: got 0"),
        ("inversion.regularizers.l2", "got -1", "--l2: got -1"),
        ("target.layer", "unknown", "--layer: unknown"),
        ("a.new.field", "bad", "a.new.field: bad"),
    ];
    for (field, description, expected) in cases {
        assert_eq!(line(field, description), expected);
    }
    let unknown = line("attributes[0].name", "unknown \"Male=9\"");
    assert_eq!(unknown, "unknown \"Male=9\"");
    let hostile = Typed::attributes(&[attribute("a\u{1b}[2J")], &[]);
    let said = refused(&hostile, &[("attributes[0]", "unknown")]).text;
    assert_eq!(said, "a[2J: unknown");
}

#[test]
fn names_of_the_contract_are_replaced_and_quoted_text_is_not() {
    let cases = [
        (
            "METHOD_CGMM_MEAN: use METHOD_REGRESSION.",
            "--method cgmm-mean: use --method regression.",
        ),
        (
            "`completeness` applies only to METHOD_REGRESSION",
            "--completeness applies only to --method regression",
        ),
        (
            "`settings.inversion.steps` and `keep`...",
            "--steps and --keep...",
        ),
        (
            "unknown \"METHOD_CGMM_MEAN\"; ListAttributes lists them",
            "unknown \"METHOD_CGMM_MEAN\"; `deepface attributes` lists them",
        ),
        (
            "Classify takes DATA_TYPE_F16, `Classify` too",
            "Classify takes --type f16, `deepface classify` too",
        ),
        ("expected 0.5 to 4, got é.", "expected 0.5 to 4, got é."),
    ];
    for (theirs, ours) in cases {
        assert_eq!(in_our_words(theirs), ours);
    }
}

#[test]
fn several_violations_are_lines_and_a_flag_is_not_said_twice() {
    let refused = refused(
        &Typed::default(),
        &[
            (
                "settings.target.completeness",
                "`completeness` applies only to METHOD_REGRESSION",
            ),
            ("settings.inversion.steps", "expected 1 to 5000, got 0"),
        ],
    );
    assert_eq!(
        refused.text,
        "--completeness applies only to --method regression\n  --steps: expected 1 to 5000, got 0"
    );
    assert!(refused.typed);
}

#[test]
fn the_content_of_a_file_was_not_typed() {
    let files = [&PathBuf::from("a.png"), &PathBuf::from("b.png")];
    let both = refused(
        &Typed::images(&files),
        &[("second.encoded", "expected PNG")],
    );
    assert_eq!(
        (both.text.as_str(), both.typed),
        ("b.png: expected PNG", false)
    );
    let unnamed = refused(&Typed::default(), &[("images[0]", "no face was found")]);
    assert_eq!(
        (unnamed.text.as_str(), unnamed.typed),
        ("no face was found", false)
    );
}
