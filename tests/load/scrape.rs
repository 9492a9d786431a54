//! What a service reports of itself at /metrics.

use std::net::SocketAddr;

use deepface_tests::http;

use crate::Outcome;

/// The samples that a service reports at one moment.
#[derive(Debug)]
pub(crate) struct Scrape(String);

impl Scrape {
    /// Reads the metrics at this address.
    pub(crate) async fn of(metrics: SocketAddr) -> Outcome<Self> {
        Ok(Self(http(metrics, "GET /metrics HTTP/1.1").await?))
    }

    /// The sum of all samples of this name, whatever their labels.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let of_name = self.0.lines().filter_map(|line| {
            let (sample, value) = line.rsplit_once(' ')?;
            let own = sample.split('{').next()?;
            (own == name).then_some(value)
        });
        of_name.filter_map(|value| value.parse::<f64>().ok()).sum()
    }
}
