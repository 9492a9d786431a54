//! Section 7: the discussion.

use deepface_report::plot::{Heat, Line, Lines, heat, lines};
use maud::{Markup, html};

use super::parts::{claim, drawing, percent, table, three};
use crate::error::PaperError;
use crate::experiments::{Discussion, Told, discussion};
use crate::paper::Paper;

/// Pairs of attributes that are listed.
const PAIRS: usize = 12;

pub(super) fn section(paper: &Paper) -> Result<Markup, PaperError> {
    let found = &paper.discussion;
    Ok(html! {
        h2 { "Section 7: discussion" }
        (told(&found.told))
        (correlations(found)?)
        (learning(found)?)
    })
}

fn told(all: &[Told]) -> Markup {
    let mean = |names: &[&str]| {
        let some: Vec<f64> = all
            .iter()
            .filter(|told| names.contains(&&told.name[..]))
            .map(|told| told.accuracy)
            .collect();
        some.iter().sum::<f64>() / some.len().max(1) as f64
    };
    let everything = all.iter().map(|told| told.accuracy).sum::<f64>() / all.len().max(1) as f64;
    let (photographs, shapes) = (mean(&discussion::PHOTOGRAPHS), mean(&discussion::SHAPES));
    let row = |told: &Told| {
        vec![
            told.name.clone(),
            three(told.accuracy),
            three(told.majority),
            three(told.auc),
        ]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    html! {
        h3 { "What the served network tells" }
        (claim(
            "Attributes of the photograph, such as lighting, are told badly: accuracies of about 55 to 60 %.",
            photographs < 0.65,
            &format!("Their mean accuracy is {}, of all attributes {}.", percent(photographs), percent(everything)),
        ))
        (claim(
            "The shape of the nose and how much of the forehead is visible are told well.",
            shapes > everything,
            &format!("Their mean accuracy is {}, of all attributes {}.", percent(shapes), percent(everything)),
        ))
        details { summary { "All attributes, the best first" } (table(&["", "accuracy", "majority", "AUC"], &rows)) }
    }
}

fn correlations(found: &Discussion) -> Result<Markup, PaperError> {
    let count = found.names.len();
    let mut pairs: Vec<(f64, usize, usize)> = (0..count)
        .flat_map(|i| (i + 1..count).map(move |j| (i, j)))
        .map(|(i, j)| (found.correlations[i * count + j], i, j))
        .collect();
    let mean = pairs.iter().map(|p| p.0.abs()).sum::<f64>() / pairs.len().max(1) as f64;
    pairs.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
    let strong = pairs.iter().filter(|pair| pair.0.abs() > 0.3).count();
    let row = |&(value, i, j): &(f64, usize, usize)| {
        vec![
            format!("{} and {}", found.names[i], found.names[j]),
            three(value),
        ]
    };
    let rows: Vec<_> = pairs.iter().take(PAIRS).map(row).collect();
    let plot = Heat {
        title: "Correlation of attributes in the training photographs",
        names: found.names.iter().map(String::as_str).collect(),
        values: &found.correlations,
    };
    Ok(html! {
        h3 { "How attributes go together" }
        div class="wide" { (drawing(heat(&plot)?)) }
        (table(&["", "correlation"], &rows))
        (claim(
            "That the Gaussians of different attributes are independent is the least justified assumption.",
            strong > 0,
            &format!("{strong} pairs of attributes correlate by more than 0.3; the mean size of a correlation is {}.", three(mean)),
        ))
    })
}

fn learning(found: &Discussion) -> Result<Markup, PaperError> {
    let points = found.learning.iter();
    let points: Vec<(f64, f64)> = points.map(|&(n, share)| (n as f64, share)).collect();
    let plot = Lines {
        title: "What a regression on attributes explains of fc6",
        axes: [
            "training photographs",
            "share of the variance of test people",
        ],
        lines: vec![Line {
            name: "",
            points: points.clone(),
        }],
    };
    let last = points.len().saturating_sub(2);
    let gain = match points.get(last..) {
        Some([half, all]) => all.1 - half.1,
        _ => 0.0,
    };
    Ok(html! {
        h3 { "Would more photographs help?" }
        (drawing(lines(&plot)?))
        (claim(
            "With more diverse photographs the faces would be more discriminative.",
            gain > 0.02,
            &format!("Twice as many photographs explain {} more of the variance: the targets are limited by what 73 labels say, not by the number of photographs.", percent(gain)),
        ))
    })
}
