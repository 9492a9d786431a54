//! Inputs, whether raw or in the field of their type.

use std::collections::HashMap;

use deepface_proto::inference::{InferParameter, InferTensorContents, ModelInferRequest};
use deepface_proto::v1::{DataType, Tensor};
use deepface_serve::{Violations, quote};

/// Bytes of the length before an element of BYTES.
const LENGTH: usize = 4;

/// An input. Whether its elements fit its shape is checked when they are read.
#[derive(Debug)]
pub(super) struct Input {
    /// Where it was in the request: `inputs[2]`.
    pub(super) field: String,
    pub(super) name: String,
    pub(super) datatype: String,
    pub(super) shape: Vec<i64>,
    pub(super) parameters: HashMap<String, InferParameter>,
    contents: Contents,
}

#[derive(Debug)]
enum Contents {
    Raw(Vec<u8>),
    Typed(InferTensorContents),
}

/// Takes the inputs out of a request.
///
/// # Errors
/// There are not as many raw contents as inputs, or an input has its elements twice, or two have one name.
pub(super) fn inputs(request: &mut ModelInferRequest) -> Result<Vec<Input>, Violations> {
    let mut violations = Violations::new();
    let (inputs, raw) = (
        std::mem::take(&mut request.inputs),
        std::mem::take(&mut request.raw_input_contents),
    );
    if !raw.is_empty() && raw.len() != inputs.len() {
        let (expected, got) = (inputs.len(), raw.len());
        violations.add(
            "raw_input_contents",
            format_args!("expected one per input, {expected}, or none, got {got}"),
        );
    }
    let mut raw = raw.into_iter();
    let mut all: Vec<Input> = Vec::new();
    for (i, input) in inputs.into_iter().enumerate() {
        let field = format!("inputs[{i}]");
        if all.iter().any(|known| known.name == input.name) {
            let repeated = format_args!("{} is repeated", quote(&input.name));
            violations.add(format!("{field}.name"), repeated);
        }
        let contents = match (raw.next(), input.contents) {
            (Some(_), Some(_)) => {
                violations.add(
                    format!("{field}.contents"),
                    "expected none beside `raw_input_contents`",
                );
                continue;
            }
            (Some(raw), None) => Contents::Raw(raw),
            (None, typed) => Contents::Typed(typed.unwrap_or_default()),
        };
        all.push(Input {
            field,
            name: input.name,
            datatype: input.datatype,
            shape: input.shape,
            parameters: input.parameters,
            contents,
        });
    }
    violations.or(all)
}

impl Input {
    /// The numbers as a tensor of our own contract, which is checked as every other one.
    ///
    /// # Errors
    /// The type is another than FP32, FP16, BF16 or UINT8, or an element of UINT8 is beyond 255.
    pub(super) fn tensor(self) -> Result<Tensor, Violations> {
        let wrong = |what: String| Violations::one(format!("{}.datatype", self.field), what);
        let (data_type, data) = match (self.datatype.as_str(), self.contents) {
            ("FP32", Contents::Raw(data)) => (DataType::F32, data),
            ("FP16", Contents::Raw(data)) => (DataType::F16, data),
            ("BF16", Contents::Raw(data)) => (DataType::Bf16, data),
            ("UINT8", Contents::Raw(data)) => (DataType::U8, data),
            ("FP32", Contents::Typed(contents)) => {
                let values = contents.fp32_contents.iter();
                (
                    DataType::F32,
                    values.flat_map(|x| x.to_le_bytes()).collect(),
                )
            }
            ("UINT8", Contents::Typed(contents)) => {
                let bytes = contents.uint_contents.iter().map(|&x| u8::try_from(x));
                let bytes: Result<Vec<u8>, _> = bytes.collect();
                let bytes = bytes.map_err(|_| {
                    let field = format!("{}.contents.uint_contents", self.field);
                    Violations::one(field, "expected 0 to 255 in UINT8")
                });
                (DataType::U8, bytes?)
            }
            ("FP16" | "BF16", Contents::Typed(_)) => {
                let datatype = &self.datatype;
                return Err(wrong(format!(
                    "{datatype} has no typed contents; expected FP32, or raw contents"
                )));
            }
            (other, _) => {
                return Err(wrong(format!(
                    "expected FP32, FP16, BF16 or UINT8, got {}",
                    quote(other)
                )));
            }
        };
        Ok(Tensor {
            data_type: data_type.into(),
            shape: self.shape,
            data,
        })
    }

    /// The elements of BYTES, of shape `[N]` or `[N, 1]`.
    ///
    /// # Errors
    /// It has another type, another number of elements, or lengths that do not add up.
    pub(super) fn elements(self) -> Result<Vec<Vec<u8>>, Violations> {
        let Self {
            field,
            datatype,
            shape,
            contents,
            ..
        } = self;
        if datatype != "BYTES" {
            let wrong = format_args!("expected BYTES, got {}", quote(&datatype));
            return Err(Violations::one(format!("{field}.datatype"), wrong));
        }
        let elements = match contents {
            Contents::Typed(contents) => contents.bytes_contents,
            Contents::Raw(raw) => split(&raw).ok_or_else(|| {
                Violations::one(
                    field.clone(),
                    "expected elements after their lengths in 4 bytes, little-endian",
                )
            })?,
        };
        let n = i64::try_from(elements.len()).unwrap_or(i64::MAX);
        if shape == [n] || shape == [n, 1] {
            return Ok(elements);
        }
        let head: Vec<_> = shape.iter().take(4).collect();
        let wrong = format_args!("expected [{n}] for {n} elements, got {head:?}");
        Err(Violations::one(format!("{field}.shape"), wrong))
    }
}

/// The elements behind their lengths; `None` where the bytes end within one.
fn split(mut raw: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut elements = Vec::new();
    while !raw.is_empty() {
        let (length, rest) = raw.split_first_chunk::<LENGTH>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (element, rest) = rest.split_at_checked(length)?;
        elements.push(element.to_vec());
        raw = rest;
    }
    Some(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(datatype: &str, shape: &[i64], contents: Contents) -> Input {
        Input {
            field: "inputs[0]".into(),
            name: "image".into(),
            datatype: datatype.into(),
            shape: shape.into(),
            parameters: HashMap::new(),
            contents,
        }
    }

    #[test]
    fn raw_and_typed_elements_are_the_same() {
        let typed = InferTensorContents {
            fp32_contents: vec![0.5, -2.0],
            uint_contents: vec![0, 255],
            bytes_contents: vec![b"fc7".to_vec(), Vec::new()],
            ..Default::default()
        };
        let halves = [0.5_f32, -2.0].map(f32::to_le_bytes).concat();
        let strings = b"\x03\0\0\0fc7\0\0\0\0".to_vec();
        for (datatype, raw) in [("FP32", halves), ("UINT8", vec![0, 255])] {
            let [raw, typed] = [Contents::Raw(raw), Contents::Typed(typed.clone())]
                .map(|contents| input(datatype, &[2], contents).tensor().unwrap());
            assert_eq!(raw, typed);
        }
        let [raw, typed] = [Contents::Raw(strings), Contents::Typed(typed)]
            .map(|contents| input("BYTES", &[2], contents).elements().unwrap());
        assert_eq!(raw, typed);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let raw = |bytes: &[u8]| Contents::Raw(bytes.into());
        let fields = |wrong: Violations| -> Vec<String> {
            wrong.iter().map(|(field, _)| field.to_owned()).collect()
        };
        let cut = input("BYTES", &[1], raw(b"\x03\0\0\0fc")).elements();
        assert_eq!(fields(cut.unwrap_err()), ["inputs[0]"]);
        let short = input("BYTES", &[1], raw(b"\x03\0")).elements();
        assert_eq!(fields(short.unwrap_err()), ["inputs[0]"]);
        let many = input("BYTES", &[2], raw(b"\x01\0\0\0x")).elements();
        assert_eq!(fields(many.unwrap_err()), ["inputs[0].shape"]);
        for datatype in ["INT64", "", "BYTES"] {
            let wrong = input(datatype, &[1], raw(b"")).tensor().unwrap_err();
            assert_eq!(fields(wrong), ["inputs[0].datatype"]);
        }
    }
}
