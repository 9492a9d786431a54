//! Who knows the loss of an image and its gradient. The generator does not: it asks.

use deepface_client::{ClientError, DifferentiateStream};
use deepface_proto::{Array, TensorError};

/// The loss of an image and its gradient with respect to the pixels.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The loss.
    pub loss: f64,
    /// `[3, S, S]`.
    pub gradient: Vec<f32>,
}

/// Something that evaluates images.
pub trait Oracle: Send {
    /// Why it could not.
    type Error: Send;

    /// Evaluates pixels, `[3, S, S]`, 0 to 1.
    fn evaluate(
        &mut self,
        pixels: Vec<f32>,
    ) -> impl Future<Output = Result<Evaluation, Self::Error>> + Send;
}

/// The classifier service, over one Differentiate stream: one round trip an image.
#[derive(Debug)]
pub struct GrpcOracle {
    stream: DifferentiateStream,
    side: usize,
}

impl GrpcOracle {
    /// Evaluates images of `side` pixels over an open stream.
    pub fn new(stream: DifferentiateStream, side: usize) -> Self {
        Self { stream, side }
    }
}

/// Why the classifier's answer is of no use.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OracleError {
    /// There was none.
    #[error(transparent)]
    Call(#[from] ClientError),
    /// It breaks the contract.
    #[error("the classifier's reply breaks the contract: {0}")]
    Reply(String),
}

impl From<TensorError> for OracleError {
    fn from(error: TensorError) -> Self {
        Self::Reply(format!("gradient: {error}"))
    }
}

impl Oracle for GrpcOracle {
    type Error = OracleError;

    async fn evaluate(&mut self, pixels: Vec<f32>) -> Result<Evaluation, OracleError> {
        let size = pixels.len();
        let image = Array {
            shape: vec![3, self.side, self.side],
            data: pixels,
        };
        let reply = self.stream.step(&image, &[]).await?;
        let loss = reply.losses.first().map(|l| l.total);
        let gradient = reply.gradient.as_ref().map(Array::try_from).transpose()?;
        match (loss, gradient) {
            (Some(loss), Some(gradient)) if gradient.data.len() == size && loss.is_finite() => {
                Ok(Evaluation {
                    loss,
                    gradient: gradient.data,
                })
            }
            _ => Err(OracleError::Reply(
                "expected a finite loss and a gradient of the image's shape".into(),
            )),
        }
    }
}
