//! A checked request: everything that the work behind Generate and Invert needs.

use std::sync::Arc;
use std::time::Instant;

use deepface_client::ClassifierClient;
use deepface_proto::v1::GenerationSettings;

use super::settings::StreamSettings;
use super::token::Resumption;
use crate::gaussian::{Prior, Statistics, Wish};
use crate::inversion::{Basis, Settings};
use crate::workers::Workers;

/// One inversion that was requested.
#[derive(Clone)]
pub(super) struct Inversion {
    pub(super) statistics: Arc<Statistics>,
    pub(super) classifier: ClassifierClient,
    /// Digest of the network that must answer; empty for any, until the classifier has described it.
    pub(super) network: String,
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
    /// Digest of the request in force, without what the stream carries.
    pub(super) request: String,
    /// Where the descent starts, if not at its beginning.
    pub(super) resumption: Option<Resumption>,
    /// When the request arrived.
    pub(super) arrived: Instant,
}

impl Inversion {
    /// The image prior whose coordinates it moves, or from which it starts.
    pub(super) fn prior(&self) -> &Prior {
        self.statistics.prior(self.descent.basis.coordinates())
    }

    /// Side of the pictures that it makes, pixels.
    pub(super) fn picture_side(&self) -> usize {
        match self.descent.basis {
            Basis::Pixels => self.statistics.input_size,
            Basis::Prior | Basis::Decoder => self.prior().picture_side(),
        }
    }

    /// Pixels that the network sees for it: those of its input, once a step.
    pub(super) fn pixels(&self) -> u64 {
        let side = self.statistics.input_size as u64;
        side * side * self.descent.steps as u64
    }
}
