//! From what a network says of labelled faces to its thresholds and figures.

use super::{bootstrap, scores::Scores};
use crate::{Description, Thresholds};

/// Puts into a description what its network says: thresholds from validation faces, metrics from test faces. Attributes
/// without labels stay at one half and unmeasured. `positives` is the share of the training people that have an
/// attribute.
pub(crate) fn calibrate(
    description: &mut Description,
    validation: &Scores<'_>,
    test: &Scores<'_>,
    positives: impl Fn(usize) -> f32,
) {
    let threshold = |attribute: usize| {
        let column = validation.column(attribute)?;
        Some(Thresholds {
            accurate: column.best_threshold(),
            balanced: column.balanced_threshold(positives(attribute)),
        })
    };
    let thresholds = (0..validation.truth.known.len()).map(threshold);
    let thresholds: Vec<_> = thresholds.map(Option::unwrap_or_default).collect();
    description.metrics = test.metrics(&thresholds);
    description.mean_metrics = bootstrap::means(test, &thresholds);
    description.thresholds = thresholds;
}
