//! Figures that are said and drawn.

/// How good a network is in one respect.
pub(crate) struct Figure {
    /// What is measured, such as `AUC`.
    pub(crate) name: &'static str,
    pub(crate) value: f64,
}

/// Figures side by side, such as `accuracy 0.8816, AUC 0.9111`.
pub(crate) fn said(figures: &[Figure]) -> String {
    let each = figures.iter().map(|f| format!("{} {:.4}", f.name, f.value));
    each.collect::<Vec<_>>().join(", ")
}
