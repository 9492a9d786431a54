//! Section 5.1 and table 1: fine-tuning.

use deepface_report::plot::{Cloud, Line, Lines, Points, lines, points};
use maud::{Markup, html};

use super::parts::{claim, drawing, percent, table, three};
use crate::error::PaperError;
use crate::experiments::{Separability, Transfer, TransferRun, transfer};
use crate::paper::Paper;

/// Table 1: everything beneath the layer frozen, accuracy on the training and the test set.
const TABLE_1: [(&str, [f64; 2]); 2] = [("fc6", [0.847, 0.795]), ("conv5_1", [0.867, 0.815])];
/// Of an area under a curve, from which on neighbours know an attribute.
const CLUSTERED: f64 = 0.7;

pub(super) fn section(paper: &Paper) -> Result<Markup, PaperError> {
    let found = &paper.transfer;
    Ok(html! {
        h2 { "Section 5.1: fine-tuning" }
        p {
            @if found.given { "All runs begin with the network that was given." }
            @else {
                "All runs begin with a network that was trained to tell the training people apart, and has seen no label of an \
                attribute, as VGG-Face has not."
            }
            " Stochastic gradient descent at a constant rate, with dropout behind every layer, as in the paper. Test figures are of one \
            photograph a person."
        }
        (separability(&paper.separability)?)
        (curves(found)?)
        (table_1(found))
        (rates(found)?)
        (comparisons(found))
        (limits(found)?)
    })
}

fn separability(found: &Separability) -> Result<Markup, PaperError> {
    let mut plots = Vec::new();
    for network in &found.networks {
        for (name, has) in &found.shown {
            let of = |present: bool| {
                let points = network.points.iter().zip(has);
                let points = points.filter(|(_, has)| **has == present);
                points.map(|(&(x, y), _)| (x.into(), y.into())).collect()
            };
            let plot = Points {
                title: &format!("{name}, {}", network.network),
                clouds: vec![
                    Cloud {
                        name: "others",
                        points: of(false),
                    },
                    Cloud {
                        name,
                        points: of(true),
                    },
                ],
            };
            plots.push(points(&plot)?);
        }
    }
    let known = |network: usize, name: &str| -> Option<f64> {
        let j = found.attributes.iter().position(|a| a == name)?;
        found.networks.get(network)?.neighbours[j]
    };
    let rows = found.attributes.iter().enumerate().map(|(j, name)| {
        let cell = |value: Option<f64>| value.map_or("-".to_owned(), three);
        let cells = found
            .networks
            .iter()
            .map(|network| cell(network.neighbours[j]));
        std::iter::once(name.clone()).chain(cells).collect()
    });
    let means = found.networks.iter().map(|network| three(network.mean));
    let means = std::iter::once("mean".to_owned()).chain(means).collect();
    let rows: Vec<Vec<String>> = std::iter::once(means).chain(rows).collect();
    let networks = found.networks.iter().map(|n| n.network.as_str());
    let headings: Vec<&str> = std::iter::once("").chain(networks).collect();
    let [clusters, none] = ["Youth", "Soft Lighting"].map(|name| known(0, name));
    Ok(html! {
        h3 { "Figure 3: the space of fc7" }
        p {
            (found.people) " held-out people, one photograph each, in the plane by t-SNE. What t-SNE shows is in the eye of the beholder, so \
            the table says for every attribute how well the 15 nearest neighbours of a face know it: the area under the ROC curve of their \
            vote, 0.5 by chance."
        }
        div class="plots" { @for plot in plots { (drawing(plot)) } }
        @if let (Some(clusters), Some(none)) = (clusters, none) {
            (claim(
                "Before any fine-tuning, fc7 has clusters for Youth and none for Soft Lighting.",
                clusters > CLUSTERED && none < CLUSTERED,
                &format!("Neighbours know Youth with an area of {}, Soft Lighting with {}.", three(clusters), three(none)),
            ))
        }
        details { summary { "All attributes" } (table(&headings, &rows)) }
    })
}

fn of_group<'a>(found: &'a Transfer, group: &str) -> Vec<&'a TransferRun> {
    found.runs.iter().filter(|run| run.group == group).collect()
}

/// The losses of some runs by epoch.
fn losses(
    title: &str,
    runs: &[&TransferRun],
    name: impl Fn(&TransferRun) -> String,
) -> Result<Markup, PaperError> {
    let names: Vec<String> = runs.iter().map(|run| name(run)).collect();
    let losses = |run: &TransferRun| -> Vec<(f64, f64)> {
        let points = (1..).map(f64::from).zip(&run.curve);
        points
            .filter_map(|(epoch, point)| Some((epoch, point[0]?)))
            .collect()
    };
    let drawn = runs.iter().zip(&names).map(|(run, name)| Line {
        name,
        points: losses(run),
    });
    let plot = Lines {
        title,
        axes: ["epoch", "loss"],
        lines: drawn.collect(),
    };
    Ok(drawing(lines(&plot)?))
}

fn curves(found: &Transfer) -> Result<Markup, PaperError> {
    let frozen = of_group(found, "frozen");
    let last = |run: &&&TransferRun| run.curve.last().and_then(|p| p[0]);
    let ends: Vec<f64> = frozen.iter().filter_map(|run| last(&run)).collect();
    let deeper = ends.windows(2).all(|pair| pair[1] <= pair[0]);
    let [least, most] =
        [f64::min, f64::max].map(|of| ends.iter().copied().reduce(of).unwrap_or_default());
    Ok(html! {
        h3 { "Figure 4: the loss, by what is frozen" }
        (losses("Loss while training", &frozen, |run| match run.stage.as_str() {
            "conv1_1" => "nothing frozen".to_owned(),
            stage => format!("frozen beneath {stage}"),
        })?)
        (claim(
            "Learning more layers helps.",
            deeper,
            &format!("The last losses are {}, from the fewest layers to the most.", ends.iter().map(|&l| three(l)).collect::<Vec<_>>().join(", ")),
        ))
        (claim(
            "The last loss is nearly the same whatever is frozen.",
            most - least < 0.05 * most,
            &format!("They differ by {}.", percent((most - least) / most.max(1e-9))),
        ))
    })
}

fn table_1(found: &Transfer) -> Markup {
    let paper = |run: &TransferRun| {
        let stated = TABLE_1.iter().find(|row| row.0 == run.stage);
        stated.map_or("-".to_owned(), |(_, [train, test])| {
            format!("{train} / {test}")
        })
    };
    let row = |run: &&TransferRun| -> Option<Vec<String>> {
        let [train, _, test] = run.approval?;
        Some(vec![
            run.name.clone(),
            format!("{:e}", run.rate),
            format!("{}", run.curve.len()),
            paper(run),
            format!("{} / {}", three(train.accuracy), three(test.accuracy)),
            three(test.majority),
            three(test.balanced),
            three(test.auc),
        ])
    };
    let runs = [
        of_group(found, "frozen"),
        of_group(found, "paper"),
        of_group(found, "decay"),
    ]
    .concat();
    let rows: Vec<_> = runs.iter().filter_map(row).collect();
    let headings = [
        "",
        "rate",
        "epochs",
        "paper: train / test accuracy",
        "train / test accuracy",
        "majority",
        "balanced",
        "AUC",
    ];
    let accuracy = |name: &str| {
        let run = found.runs.iter().find(|run| run.name == name)?;
        Some(run.approval?[2].accuracy)
    };
    let [fc6, conv5] = ["frozen-below-fc6", "frozen-below-conv5_1"].map(accuracy);
    html! {
        h3 { "Table 1: what is frozen" }
        (table(&headings, &rows))
        p { "\u{201c}Majority\u{201d} is the accuracy of always saying what most people have: the paper does not state it." }
        @if let (Some(fc6), Some(conv5)) = (fc6, conv5) {
            (claim(
                "Freezing beneath conv-5 is better on the test set than freezing beneath fc-6 (0.815 against 0.795).",
                conv5 > fc6,
                &format!("{} against {}.", three(conv5), three(fc6)),
            ))
        }
    }
}

fn rates(found: &Transfer) -> Result<Markup, PaperError> {
    let sweep = of_group(found, "sweep");
    let paper = sweep.iter().find(|run| run.rate == transfer::PAPER_RATE);
    let best = sweep.iter().find(|run| run.rate == found.rate);
    let auc = |run: Option<&&TransferRun>| run.and_then(|run| run.curve.last()?[2]);
    Ok(html! {
        h3 { "Learning rates" }
        (losses("Loss by learning rate, frozen beneath fc6", &sweep, |run| format!("{:e}", run.rate))?)
        @if let (Some(paper), Some(best)) = (auc(paper), auc(best)) {
            (claim(
                "5e-6 is the best learning rate.",
                found.rate == transfer::PAPER_RATE,
                &format!("On this network the best is {:e}: AUC on validation people {} after these epochs, {} at 5e-6. A rate belongs to a network and to how its loss is summed.", found.rate, three(best), three(paper)),
            ))
        }
    })
}

fn comparisons(found: &Transfer) -> Markup {
    let auc = |group: &str| -> Vec<f64> {
        let runs = of_group(found, group).into_iter();
        runs.filter_map(|run| Some(run.approval?[2].auc)).collect()
    };
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len().max(1) as f64;
    let (softmax, sigmoid) = (auc("softmax"), auc("sigmoid"));
    let better = softmax.iter().zip(&sigmoid).filter(|(a, b)| a > b).count();
    let plain = found
        .runs
        .iter()
        .find(|run| run.name == "frozen-below-conv5_1");
    let decay = of_group(found, "decay")
        .first()
        .and_then(|run| run.approval);
    html! {
        h3 { "Heads, and rates by the distance to them" }
        (claim(
            "Grouping attributes in 42 softmax heads tells the network how they relate, and is better than 73 binary classifiers.",
            better == softmax.len() && !softmax.is_empty(),
            &format!(
                "AUC on test people {} with 42 softmaxes, {} with 73 sigmoids, means of {} seeds; the softmaxes are better with {} of them.",
                three(mean(&softmax)), three(mean(&sigmoid)), softmax.len(), better,
            ),
        ))
        @if let (Some(plain), Some(decay)) = (plain.and_then(|run| run.approval), decay) {
            (claim(
                "Other learning rates for layers farther from the heads give more or less the same.",
                (plain[2].auc - decay[2].auc).abs() < 0.01,
                &format!("AUC on test people {} with one rate, {} with 0.7 times the rate for each layer farther down.", three(plain[2].auc), three(decay[2].auc)),
            ))
        }
    }
}

fn limits(found: &Transfer) -> Result<Markup, PaperError> {
    let mut points: Vec<(f64, f64)> = of_group(found, "limit")
        .iter()
        .filter_map(|run| Some((run.limit? as f64, run.approval?[2].auc)))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let plot = Lines {
        title: "Photographs to learn from, frozen beneath fc6",
        axes: ["photographs", "AUC on test people"],
        lines: vec![Line {
            name: "",
            points: points.clone(),
        }],
    };
    Ok(html! {
        h3 { "More photographs" }
        (drawing(lines(&plot)?))
        p { "As many steps for each number." }
    })
}
