//! Outputs: which are wanted, and their elements, raw or in the field of their type.

use deepface_network::ModelInfo;
use deepface_proto::inference::model_infer_response::InferOutputTensor;
use deepface_proto::inference::{InferTensorContents, ModelInferRequest, ModelInferResponse};
use deepface_serve::{Violations, quote, unknown};

use super::Model;
use super::metadata;

/// The names of the wanted outputs, without repeats.
///
/// # Errors
/// The model does not have one, one is named twice, or one has parameters.
pub(super) fn wanted(
    request: &ModelInferRequest,
    model: Model,
    info: &ModelInfo,
) -> Result<Vec<String>, Violations> {
    let known: Vec<String> = metadata::outputs(model, info)
        .into_iter()
        .map(|output| output.name)
        .collect();
    if request.outputs.is_empty() {
        return Ok(known
            .into_iter()
            .filter(|name| info.layer(name).is_none())
            .collect());
    }
    if request.outputs.len() > known.len() {
        let (most, got) = (known.len(), request.outputs.len());
        let wrong = format_args!("expected at most {most} without repeats, got {got}");
        return Err(Violations::one("outputs", wrong));
    }
    let mut violations = Violations::new();
    let mut names = Vec::new();
    for (i, output) in request.outputs.iter().enumerate() {
        let field = format!("outputs[{i}]");
        if !known.contains(&output.name) {
            let names = known.iter().map(String::as_str);
            let wrong = unknown("output", &output.name, names, "ModelMetadata lists them");
            violations.add(format!("{field}.name"), wrong);
        } else if names.contains(&output.name) {
            let wrong = format_args!("{} is repeated", quote(&output.name));
            violations.add(format!("{field}.name"), wrong);
        }
        if let Some(name) = output.parameters.keys().next() {
            let wrong = format_args!("expected none, got {}", quote(name));
            violations.add(format!("{field}.parameters"), wrong);
        }
        names.push(output.name.clone());
    }
    violations.or(names)
}

/// An output.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) shape: Vec<i64>,
    pub(super) values: Values,
}

/// The elements of an output.
#[derive(Debug)]
pub(super) enum Values {
    Floats(Vec<f32>),
    /// Little-endian f32.
    FloatBytes(Vec<u8>),
    Doubles(Vec<f64>),
    Bools(Vec<bool>),
    Texts(Vec<String>),
}

impl Output {
    /// Adds it to a reply.
    pub(super) fn add_to(self, reply: &mut ModelInferResponse, raw: bool) {
        let datatype = self.values.datatype().to_owned();
        let contents = match raw {
            true => {
                reply.raw_output_contents.push(self.values.raw());
                None
            }
            false => Some(self.values.typed()),
        };
        reply.outputs.push(InferOutputTensor {
            datatype,
            name: self.name,
            shape: self.shape,
            contents,
            ..Default::default()
        });
    }
}

impl Values {
    fn datatype(&self) -> &'static str {
        match self {
            Self::Floats(_) | Self::FloatBytes(_) => "FP32",
            Self::Doubles(_) => "FP64",
            Self::Bools(_) => "BOOL",
            Self::Texts(_) => "BYTES",
        }
    }

    fn raw(self) -> Vec<u8> {
        match self {
            Self::Floats(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::FloatBytes(bytes) => bytes,
            Self::Doubles(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::Bools(values) => values.into_iter().map(u8::from).collect(),
            Self::Texts(texts) => {
                let length = |text: &String| u32::try_from(text.len()).unwrap_or(u32::MAX);
                let element =
                    |text: &String| [&length(text).to_le_bytes()[..], text.as_bytes()].concat();
                texts.iter().flat_map(element).collect()
            }
        }
    }

    fn typed(self) -> InferTensorContents {
        let mut contents = InferTensorContents::default();
        match self {
            Self::Floats(values) => contents.fp32_contents = values,
            Self::FloatBytes(bytes) => {
                let (values, _) = bytes.as_chunks();
                contents.fp32_contents = values.iter().map(|&b| f32::from_le_bytes(b)).collect();
            }
            Self::Doubles(values) => contents.fp64_contents = values,
            Self::Bools(values) => contents.bool_contents = values,
            Self::Texts(texts) => {
                let texts = texts.into_iter();
                contents.bytes_contents = texts.map(String::into_bytes).collect();
            }
        }
        contents
    }
}
