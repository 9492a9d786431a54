//! What was found of the paper's claims: docs/paper.md, held against what `deepface paper` wrote.

use deepface_paper::{PHOTOGRAPHS, SHAPES};

use crate::document::Document;
use crate::evaluation::methods;
use crate::source::{Source, fixed, mean, read, table};

/// What each row of the table of targets is called.
const TARGETS: [&str; 5] = [
    "eq. 4 with w = 1",
    "eq. 4, the paper's",
    "eq. 4 fitted before the rectifier, then rectified",
    "eq. 4 fitted before the rectifier, its expectation behind it",
    "regression on all attributes, this project's",
];
/// Rows of figure 5 in the report, and here.
const INVERSIONS: [(&str, &str); 10] = [
    ("conv2_2 in pixels", "the photograph's conv2_2, in pixels"),
    ("conv4_3 in pixels", "conv4_3, in pixels"),
    ("fc6 in pixels", "fc6, in pixels"),
    ("conv2_2 in the prior", "conv2_2, in the image prior"),
    ("conv4_3 in the prior", "conv4_3, in the prior"),
    ("fc6 in the prior", "fc6, in the prior"),
    (
        "cGMM on conv4_3, the paper's method",
        "its attributes: the paper's method on conv4_3",
    ),
    (
        "cGMM on fc6, the paper's method",
        "its attributes: the paper's method on fc6",
    ),
    (
        "class visualisation, the paper's baseline",
        "its attributes: the paper's baseline",
    ),
    (
        "this project's default",
        "its attributes: this project's default",
    ),
];

#[test]
fn what_is_said_of_the_paper_is_what_was_found() {
    let file = read("paper.json");
    let file = Source(&file);
    let mut document = Document::open("docs/paper.md").section("## What was found");
    frequencies(&mut document, file);
    distributions(&mut document, file);
    targets(&mut document, file);
    inversions(&mut document, file);
    people(&mut document, file);
    transfer(&mut document, file.at("transfer"));
    separability(&mut document, file.at("separability"));
    discussion(&mut document, file);
    autoencoder(&mut document, file.at("autoencoder"));
    document.table("methods", &methods(&generated(file)));
    document.holds_and_says_nothing_else();
}

/// The rows of the table of methods that are about generated faces.
fn generated(file: Source<'_>) -> Vec<Source<'_>> {
    let rows = file.at("methods/rows").list().into_iter();
    rows.filter(|row| row.at("control").0 == false || row.at("name").text() == "photographs")
        .collect()
}

fn frequencies(document: &mut Document, file: Source<'_>) {
    let of = |name: &str| file.at("frequencies/attributes").at(name);
    for (name, said) in [("White", "White"), ("No Eyewear", "no eyewear")] {
        let attribute = of(name);
        document.says(&format!("{said} {}", attribute.percent("photographs", 1)));
        document.says(&format!("(paper {})", attribute.percent("paper", 0)));
    }
}

fn distributions(document: &mut Document, file: Source<'_>) {
    let layers = file.at("normality/layers").list();
    document.says(&format!(
        "{} pairs of an attribute and an activation",
        layers[0].number("pairs")
    ));
    document.says("tested at the level of 0.001");
    let row = |layer: &Source<'_>| {
        let before = layer.at("before").0 == true;
        let side = if before {
            "before it"
        } else {
            "behind the rectifier"
        };
        vec![
            format!("{} {side}", layer.at("layer").text()),
            layer.percent("zeros", 1),
            layer.percent("refused", 1),
            layer.say("skewness", 2),
            layer.say("kurtosis", 2),
        ]
    };
    let headings = [
        "",
        "exactly 0",
        "normality refused",
        "skewness",
        "excess kurtosis",
    ];
    let rows: Vec<_> = layers.iter().map(row).collect();
    document.table("normality", &table(&headings, &rows));
}

fn targets(document: &mut Document, file: Source<'_>) {
    let layers = ["conv4_3", "fc6"].map(|layer| file.at("mixture/layers").at(layer));
    let row = |(i, name): (usize, &&str)| {
        let cells = layers.map(|layer| layer.percent(&format!("explained/{i}/1"), 1));
        std::iter::once((*name).to_owned()).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = TARGETS.iter().enumerate().map(row).collect();
    document.table("targets", &table(&["target", "conv4_3", "fc6"], &rows));
    for (layer, said) in layers.iter().zip(["conv4_3", "fc6"]) {
        let alone = layer.at("alone").list();
        let end = |i: usize| format!("{} ({})", alone[i].say("1", 2), alone[i].at("0").text());
        document.says(&format!(
            "between {} and {} times the mean activation of {said}",
            end(0),
            end(alone.len() - 1)
        ));
    }
}

fn inversions(document: &mut Document, file: Source<'_>) {
    let kinds = file.at("inversions/kinds");
    let row = |(kind, said): &(&str, &str)| {
        let kind = kinds.at(kind);
        vec![
            (*said).to_owned(),
            kind.say("pixels", 3),
            kind.percent("attributes", 0),
            kind.percent("identity", 0),
        ]
    };
    let headings = ["from", "pixels (RMS)", "attributes alike", "person alike"];
    let rows: Vec<_> = INVERSIONS.iter().map(row).collect();
    document.table("inversions", &table(&headings, &rows));
    let all = file.at("visualizations/kinds").list();
    let pictures: usize = all.iter().map(|kind| kind.at("faces").list().len()).sum();
    let one = |kind: &Source<'_>| {
        let faces = kind.at("faces").list();
        faces.iter().filter(|faces| faces.0 == 1).count()
    };
    let one: usize = all.iter().map(one).sum();
    document.says(&format!(
        "finds exactly one face in {one} of {pictures} pictures"
    ));
}

fn people(document: &mut Document, file: Source<'_>) {
    let people = file.at("likenesses/people").list();
    let over = |path: &str| mean(people.iter().map(|person| person.number(path)));
    let row = |(said, name): (&str, &str)| {
        let cell = |i: usize| format!("{} %", fixed(100.0 * over(&format!("{name}/{i}")), 0));
        vec![said.to_owned(), cell(0), cell(1)]
    };
    let rows = [
        ("default, mean of its seeds", "default"),
        ("the paper's method", "paper"),
        ("another photograph of the person", "other"),
        ("the mean face", "mean_face"),
        ("a stranger, the middle one", "stranger"),
        ("strangers less alike than the default", "ahead"),
    ]
    .map(row);
    document.table(
        "people",
        &table(&["", "by attributes", "by identity"], &rows),
    );
}

fn transfer(document: &mut Document, found: Source<'_>) {
    let runs = found.at("runs");
    let row = |(name, said, paper): (&str, &str, &str)| {
        let run = runs.at(name);
        let of = |split: usize, what: &str| run.say(&format!("approval/{split}/{what}"), 3);
        vec![
            said.to_owned(),
            format!("{:e}", run.number("rate") as f32),
            run.at("curve").list().len().to_string(),
            paper.to_owned(),
            format!("{} / {}", of(0, "accuracy"), of(2, "accuracy")),
            of(2, "majority"),
            of(2, "balanced"),
            of(2, "auc"),
        ]
    };
    let rows = [
        ("frozen-below-fc6", "beneath fc6", "0.847 / 0.795"),
        ("frozen-below-conv5_1", "beneath conv5_1", "0.867 / 0.815"),
        ("frozen-below-conv1_1", "nothing", "-"),
        ("layer-decay", "beneath conv5_1, rates by 0.7 a stage", "-"),
        ("paper-fc6", "beneath fc6", "0.847 / 0.795"),
        ("paper-conv5_1", "beneath conv5_1", "0.867 / 0.815"),
    ]
    .map(row);
    let headings = [
        "frozen",
        "rate",
        "epochs",
        "paper: training / test accuracy",
        "training / test accuracy",
        "majority",
        "balanced",
        "AUC",
    ];
    document.table("transfer", &table(&headings, &rows));
    let group = |name: &str| -> Vec<f64> {
        let all = runs.list().into_iter();
        all.filter(|run| run.at("group").text() == name)
            .map(|run| run.number("approval/2/auc"))
            .collect()
    };
    let (softmax, sigmoid) = (group("softmax"), group("sigmoid"));
    let better = softmax.iter().zip(&sigmoid).filter(|(a, b)| a > b).count();
    document.says(&format!(
        "AUC {} with 42 softmaxes and {} with 73 sigmoids, means of {} seeds, with {better} of which the softmaxes are better",
        fixed(mean(softmax.iter().copied()), 4),
        fixed(mean(sigmoid), 4),
        softmax.len(),
    ));
    let mut limits: Vec<_> = runs
        .list()
        .into_iter()
        .filter(|run| run.at("group").text() == "limit")
        .collect();
    limits.sort_by_key(|run| run.at("limit").0.as_u64());
    let said: Vec<String> = limits
        .iter()
        .map(|run| {
            format!(
                "{} with {}",
                run.say("approval/2/auc", 3),
                run.at("limit").0
            )
        })
        .collect();
    document.says(&said.join(", "));
}

fn separability(document: &mut Document, found: Source<'_>) {
    let names = found.at("attributes").list();
    let known = |network: Source<'_>, name: &str| {
        let j = names.iter().position(|n| n.text() == name).unwrap();
        network.say(&format!("neighbours/{j}"), 2)
    };
    let row = |network: &Source<'_>| {
        vec![
            network.at("network").text().to_owned(),
            known(*network, "Youth"),
            known(*network, "Soft Lighting"),
            known(*network, "Male"),
            network.say("mean", 2),
        ]
    };
    let rows: Vec<_> = found.at("networks").list().iter().map(row).collect();
    let headings = ["", "Youth", "Soft Lighting", "Male", "mean of all"];
    document.table("neighbours", &table(&headings, &rows));
}

fn discussion(document: &mut Document, file: Source<'_>) {
    let told = file.at("discussion/told");
    let over = |names: &[&str]| mean(names.iter().map(|name| told.at(name).number("accuracy")));
    let (photographs, shapes) = (over(&PHOTOGRAPHS), over(&SHAPES));
    let all = mean(told.list().iter().map(|told| told.number("accuracy")));
    document.says(&format!(
        "accuracy {photographs:.3} for attributes of the photograph, {shapes:.3} for noses and foreheads, {all:.3} for all"
    ));
    document.says("55 to 60 %");
    let learning = file.at("discussion/learning").list();
    let (first, last) = (learning[0], learning[learning.len() - 1]);
    document.says(&format!(
        "{} of them with {} photographs, {} with all {}",
        first.percent("1", 1),
        first.at("0").0,
        last.percent("1", 1),
        last.at("0").0,
    ));
}

fn autoencoder(document: &mut Document, found: Source<'_>) {
    let curve = found.at("curve").list();
    let last = curve[curve.len() - 1];
    let value = |side: usize, term: usize, decimals| last.say(&format!("{side}/{term}"), decimals);
    document.says(&format!(
        "after {} epochs a squared error of {} a face ({} on training people), a perceptual loss of {}, and {} nats",
        curve.len(),
        value(1, 0, 1),
        value(0, 0, 1),
        value(1, 1, 2),
        value(1, 2, 0),
    ));
}
