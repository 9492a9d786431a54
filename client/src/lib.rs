//! Client library for the DeepFace services.
//!
//! [`ClassifierClient`] asks a face-attribute network for the attributes of images, its activations, and the gradients
//! of its outputs. [`GeneratorClient`] makes faces from attributes and reports every iterate. Both connect on first use
//! and reconnect after a service restarts. Unary calls are retried where that is safe, every wait has a deadline, and
//! dropping a stream cancels its work.
//!
//! ```no_run
//! use deepface_client::{Event, GeneratorClient, v1::GenerateRequest};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let generator = GeneratorClient::connect_lazy("http://localhost:50052")?;
//! let request = GenerateRequest::of(["Male", "Smiling"]).without(["Eyeglasses"]).with_seed(7);
//! let mut events = generator.generate(request).await?;
//! while let Some(event) = events.next().await? {
//!     match event {
//!         Event::Started(started) => println!("{} pixels a side", started.image_size),
//!         Event::Iterate(iterate) => println!("step {}", iterate.step),
//!         Event::Result(result) => println!("{} attributes judged", result.attributes.len()),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod accepted;
mod asked;
mod budget;
mod channel;
mod classifier;
mod connector;
mod credentials;
mod differentiate;
mod durable;
mod error;
mod event;
mod events;
mod generator;
mod images;
mod in_force;
mod json;
mod names;
mod pool;
mod replica;
mod retry;
mod trace;

pub use channel::{MAX_DECODED_BYTES, MAX_ENCODED_BYTES};
pub use classifier::ClassifierClient;
pub use credentials::{Credentials, TOKEN_VARIABLE};
pub use deepface_proto::{Array, Origin, v1};
pub use differentiate::DifferentiateStream;
pub use durable::DurableDifferentiate;
pub use error::{ClientError, Rejection, Violation};
pub use event::Event;
pub use events::EventStream;
pub use generator::GeneratorClient;
pub use images::{encoded_image, tensor_image};
pub use in_force::SettingsInForce;
pub use json::{Json, JsonError};
pub use tonic::Code;
