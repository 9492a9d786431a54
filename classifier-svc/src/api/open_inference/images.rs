//! The images of a request.

use std::collections::HashMap;

use deepface_proto::inference::{InferParameter, infer_parameter::ParameterChoice};
use deepface_proto::v1::{self, image::Content};
use deepface_serve::{Violations, quote};

use super::tensors::Input;

/// The parameter that says how the face lies in an encoded image.
const FRAMING: &str = "framing";

/// Parameters of a request or of an input.
type Parameters = HashMap<String, InferParameter>;

/// The images in an input: `[N, 3, height, width]`, or encoded files. Each is checked by whoever uses it. A parameter of
/// the request, which is all that many clients can set, holds unless the input has its own.
///
/// # Errors
/// The input has another shape, or parameters that are not known.
pub(super) fn images(input: Input, of_request: &Parameters) -> Result<Vec<v1::Image>, Violations> {
    let own = format!("{}.parameters", input.field);
    let of_input = framing(&input.parameters, &own)?;
    let of_request = framing(of_request, "parameters")?;
    let (place, framing) = match of_input {
        v1::Framing::Unspecified => ("parameters", of_request),
        _ => (own.as_str(), of_input),
    };
    if input.datatype == "BYTES" {
        let files = input.elements()?.into_iter();
        return Ok(files
            .map(|file| image(Content::Encoded(file), framing))
            .collect());
    }
    if framing != v1::Framing::Unspecified {
        let wrong = "applies only to encoded images: numbers are the pixels of faces";
        return Err(Violations::one(format!("{place}.{FRAMING}"), wrong));
    }
    let field = input.field.clone();
    let tensor = input.tensor()?;
    let wrong = || {
        let head: Vec<_> = tensor.shape.iter().take(8).collect();
        let wrong = format_args!("expected [N, 3, height, width], N at least 1, got {head:?}");
        Violations::one(format!("{field}.shape"), wrong)
    };
    let &[n, ref shape @ ..] = &tensor.shape[..] else {
        return Err(wrong());
    };
    let n = usize::try_from(n)
        .ok()
        .filter(|&n| n > 0 && shape.len() == 3);
    let n = n.ok_or_else(wrong)?;
    if tensor.data.is_empty() || !tensor.data.len().is_multiple_of(n) {
        let got = tensor.data.len();
        let wrong = format_args!("expected the elements of {n} images, got {got} bytes");
        return Err(Violations::one(field, wrong));
    }
    let of_one = tensor.data.chunks_exact(tensor.data.len() / n);
    let tensors = of_one.map(|data| v1::Tensor {
        data_type: tensor.data_type,
        shape: shape.to_vec(),
        data: data.to_vec(),
    });
    Ok(tensors
        .map(|tensor| image(Content::Tensor(tensor), framing))
        .collect())
}

fn image(content: Content, framing: v1::Framing) -> v1::Image {
    v1::Image {
        content: Some(content),
        framing: framing.into(),
        face: None,
    }
}

/// The framing that these parameters name, in this field of the request.
fn framing(parameters: &Parameters, field: &str) -> Result<v1::Framing, Violations> {
    let mut framing = v1::Framing::Unspecified;
    for (name, parameter) in parameters {
        let text = match &parameter.parameter_choice {
            Some(ParameterChoice::StringParam(text)) if name == FRAMING => text,
            Some(_) | None if name == FRAMING => "another type",
            _ => {
                let wrong = format_args!("expected {FRAMING:?} alone, got {}", quote(name));
                return Err(Violations::one(field, wrong));
            }
        };
        framing = v1::Framing::from_str_name(text).ok_or_else(|| {
            let got = quote(text);
            let wrong =
                format_args!("expected FRAMING_ALIGNED, FRAMING_FACE or FRAMING_DETECT, got {got}");
            Violations::one(format!("{field}.{FRAMING}"), wrong)
        })?;
    }
    Ok(framing)
}
