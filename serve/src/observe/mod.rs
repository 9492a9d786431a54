//! What an operator sees of every call: one line in the log, under an id that the reply and the calls to other
//! services carry too, and its part of the metrics.

mod call;
mod counted;
mod layer;
mod methods;
mod metrics;
mod settings;

pub(crate) use call::Traffic;
pub(crate) use layer::ObserveLayer;
pub(crate) use methods::Methods;
pub use settings::{LogFormat, ObserveSettings};

use deepface_proto::Origin;

/// The origin of a request that came through a server: the id that the server gave it, and its trace.
pub fn origin<T>(request: &tonic::Request<T>) -> Origin {
    let known = request.extensions().get::<Origin>().cloned();
    known.unwrap_or_default()
}
