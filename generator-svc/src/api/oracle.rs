//! The classifier service as the oracle of a descent.

use std::time::{Duration, Instant};

use deepface_client::{ClientError, DurableDifferentiate};
use deepface_proto::{Array, TensorError, v1::DifferentiateResponse};

use crate::inversion::{Evaluation, Oracle};
use crate::metrics::GENERATOR;

/// The classifier service, over one Differentiate stream: one round trip an image. The stream is opened again when it
/// breaks.
#[derive(Debug)]
pub struct GrpcOracle {
    stream: DurableDifferentiate,
    side: usize,
    time: Duration,
}

impl GrpcOracle {
    /// Evaluates images of `side` pixels over an open stream.
    pub fn new(stream: DurableDifferentiate, side: usize) -> Self {
        Self {
            stream,
            side,
            time: Duration::ZERO,
        }
    }

    /// Ends the stream, which is not reset, after the last evaluation. Gives the time spent on round trips.
    pub fn finish(&mut self) -> Duration {
        self.stream.finish();
        self.time
    }
}

/// Why there is no evaluation from the classifier.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OracleError {
    /// The call failed.
    #[error(transparent)]
    Call(#[from] ClientError),
    /// The reply breaks the contract.
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
        let (before, reopened) = (Instant::now(), self.stream.reopened());
        let reply = self.stream.step(&image, &[]).await;
        let resumes = self.stream.reopened() - reopened;
        GENERATOR.reopened.inc_by(resumes.into());
        self.time += before.elapsed();
        read(&reply?, size)
    }
}

/// The evaluation in a reply for an image of `size` values. Only finite numbers may enter the descent.
fn read(reply: &DifferentiateResponse, size: usize) -> Result<Evaluation, OracleError> {
    let terms = reply.losses.first().map(|l| l.terms.clone());
    let gradient = reply.gradient.as_ref().map(Array::try_from).transpose()?;
    match (terms, gradient) {
        (Some(terms), Some(Array { data: gradient, .. }))
            // Decoding refuses gradients that are not finite.
            if !terms.is_empty()
                && terms.iter().all(|t| t.is_finite())
                && gradient.len() == size =>
        {
            Ok(Evaluation { terms, gradient })
        }
        _ => Err(OracleError::Reply(
            "expected a finite loss and a finite gradient of the image's shape".into(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use deepface_proto::v1::{DataType, Loss};

    use super::*;

    fn reply(total: f64, gradient: &[f32]) -> DifferentiateResponse {
        let array = Array {
            shape: vec![gradient.len()],
            data: gradient.to_vec(),
        };
        let terms = vec![total];
        DifferentiateResponse {
            losses: vec![Loss { total, terms }],
            gradient: Some(array.to_tensor(DataType::F32)),
            ..Default::default()
        }
    }

    #[test]
    fn only_finite_replies_of_the_right_size_go_on() {
        let good = read(&reply(0.5, &[1.0, -2.0]), 2).unwrap();
        assert_eq!((good.terms, good.gradient), (vec![0.5], vec![1.0, -2.0]));
        for bad in [
            reply(f64::INFINITY, &[1.0, 2.0]),
            reply(0.5, &[1.0, f32::NAN]),
            reply(0.5, &[1.0]),
            DifferentiateResponse::default(),
        ] {
            assert!(read(&bad, 2).is_err(), "{bad:?}");
        }
    }
}
