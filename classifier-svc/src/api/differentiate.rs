//! Differentiate: a stream of images in, a stream of gradients out.

use std::sync::Arc;
use std::time::Instant;

use deepface_proto::v1::differentiate_request::Message;
use deepface_proto::v1::{self, DataType};
use deepface_proto::{Array, position, v1::DifferentiateResponse};
use deepface_serve::{Held, Violations};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::{timeout, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, Streaming};
use tracing::Instrument;

use super::status::{Refusal, check_network};
use super::{Classifier, Limits, layers, objectives, timing};
use crate::batch::{Call, EngineError, Stream};
use deepface_network::{Differentiated, ModelInfo, Objective};

/// Steps of one stream that are computed or waiting: while one is in the network the next can arrive.
const IN_FLIGHT: usize = 2;

/// Largest magnitude of a pixel. Some descents stray far from 0 to 1; what is much larger would overflow within the
/// network.
const MAX_PIXEL: f32 = 1e6;

type Reply = Result<DifferentiateResponse, Status>;

/// Opens a stream. It runs in a task of its own, so that a client that does not read cannot hold it forever.
pub(super) fn differentiate(
    api: &Classifier,
    request: Request<Streaming<v1::DifferentiateRequest>>,
) -> Result<ReceiverStream<Reply>, Refusal> {
    let session = Session::of(api, &request)?;
    let (replies, outbound) = mpsc::channel(1);
    tokio::spawn(session.run(request.into_inner(), replies).in_current_span());
    Ok(ReceiverStream::new(outbound))
}

/// The answer to one step, without a stream.
pub(super) async fn once(
    api: &Classifier,
    request: Request<(v1::DifferentiateSetup, v1::DifferentiateStep)>,
) -> Result<DifferentiateResponse, Refusal> {
    let session = Session::of(api, &request)?;
    let (setup, step) = request.into_inner();
    let [setup, step] =
        [Message::Setup(setup), Message::Step(step)].map(|message| v1::DifferentiateRequest {
            message: Some(message),
        });
    let setup = session.setup(setup)?;
    let answer = session.step(step, &setup.objectives);
    let answer = timeout_at(session.call.deadline.at(), answer).await;
    answer.unwrap_or(Err(EngineError::Expired.into()))
}

/// One stream.
struct Session {
    api: Classifier,
    info: Arc<ModelInfo>,
    call: Call,
    stream: Stream,
}

/// What a stream asks for, and the place that it takes.
struct Setup {
    objectives: Arc<[Objective]>,
    _held: [Held; 2],
}

impl Session {
    fn of<T>(api: &Classifier, request: &Request<T>) -> Result<Self, EngineError> {
        let call = api.call(request);
        Ok(Self {
            info: api.engine.info()?,
            stream: api.engine.stream(call.clone()),
            api: api.clone(),
            call,
        })
    }

    /// Serves the stream to its end, at the latest its deadline, and reports why it ended if the client did not end it.
    async fn run(self, inbound: Streaming<v1::DifferentiateRequest>, replies: mpsc::Sender<Reply>) {
        let served = tokio::select! {
            // The client is gone: dropping the steps takes them out of the queue.
            () = replies.closed() => return,
            served = timeout_at(self.call.deadline.at(), self.serve(inbound, &replies)) => served,
        };
        let Err(refusal) = served.unwrap_or(Err(EngineError::Expired.into())) else {
            return;
        };
        // A client that does not read its replies will not read this one.
        timeout(self.api.limits.idle, replies.send(Err(refusal.into())))
            .await
            .ok();
    }

    async fn serve(
        &self,
        mut inbound: Streaming<v1::DifferentiateRequest>,
        replies: &mpsc::Sender<Reply>,
    ) -> Result<(), Refusal> {
        let idle = self.api.limits.idle;
        let first = timeout(idle, inbound.message()).await;
        let first = first.map_err(|_| Refusal::Silent(idle))?;
        let Some(first) = first.map_err(Refusal::Broken)? else {
            return Ok(());
        };
        let setup = self.setup(first)?;
        let mut steps = FuturesOrdered::new();
        let mut open = true;
        while open || !steps.is_empty() {
            tokio::select! {
                Some(reply) = steps.next() => self.send(replies, reply?).await?,
                message = inbound.message(), if open && steps.len() < IN_FLIGHT => {
                    match message.map_err(Refusal::Broken)? {
                        Some(message) => steps.push_back(self.step(message, &setup.objectives)),
                        None => open = false,
                    }
                }
                // Only a stream that waits for its client can be idle.
                () = tokio::time::sleep(idle), if steps.is_empty() => {
                    return Err(Refusal::Silent(idle));
                }
            }
        }
        Ok(())
    }

    /// A stream takes a place once it says what for: one that is silent costs nothing.
    fn setup(&self, first: v1::DifferentiateRequest) -> Result<Setup, Refusal> {
        let bytes = first.encoded_len();
        let got = match first.message {
            Some(Message::Setup(setup)) => {
                check_network(&self.info, "setup.model_digest", &setup.model_digest)?;
                let Limits {
                    objectives,
                    streams,
                    ..
                } = self.api.limits;
                let place = self.api.streams.hold(&self.call.caller, 1);
                let memory = self.api.memory.hold(&self.call.caller, bytes);
                return Ok(Setup {
                    _held: [
                        place.map_err(|_| Refusal::Streams(streams))?,
                        memory.map_err(|_| Refusal::Memory)?,
                    ],
                    objectives: objectives::objectives(&self.info, setup, objectives)?,
                });
            }
            Some(Message::Step(_)) => "a step",
            None => "an empty message",
        };
        Err(Violations::one(
            "message",
            format_args!("expected a setup as the first message, got {got}"),
        )
        .into())
    }

    /// Computes the answer to one message.
    async fn step(
        &self,
        message: v1::DifferentiateRequest,
        objectives: &Arc<[Objective]>,
    ) -> Result<DifferentiateResponse, Refusal> {
        let arrived = Instant::now();
        let got = match message.message {
            Some(Message::Step(step)) => {
                return self.differentiate(arrived, step, objectives).await;
            }
            Some(Message::Setup(_)) => "a second setup",
            None => "an empty message",
        };
        let wrong = format_args!("expected a step after the setup, got {got}");
        Err(Violations::one("message", wrong).into())
    }

    async fn differentiate(
        &self,
        arrived: Instant,
        step: v1::DifferentiateStep,
        objectives: &Arc<[Objective]>,
    ) -> Result<DifferentiateResponse, Refusal> {
        let (image, n) = self.image(step.image.as_ref())?;
        self.call.allowance.take((image.data.len() / 3) as u64)?;
        let field = "step.return_layers";
        let returned = layers::indices(&self.info, &step.return_layers, field)?;
        let gradient_bytes = 4 * image.data.len();
        let (reply, parts) = ((n, &*returned), (4, gradient_bytes));
        layers::check_reply(&self.info, &self.api.limits, reply, parts, field)?;

        let (engine, objectives) = (&self.api.engine, objectives.clone());
        let done = engine.differentiate(&self.stream, image.data, objectives, returned.clone());
        let done = done.await?;
        check_finite(n, &done.value)?;
        let gradient = Array {
            shape: image.shape,
            data: done.value.gradient,
        };
        let activations = done.value.activations;
        Ok(DifferentiateResponse {
            id: step.id,
            losses: done.value.losses.into_iter().map(loss).collect(),
            gradient: Some(gradient.to_tensor(DataType::F32)),
            activations: layers::to_wire(&self.info, &returned, n, activations, DataType::F32),
            timing: Some(timing(arrived, done.compute)),
            model_digest: self.info.digest.clone(),
        })
    }

    /// The pixels of a step and the number of its images.
    fn image(&self, wire: Option<&v1::Tensor>) -> Result<(Array, usize), Violations> {
        let field = "step.image";
        if let Some(t) = wire
            && t.data_type != i32::from(DataType::F32)
        {
            let got = DataType::try_from(t.data_type).map_or("unknown", |d| d.as_str_name());
            return Err(Violations::one(
                format!("{field}.data_type"),
                format_args!("expected DATA_TYPE_F32, got {got} ({})", t.data_type),
            ));
        }
        let array = layers::tensor(wire, field)?;
        let (side, most) = (self.info.input_size, self.api.limits.images);
        let n = match *array.shape.as_slice() {
            [3, h, w] if h == side && w == side => 1,
            [n, 3, h, w] if h == side && w == side && n <= most => n,
            _ => {
                return Err(Violations::one(
                    format!("{field}.shape"),
                    format_args!(
                        "expected [3, {side}, {side}] or [N, 3, {side}, {side}] with N up to {most}, got {:?}",
                        array.shape
                    ),
                ));
            }
        };
        layers::bounded(&array, MAX_PIXEL, field)?;
        Ok((array, n))
    }

    async fn send(
        &self,
        replies: &mpsc::Sender<Reply>,
        reply: DifferentiateResponse,
    ) -> Result<(), Refusal> {
        let idle = self.api.limits.idle;
        let sent = timeout(idle, replies.send(Ok(reply))).await;
        // The caller of this function notices when the client is gone.
        sent.map(|_| ()).map_err(|_| Refusal::Unread(idle))
    }
}

/// Refuses images whose loss, gradient or activations are not finite in spite of all bounds: a reply is always finite.
/// Only the image can be the cause: the model is tried out when it is loaded, and the setup has bounds.
fn check_finite(n: usize, done: &Differentiated) -> Result<(), Violations> {
    let mut violations = Violations::new();
    for i in 0..n {
        let finite = |all: &Vec<f32>| {
            let size = all.len() / n;
            position(&all[i * size..][..size], |x| !x.is_finite()).is_none()
        };
        // The sum may overflow even if every term is finite.
        let loss: f64 = done.losses[i].iter().sum();
        if !(loss.is_finite() && finite(&done.gradient) && done.activations.iter().all(finite)) {
            violations.add(
                "step.image",
                format_args!(
                    "image {i}: its loss, gradient or activations are not finite; expected values of about 0 to 1"
                ),
            );
        }
    }
    violations.or(())
}

fn loss(terms: Vec<f64>) -> v1::Loss {
    v1::Loss {
        total: terms.iter().sum(),
        terms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finite_results_are_sent() {
        let good = Differentiated {
            losses: vec![vec![1.0, 2.0], vec![3.0, 4.0]],
            gradient: vec![0.5; 6],
            activations: vec![vec![1.0; 4], vec![2.0; 2]],
        };
        assert!(check_finite(2, &good).is_ok());
        let refused = |change: fn(&mut Differentiated)| {
            let mut bad = good.clone();
            change(&mut bad);
            let violations = check_finite(2, &bad).unwrap_err();
            violations
                .iter()
                .map(|(f, d)| format!("{f}: {d}"))
                .collect()
        };
        let cases: [Vec<String>; 4] = [
            refused(|d| d.losses[1] = vec![f64::MAX, f64::MAX]),
            refused(|d| d.gradient[3] = f32::NAN),
            refused(|d| d.activations[0][2] = f32::INFINITY),
            refused(|d| d.activations[1][1] = f32::NEG_INFINITY),
        ];
        for said in cases {
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(said[0].starts_with("step.image: image 1: "), "{said:?}");
        }
    }
}
