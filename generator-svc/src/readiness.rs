//! Whether the generator can generate: its health name for that follows the classifier, not every hiccup of it.

use std::time::Duration;

use deepface_client::ClassifierClient;
use deepface_serve::Health;

/// The name in `grpc.health.v1` that is SERVING while the right classifier answers. The service's own name says only
/// that the generator lives.
pub const CAN_GENERATE: &str = "deepface.v1.GeneratorService/CanGenerate";

/// Time between two looks at the classifier.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long the classifier may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Looks in a row that must contradict the present answer before it changes.
const LOOKS: u32 = 3;

/// Reports [`CAN_GENERATE`] until this is dropped. `network` is the digest of the right classifier.
pub(crate) async fn follow(health: &Health, classifier: ClassifierClient, network: &str) {
    let classifier = classifier.with_deadline(PATIENCE);
    let mut opinion = Opinion::default();
    loop {
        let good = classifier.get_model_of(network.into()).await.is_ok();
        if let Some(can) = opinion.after(good) {
            health.set_part(CAN_GENERATE, can).await;
            match can {
                true => tracing::info!("can generate: the classifier answers"),
                false => tracing::warn!("cannot generate: the classifier is gone or another one"),
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// What is reported, and how many looks contradict it.
#[derive(Debug)]
struct Opinion {
    can: bool,
    contradicted: u32,
}

impl Default for Opinion {
    /// At the start a single good look is enough.
    fn default() -> Self {
        Self {
            can: false,
            contradicted: LOOKS - 1,
        }
    }
}

impl Opinion {
    /// The new answer, if a look changes it.
    fn after(&mut self, good: bool) -> Option<bool> {
        if good == self.can {
            self.contradicted = 0;
            return None;
        }
        self.contradicted += 1;
        if self.contradicted < LOOKS {
            return None;
        }
        *self = Self {
            can: good,
            contradicted: 0,
        };
        Some(good)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_several_looks_change_the_answer() {
        let mut opinion = Opinion::default();
        let looks = [
            true, false, false, true, false, false, false, true, true, false, true,
        ];
        let changes: Vec<_> = looks.into_iter().map(|good| opinion.after(good)).collect();
        let mut expected = vec![None; looks.len()];
        (expected[0], expected[6]) = (Some(true), Some(false));
        assert_eq!(changes, expected);
        assert_eq!(
            (opinion.after(true), opinion.after(true)),
            (None, Some(true))
        );
    }
}
