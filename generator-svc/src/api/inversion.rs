//! A checked request: everything that the work behind Generate and Invert needs.

use std::sync::Arc;
use std::time::Instant;

use deepface_client::ClassifierClient;
use deepface_proto::v1::GenerationSettings;

use super::settings::StreamSettings;
use crate::gaussian::{Statistics, Wish};
use crate::inversion::Settings;
use crate::workers::Workers;

/// One inversion that was requested.
#[derive(Clone)]
pub(super) struct Inversion {
    pub(super) statistics: Arc<Statistics>,
    pub(super) classifier: ClassifierClient,
    pub(super) workers: Workers,
    /// How the image is found.
    pub(super) descent: Settings,
    /// The settings in force, as they are reported.
    pub(super) settings: GenerationSettings,
    /// What the stream carries.
    pub(super) stream: StreamSettings,
    /// Decides everything random.
    pub(super) seed: u64,
    /// The request for attributes, which the result is compared with.
    pub(super) wish: Wish,
    /// When the request arrived.
    pub(super) arrived: Instant,
}
