//! What was measured, for people: means over all attributes, and a table of every attribute.

use std::{fmt::Write as _, path::Path};

use deepface_files::write_atomically;

use crate::{AttributeMetrics, Description, Estimate, Thresholds};

/// Prints the means of the metrics on the test people, and writes those of every attribute beside the output, if that is
/// a file, as a Markdown table.
///
/// # Errors
/// The table cannot be written.
pub(crate) fn write(output: Option<&Path>, description: &Description) -> anyhow::Result<()> {
    let means = means(description);
    deepface_files::note!("test people: {means}");
    if let Some(output) = output {
        let path = output.with_extension("metrics.md");
        let text = format!("{means}\n\n{}", table(description));
        write_atomically(&path, text.as_bytes())?;
    }
    Ok(())
}

fn means(description: &Description) -> String {
    let measured: Vec<&AttributeMetrics> = description.metrics.iter().flatten().collect();
    let mean = |f: fn(&AttributeMetrics) -> f32| {
        measured.iter().map(|m| f64::from(f(m))).sum::<f64>() / measured.len().max(1) as f64
    };
    let Some(means) = description.mean_metrics else {
        return "no attribute has both positives and negatives".into();
    };
    let said = |e: Estimate| format!("{:.4} ({:.4} to {:.4})", e.value, e.low, e.high);
    format!(
        "mean accuracy {}, by always answering the majority {:.4}; mean balanced accuracy {}, at the thresholds for accuracy \
         {:.4}; mean AUC {}; calibration error {:.4}. Each of {} people counts once, in {} photographs; intervals of 95 %",
        said(means.accuracy),
        mean(|m| m.positives.max(1.0 - m.positives)),
        said(means.balanced_accuracy_at_balanced),
        mean(|m| m.balanced_accuracy),
        said(means.auc),
        means.calibration_error,
        means.people,
        means.photographs
    )
}

fn table(description: &Description) -> String {
    let mut text = String::from(
        "| attribute | accuracy | balanced accuracy | AUC | positives | threshold | balanced threshold |\n|---|---|---|---|---|---|---|\n",
    );
    for ((name, metrics), Thresholds { accurate, balanced }) in description
        .schema
        .names()
        .zip(&description.metrics)
        .zip(&description.thresholds)
    {
        // Writing to a string cannot fail.
        let _ = match metrics {
            Some(m) => writeln!(
                text,
                "| {name} | {:.3} | {:.3} | {:.3} | {:.3} | {accurate:.3} | {balanced:.3} |",
                m.accuracy, m.balanced_accuracy_at_balanced, m.auc, m.positives
            ),
            None => writeln!(text, "| {name} | | | | | {accurate:.3} | {balanced:.3} |"),
        };
    }
    text
}
