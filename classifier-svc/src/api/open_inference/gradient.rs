//! Model "vgg.grad": the loss of images and its gradient with respect to them.

use std::mem::take;

use deepface_proto::inference::{ModelInferRequest, infer_parameter::ParameterChoice};
use deepface_proto::v1::{self, objective::Term};
use deepface_serve::{Violations, quote};
use tonic::Request;

use super::metadata::{COTANGENT, IMAGE, LAYER, LOSS, TARGET};
use super::outputs::{Output, Values};
use super::tensors::Input;
use crate::api::status::Refusal;
use crate::api::{Classifier, differentiate};

/// The parameter that says whether to divide the distance by the target's squared norm.
const NORMALIZED: &str = "normalized";

/// Computes the wanted outputs.
pub(super) async fn infer(
    api: &Classifier,
    request: Request<ModelInferRequest>,
    inputs: Vec<Input>,
    wanted: &[String],
) -> Result<Vec<Output>, Refusal> {
    let Asked {
        setup,
        step,
        fields,
    } = asked(request.get_ref(), inputs)?;
    let request = request.map(|_| (setup, step));
    let reply = differentiate::once(api, request).await;
    let reply = reply.map_err(|mut refusal| {
        for (ours, theirs) in &fields {
            refusal = refusal.renamed(ours, theirs);
        }
        refusal
    })?;
    let mut gradient = reply.gradient.unwrap_or_default();
    let mut losses: Vec<f64> = reply.losses.iter().map(|loss| loss.total).collect();
    let n = losses.len() as i64;
    // No output is wanted twice.
    let output = |name: &String| {
        let (shape, values) = match name.as_str() {
            LOSS => (vec![n], Values::Doubles(take(&mut losses))),
            _ => (
                take(&mut gradient.shape),
                Values::FloatBytes(take(&mut gradient.data)),
            ),
        };
        Output {
            name: name.clone(),
            shape,
            values,
        }
    };
    Ok(wanted.iter().map(output).collect())
}

/// A request in our own contract.
struct Asked {
    setup: v1::DifferentiateSetup,
    step: v1::DifferentiateStep,
    /// Names of fields there, and of those of the request.
    fields: [(String, String); 3],
}

/// What the loss is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// The distance to a target.
    Distance,
    /// The product with a cotangent.
    Product,
}

impl Loss {
    /// Its fields in our own contract: the term, and its tensor.
    fn fields(self) -> (&'static str, &'static str) {
        match self {
            Self::Distance => ("squared_distance", TARGET),
            Self::Product => ("vector_jacobian_product", COTANGENT),
        }
    }

    fn term(self, layer: String, tensor: v1::Tensor, normalized: bool) -> Term {
        match self {
            Self::Distance => Term::SquaredDistance(v1::SquaredDistance {
                layer,
                target: Some(tensor),
                normalized,
            }),
            Self::Product => Term::VectorJacobianProduct(v1::VectorJacobianProduct {
                layer,
                cotangent: Some(tensor),
            }),
        }
    }
}

fn asked(request: &ModelInferRequest, inputs: Vec<Input>) -> Result<Asked, Violations> {
    let mut violations = Violations::new();
    let (mut image, mut layer, mut to) = (None, None, None);
    for input in inputs {
        let place = match input.name.as_str() {
            IMAGE => &mut image,
            LAYER => &mut layer,
            TARGET | COTANGENT if to.is_none() => &mut to,
            other => {
                let wrong = format_args!(
                    "expected {IMAGE:?}, {LAYER:?}, and {TARGET:?} or {COTANGENT:?}, got {}",
                    quote(other)
                );
                violations.add(format!("{}.name", input.field), wrong);
                continue;
            }
        };
        *place = Some(input);
    }
    let normalized = normalized(request).unwrap_or_else(|wrong| {
        violations.extend(wrong);
        true
    });
    let (Some(image), Some(layer), Some(to)) = (image, layer, to) else {
        let wrong = format_args!(
            "expected {IMAGE:?}, {LAYER:?}, and {TARGET:?} or {COTANGENT:?}, of which some are missing"
        );
        violations.add("inputs", wrong);
        return Err(violations);
    };
    violations.or(())?;
    let loss = match to.name == TARGET {
        true => Loss::Distance,
        false => Loss::Product,
    };
    let (term, tensor) = loss.fields();
    let term = format!("setup.objectives[0].{term}");
    let fields = [
        ("step.image".to_owned(), image.field.clone()),
        (format!("{term}.layer"), layer.field.clone()),
        (format!("{term}.{tensor}"), to.field.clone()),
    ];
    let term = loss.term(name(layer)?, to.tensor()?, normalized);
    Ok(Asked {
        setup: v1::DifferentiateSetup {
            objectives: vec![v1::Objective {
                weight: None,
                term: Some(term),
            }],
            model_digest: String::new(),
        },
        step: v1::DifferentiateStep {
            image: Some(image.tensor()?),
            ..Default::default()
        },
        fields,
    })
}

/// The only element of an input, a text.
fn name(input: Input) -> Result<String, Violations> {
    let field = input.field.clone();
    let elements = input.elements()?;
    let n = elements.len();
    let only = <[Vec<u8>; 1]>::try_from(elements).ok();
    let text = only.and_then(|[text]| String::from_utf8(text).ok());
    text.ok_or_else(|| {
        let wrong = format_args!("expected one element, the name of a layer, got {n} elements");
        Violations::one(field, wrong)
    })
}

fn normalized(request: &ModelInferRequest) -> Result<bool, Violations> {
    let mut normalized = true;
    for (name, parameter) in &request.parameters {
        match parameter.parameter_choice {
            Some(ParameterChoice::BoolParam(said)) if name == NORMALIZED => normalized = said,
            _ => {
                let got = quote(name);
                let wrong = format_args!("expected {NORMALIZED:?} alone, true or false, got {got}");
                return Err(Violations::one("parameters", wrong));
            }
        }
    }
    Ok(normalized)
}
