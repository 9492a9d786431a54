//! Requests as JSON: the mapping of the contract, as `grpcurl -d` takes it.

use deepface_proto::{FILE_DESCRIPTOR_SET, v1};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

/// Why a request cannot be read from JSON, or written as JSON.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct JsonError {
    /// Name of the message.
    name: &'static str,
    /// What is wrong.
    problem: String,
}

/// A message that can be kept as JSON.
pub trait Json: Message + Default {
    /// Its name in the contract.
    const NAME: &'static str;

    /// The message as canonical JSON. Fields that are not set are left out.
    ///
    /// # Errors
    /// A number is not finite.
    fn to_json(&self) -> Result<String, JsonError> {
        let descriptor = descriptor(Self::NAME)?;
        let message = DynamicMessage::decode(descriptor, &self.encode_to_vec()[..]);
        let message = message.map_err(|problem| wrong(Self::NAME, &problem))?;
        serde_json::to_string(&message).map_err(|problem| wrong(Self::NAME, &problem))
    }

    /// Reads a message from JSON.
    ///
    /// # Errors
    /// The text is not JSON, or has a field or a value that the contract lacks.
    fn from_json(text: &str) -> Result<Self, JsonError> {
        let descriptor = descriptor(Self::NAME)?;
        let mut reader = serde_json::Deserializer::from_str(text);
        let message = DynamicMessage::deserialize(descriptor, &mut reader);
        let message = message.map_err(|problem| wrong(Self::NAME, &problem))?;
        let end = reader.end();
        end.map_err(|problem| wrong(Self::NAME, &problem))?;
        Self::decode(&message.encode_to_vec()[..]).map_err(|problem| wrong(Self::NAME, &problem))
    }
}

impl Json for v1::GenerateRequest {
    const NAME: &'static str = "deepface.v1.GenerateRequest";
}

impl Json for v1::InvertRequest {
    const NAME: &'static str = "deepface.v1.InvertRequest";
}

impl Json for v1::GenerationSettings {
    const NAME: &'static str = "deepface.v1.GenerationSettings";
}

fn descriptor(name: &'static str) -> Result<MessageDescriptor, JsonError> {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET);
    let pool = pool.map_err(|problem| wrong(name, &problem))?;
    let descriptor = pool.get_message_by_name(name);
    descriptor.ok_or_else(|| wrong(name, &"not in the contract"))
}

fn wrong(name: &'static str, problem: &dyn std::fmt::Display) -> JsonError {
    JsonError {
        name,
        problem: problem.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives_as_json() {
        let mut request = v1::GenerateRequest::of(["Male"])
            .without(["5 o' Clock Shadow"])
            .keeping(["Smiling"])
            .with_seed(u64::MAX)
            .with_inversion(v1::InversionSettings {
                steps: Some(0),
                learning_rate: Some(0.1),
                optimizer: v1::Optimizer::Sgd.into(),
                ..Default::default()
            });
        request.attributes[0].strength = Some(1.0 / 3.0);
        let text = request.to_json().unwrap();
        assert_eq!(v1::GenerateRequest::from_json(&text).unwrap(), request);
        for part in [
            r#""seed":"18446744073709551615""#,
            r#""steps":0"#,
            r#""optimizer":"OPTIMIZER_SGD""#,
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(v1::GenerateRequest::default().to_json().unwrap(), "{}");
    }

    #[test]
    fn what_the_contract_lacks_is_refused() {
        let refused = |text: &str| {
            v1::GenerateRequest::from_json(text)
                .unwrap_err()
                .to_string()
        };
        for text in ["", "[]", "{", "{} {}", r#"{"seed":"x"}"#, r#"{"seed":-1}"#] {
            refused(text);
        }
        let said = refused(r#"{"colour": "red"}"#);
        assert!(said.contains("colour"), "{said}");
    }
}
