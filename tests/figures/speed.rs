//! How fast everything is, and what finding a face costs: README, docs/performance.md and the model card, held against
//! what the benchmarks wrote.

use crate::document::Document;
use crate::source::{Source, read, table};

#[test]
fn ratios_to_pytorch_are_those_of_the_benchmark() {
    let file = read("pytorch.json");
    let file = Source(&file);
    let mut document = Document::open("docs/performance.md").section("## Comparison with PyTorch");
    let row = |case: &Source<'_>| {
        let name = case.at("name").text().replace('/', " / ");
        let time = |i: usize| {
            let ms = case.number(&format!("milliseconds/{i}"));
            format!("{ms:.*} ms", if ms < 10.0 { 2 } else { 1 })
        };
        let (low, high) = (case.say("low", 2), case.say("high", 2));
        let ratio = format!("{} ({low} {high})", case.say("ratio", 2));
        vec![name, time(0), time(1), ratio]
    };
    let rows: Vec<_> = file.at("cases").list().iter().map(row).collect();
    let headings = [
        "network / side / last layer / pass / batch",
        "ours",
        "PyTorch",
        "ratio (quartiles)",
    ];
    document.table("pytorch", &table(&headings, &rows));
    let step = read("step.json");
    let candle = Source(&step).at("cases/vgg-face-mini: stock candle by ours");
    document.says(&format!(
        "Stock candle with autograd takes {} times as long per step",
        candle.say("ratio", 0)
    ));
    document.says("PyTorch 2.15, eager");
    document.holds_and_says_nothing_else();

    let mut readme = Document::open("README.md");
    let cases = file.at("cases");
    let ratio = |name: &str| cases.named(name).number("ratio");
    let steps = [
        ratio("vgg-face-mini/96/conv4_3/gradient/1"),
        ratio("vgg-face-mini/96/pool5/gradient/1"),
    ];
    readme.says(&format!(
        "a step of the built-in model takes {:.2} to {:.2} of PyTorch's time, VGG-Face at 224 pixels {:.2}, training {:.2}",
        steps[0].min(steps[1]),
        steps[0].max(steps[1]),
        ratio("vgg-face/224/pool5/gradient/1"),
        ratio("vgg-face-mini/96/heads/train/64"),
    ));
    readme.holds();
}

#[test]
fn the_price_of_the_wire_is_that_of_the_benchmark() {
    let (step, start, concurrent) = (
        read("step.json"),
        read("start.json"),
        read("concurrent.json"),
    );
    let cases = Source(&step).at("cases");
    let case = |name: &str| cases.at(&format!("{name}: over gRPC by in this process"));
    let (small, large) = (case("vgg-face-mini"), case("vgg-face"));
    let mut readme = Document::open("README.md");
    readme.says(&format!(
        "a step over gRPC takes {} times as long as in one process for the built-in model, {} times for VGG-Face",
        small.say("ratio", 2),
        large.say("ratio", 2),
    ));
    let start = Source(&start);
    readme.says(&format!(
        "from the start of the process to the finished default face: {} seconds on two cores",
        start.say("seconds", 2)
    ));
    readme.holds();

    let mut document = Document::open("docs/performance.md").section("## The wire");
    let row = |(name, case): (&str, Source<'_>)| {
        let (low, high) = (case.say("low", 2), case.say("high", 2));
        vec![
            name.to_owned(),
            format!("{} ({low} {high})", case.say("ratio", 2)),
        ]
    };
    let rows = [
        ("vgg-face-mini, conv4_3", small),
        ("vgg-face at 224, pool5", large),
    ]
    .map(row);
    document.table("wire", &table(&["model", "ratio (quartiles)"], &rows));
    document.says(&format!(
        "to the finished default face: {} s (quartiles {} {})",
        start.say("seconds", 2),
        start.say("low", 2),
        start.say("high", 2),
    ));
    let clients = Source(&concurrent).at("clients");
    document.says(&format!(
        "Sixteen faces at once make {} times the steps per second of one, and 64 make {}",
        clients.say("16/ratio", 2),
        clients.say("64/ratio", 2),
    ));
    document.holds_and_says_nothing_else();
}

#[test]
fn what_detection_costs_is_what_was_measured() {
    let file = read("detection.json");
    let file = Source(&file);
    let found = file.percent("found", 1);
    let photographs = file.number("photographs") as usize;
    let mut readme = Document::open("README.md");
    readme.says(&format!(
        "finds the face in {found} of {},{:03} unseen LFW photographs",
        photographs / 1000,
        photographs % 1000
    ));
    readme.says(&format!(
        "mean accuracy is {} instead of {}, balanced accuracy {} instead of {}, and {} of decisions stay the same",
        file.say("detected/accurate/accuracy", 3),
        file.say("aligned/accurate/accuracy", 3),
        file.say("detected/accurate/balanced_accuracy", 3),
        file.say("aligned/accurate/balanced_accuracy", 3),
        file.percent("same_decisions", 1),
    ));
    readme.holds();

    let mut card = Document::open("models/README.md");
    card.says(&format!(
        "photographs of the test people, in {found} of which a face is found"
    ));
    card.says(&format!(
        "accuracy {} instead of {}, balanced accuracy {} instead of {}; {:.1} of 73 decisions change",
        file.say("detected/accurate/accuracy", 4),
        file.say("aligned/accurate/accuracy", 4),
        file.say("detected/accurate/balanced_accuracy", 4),
        file.say("aligned/accurate/balanced_accuracy", 4),
        73.0 * (1.0 - file.number("same_decisions")),
    ));
    card.holds();
}
