//! Figure 6, eqs. 2 to 4: whether activations are Gaussian, and the weights w.

use deepface_report::plot::{Histogram, Line, Lines, histogram, lines};
use maud::{Markup, html};

use super::parts::{claim, drawing, percent, table, three};
use crate::error::PaperError;
use crate::experiments::{MixtureLayer, NormalityLayer, mixture};
use crate::normal::{density, shape};
use crate::paper::Paper;

pub(super) fn section(paper: &Paper) -> Result<Markup, PaperError> {
    Ok(html! {
        h2 { "Section 3.3.2 and figure 6: the custom Gaussian mixture" }
        (normality(&paper.normality.layers)?)
        @for layer in &paper.mixture.layers { (weights(layer)?) }
    })
}

fn normality(layers: &[NormalityLayer]) -> Result<Markup, PaperError> {
    let side = |layer: &NormalityLayer| match layer.before {
        true => format!("{} before the rectifier", layer.layer),
        false => format!("{} behind it", layer.layer),
    };
    let mut plots = Vec::new();
    for layer in layers {
        for (attribute, values) in &layer.shown {
            plots.push(plot(&format!("{attribute}, {}", side(layer)), values)?);
        }
    }
    let row = |layer: &NormalityLayer| {
        vec![
            side(layer),
            layer.pairs.to_string(),
            percent(layer.zeros),
            percent(layer.refused),
            three(layer.skewness),
            three(layer.kurtosis),
            match layer.before {
                true => "-".to_owned(),
                false => percent(layer.impossible),
            },
        ]
    };
    let rows: Vec<_> = layers.iter().map(row).collect();
    let headings = [
        "",
        "activations of sets",
        "exactly 0",
        "normality refused",
        "skewness",
        "excess kurtosis",
        "samples below 0",
    ];
    let behind = layers.iter().filter(|layer| !layer.before);
    let refused: Vec<f64> = behind.map(|layer| layer.refused).collect();
    Ok(html! {
        h3 { "Figure 6: single activations of the photographs with an attribute" }
        p { "Bars are the values, the line is the Gaussian with their mean and deviation." }
        div class="plots" { @for plot in plots { (plot) } }
        p {
            "The test of D\u{2019}Agostino and Pearson, at the level of 0.001, on random activations of the sets S of all attributes; medians of \
            skewness and kurtosis, which are 0 for a normal distribution."
        }
        (table(&headings, &rows))
        (claim(
            "Any element of the activation seems to be normally distributed over the photographs with an attribute.",
            refused.iter().all(|&share| share < 0.05),
            &format!(
                "Behind the rectifier, where the paper takes them, the test refuses that for {}. Most values are exactly 0 there, and samples of the \
                Gaussians have values below 0, which no photograph has.",
                refused.iter().map(|&share| percent(share)).collect::<Vec<_>>().join(" and "),
            ),
        ))
    })
}

fn plot(title: &str, values: &[f32]) -> Result<Markup, PaperError> {
    const POINTS: u32 = 120;
    let shape = shape(values);
    let curve = (0..=POINTS).map(|i| {
        let z = -3.5 + 7.0 * f64::from(i) / f64::from(POINTS);
        let x = shape.mean + z * shape.deviation;
        (x, density(x, shape.mean, shape.deviation))
    });
    let values: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
    let drawn = histogram(&Histogram {
        title,
        axis: "activation",
        values: &values,
        bins: 30,
        density: &curve.collect::<Vec<_>>(),
    })?;
    Ok(drawing(drawn))
}

fn weights(layer: &MixtureLayer) -> Result<Markup, PaperError> {
    let names: Vec<String> = layer
        .search
        .iter()
        .map(|trial| format!("{:e}", trial.0))
        .collect();
    let first = |trial: &(f64, Vec<Option<f64>>)| trial.1.first().copied().flatten();
    // What diverges has no place in the frame.
    let shown = layer.search.iter().zip(&names).filter(|(trial, _)| {
        let last = trial.1.last().copied().flatten();
        matches!((first(trial), last), (Some(first), Some(last)) if last <= first)
    });
    let lines_of = shown.map(|(trial, name)| Line {
        name,
        points: (0..)
            .map(f64::from)
            .zip(&trial.1)
            .filter_map(|(pass, loss)| Some((pass, (*loss)?)))
            .collect(),
    });
    let plot = Lines {
        title: &format!("eq. 3 less its constant, {}, by learning rate", layer.layer),
        axes: ["pass over the photographs", "loss"],
        lines: lines_of.take(7).collect(),
    };
    let explained: Vec<_> = layer
        .explained
        .iter()
        .map(|(kind, share)| vec![kind.clone(), percent(*share)])
        .collect();
    let lambdas: Vec<_> = layer
        .lambdas
        .iter()
        .map(|(lambda, share)| vec![format!("{lambda:e}"), percent(*share)])
        .collect();
    let [ones, descended, exact] = layer.losses;
    let at_start = layer
        .search
        .iter()
        .find(|trial| trial.0 == mixture::PAPER_START[0]);
    let at_start = at_start.map(|trial| mixture::falls(&trial.1));
    let at_paper = layer
        .search
        .iter()
        .find(|trial| trial.0 == mixture::PAPER_END[0]);
    let moved = at_paper.and_then(|trial| {
        let last = trial.1.last().copied().flatten()?;
        Some((ones - last) / (ones - exact))
    });
    Ok(html! {
        h3 { "Eqs. 3 and 4 on " (layer.layer) }
        (drawing(lines(&plot)?))
        p {
            "The loss is " (three(ones)) " for w = 1, " (three(descended)) " after stochastic gradient descent at "
            @match layer.rate { Some(rate) => { (format!("{rate:e}")) } None => "no rate" }
            ", and " (three(exact)) " at its exact minimum; weights differ by up to " (three(layer.difference[0])) " of " (three(layer.difference[1])) "."
        }
        @if let Some(falls) = at_start {
            (claim(
                "At a rate of 1e-6 the loss diverges to infinity; it has to be reduced until the loss decreases.",
                !falls,
                match falls {
                    true => "At 1e-6 the loss decreases.",
                    false => "At 1e-6 the loss does not decrease.",
                },
            ))
        }
        @if let Some(moved) = moved {
            (claim(
                "A learning rate of 1e-11 learns the weights.",
                moved > 0.9,
                &format!("At 1e-11 the loss goes {} of the way from w = 1 to its minimum: the rate belongs to the size of the activations, which is another for every network.", percent(moved)),
            ))
        }
        p { "Share of the variance of test people\u{2019}s activations that a target explains, one photograph a person:" }
        (table(&["target", "explained"], &explained))
        p { "The same of eq. 4 on validation people, by the weight of the regulariser (the paper has 1e-5):" }
        (table(&["lambda", "explained"], &lambdas))
        (alone(layer))
    })
}

fn alone(layer: &MixtureLayer) -> Markup {
    let of = |pair: Option<&(String, f64)>| {
        pair.map_or(String::new(), |(name, size)| {
            format!("{name} {}", three(*size))
        })
    };
    html! {
        p {
            "Weights are learned on long lists. For one attribute alone the target is as large, in units of the mean activation, as: "
            (of(layer.alone.first())) " (smallest), " (of(layer.alone.get(layer.alone.len() / 2))) " (middle), " (of(layer.alone.last()))
            " (largest). A photograph\u{2019}s activation has about 1."
        }
    }
}
