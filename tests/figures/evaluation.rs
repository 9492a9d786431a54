//! What faces are like: docs/generation.md, held against what `deepface evaluate` wrote.

use crate::document::Document;
use crate::source::{Source, fixed, mean, read, table};

const FILE: &str = "evaluation.json";
/// Short requests with many seeds each, so that less is chance.
const REQUESTS: &str = "requests.json";

/// The estimate at a path, half of its interval, and a star if it surely differs from the default's.
pub(crate) fn estimate(row: Source<'_>, path: &str, decimals: usize) -> String {
    let found = row.at(path);
    let half = (found.number("high") - found.number("low")) / 2.0;
    let difference = found.at("difference");
    let sure = !difference.0.is_null()
        && (difference.number("low") > 0.0 || difference.number("high") < 0.0);
    let star = if sure { "\\*" } else { "" };
    format!(
        "{} \u{b1} {half:.decimals$}{star}",
        found.say("value", decimals)
    )
}

fn variety(row: Source<'_>) -> String {
    let found = row.at("judge/variety");
    match row.at("control").0 == true || found.0.is_null() {
        true => "-".to_owned(),
        false => format!(
            "{} ({})",
            found.say("of_photographs", 2),
            found.say("of_alike", 2)
        ),
    }
}

/// The table of methods.
pub(crate) fn methods(rows: &[Source<'_>]) -> String {
    let headings = [
        "",
        "AUC",
        "off",
        "unasked",
        "KID",
        "KID, second judge",
        "AUC, second judge",
        "rank of the person",
        "KID, identity",
        "160 px",
        "varied",
    ];
    let row = |row: &Source<'_>| {
        vec![
            format!("`{}`", row.at("name").text()),
            estimate(*row, "judge/auc", 3),
            estimate(*row, "judge/requested_deviation", 3),
            estimate(*row, "judge/other_deviation", 3),
            estimate(*row, "judge/kid", 2),
            estimate(*row, "second_judge/kid", 2),
            estimate(*row, "second_judge/auc", 3),
            estimate(*row, "identity/rank", 1),
            estimate(*row, "identity/kid", 2),
            estimate(*row, "pixels/texture_fine", 2),
            variety(*row),
        ]
    };
    table(&headings, &rows.iter().map(row).collect::<Vec<_>>())
}

/// The table of what decoder and descent do. Where a cell has two figures, they are by the two judges.
fn decoder(rows: Source<'_>) -> String {
    const ROWS: [&str; 5] = [
        "photographs",
        "default",
        "prior",
        "components",
        "components-prior",
    ];
    const HEADINGS: [&str; 11] = [
        "", "AUC", "unasked", "rank", "KID", "varied", "nearest", "160 px", "80 px", "40 px",
        "detail",
    ];
    let cells = |name: &str| {
        let row = rows.at(name);
        let both = |path: &str, decimals| {
            let [first, second] = ["judge", "second_judge"]
                .map(|judge| row.say(&format!("{judge}/{path}"), decimals));
            format!("{first} / {second}")
        };
        let pixels = |what: &str, decimals| row.say(&format!("pixels/{what}"), decimals);
        vec![
            format!("`{name}`"),
            both("auc", 3),
            both("other_deviation", 3),
            both("rank", 1),
            both("kid", 2),
            variety(row),
            row.say("identity/training_distance", 2),
            pixels("texture_fine", 2),
            pixels("texture_middle", 2),
            pixels("texture_coarse", 2),
            pixels("detail", 3),
        ]
    };
    table(&HEADINGS, &ROWS.map(cells))
}

#[test]
fn what_is_said_of_faces_is_what_was_measured() {
    let file = read(FILE);
    let file = Source(&file);
    let mut document = Document::open("docs/generation.md").section("## Results");
    document.table("decoder", &decoder(file.at("rows")));
    document.table("methods", &methods(&file.at("rows").list()));
    sentences(&mut document, file);
    short_requests(&mut document, Source(&read(REQUESTS)));
    document.says("\u{b1} is half of a 95 % interval");
    document.holds_and_says_nothing_else();
}

fn sentences(document: &mut Document, file: Source<'_>) {
    let rows = file.at("rows");
    let say = |path: &str, decimals| rows.say(path, decimals);
    let sets = file.number("run/sets");
    document.says(&format!(
        "AUC {} to {}, KID {} to {} by the judge and {} to {} by the second, rank of the person {} to {} of {sets}",
        say("prior/judge/auc", 3),
        say("default/judge/auc", 3),
        say("prior/judge/kid", 2),
        say("default/judge/kid", 2),
        say("prior/second_judge/kid", 2),
        say("default/second_judge/kid", 2),
        say("prior/identity/rank", 0),
        say("default/identity/rank", 0),
    ));
    document.says(&format!(
        "`no-network-k1` has AUC {} and rank {}, at KID {}",
        say("no-network-k1/judge/auc", 3),
        say("no-network-k1/identity/rank", 0),
        say("no-network-k1/judge/kid", 2),
    ));
    document.says(&format!(
        "AUC {}, where photographs of these very people have {} and photographs with the nearest labels {}",
        say("default/judge/auc", 3),
        say("photographs/judge/auc", 3),
        say("nearest-labels/judge/auc", 3),
    ));
    document.says(&format!(
        "number {} of {sets} on average (chance is {}), by a photograph of a stranger with the nearest labels number {}, by \
        another photograph of the person number {}",
        say("default/identity/rank", 0),
        fixed((sets + 1.0) / 2.0, 1),
        say("nearest-labels/identity/rank", 0),
        say("other-photograph/identity/rank", 0),
    ));
    document.says(&format!(
        "raises AUC from {} to {}; KID is {} without it and {} with it",
        say("no-likelihood/judge/auc", 3),
        say("default/judge/auc", 3),
        say("no-likelihood/judge/kid", 2),
        say("default/judge/kid", 2),
    ));
    document.says(&format!(
        "(`unbounded-likelihood`), KID is {}",
        say("unbounded-likelihood/judge/kid", 2)
    ));
    document.says(&format!(
        "KID from {} to {} and AUC from {} to {}",
        say("open/judge/kid", 2),
        say("default/judge/kid", 2),
        say("open/judge/auc", 3),
        say("default/judge/auc", 3),
    ));
    probes(document, file.at("probes"));
}

fn probes(document: &mut Document, probes: Source<'_>) {
    let short = probes.at("short").list();
    let seen: Vec<_> = short
        .iter()
        .filter(|shown| shown.at("of_photographs").0.as_f64() > Some(0.5))
        .collect();
    let shown = seen
        .iter()
        .filter(|shown| shown.number("probability") > 0.5);
    assert_eq!(
        shown.count(),
        seen.len(),
        "the sentence says that all are visible"
    );
    let count = seen.len();
    document.says(&format!(
        "of the {count} attributes that the judge sees in the median photograph with that attribute, all {count} are visible"
    ));
    let flips = probes.at("flips").list().into_iter();
    let mut flips: Vec<(f64, &str)> = flips
        .map(|flip| {
            let ratio = flip.number("moved") / flip.number("others");
            (ratio, flip.at("attribute").text())
        })
        .collect();
    flips.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (least, most) = (flips[0], flips[flips.len() - 1]);
    let named = |flip: (f64, &str)| format!("{:.1} ({}", flip.0, flip.1.to_lowercase());
    document.says(&format!("moves it {}", named(least)));
    document.says(&format!("to {}", named(most)));
    let varied = probes.at("varied").list();
    let mut varied: Vec<f64> = varied.iter().map(|v| v.number("of_alike")).collect();
    varied.sort_by(f64::total_cmp);
    document.says(&format!(
        "differ {:.2} to {:.2} times as much as two photographs",
        varied[0],
        varied[varied.len() - 1]
    ));
    calibration(document, &probes.at("calibration").list());
}

/// The mean of a figure of all requests.
fn mean_of(all: &[Source<'_>], path: &str) -> f64 {
    mean(all.iter().map(|request| request.number(path)))
}

fn short_requests(document: &mut Document, file: Source<'_>) {
    let all = file.at("calibration").list();
    let over = |path| mean_of(&all, path);
    let more = |c: &&Source<'_>| c.number("requested") > c.number("requested_of_photographs");
    assert_eq!(
        all.iter().filter(more).count(),
        all.len(),
        "the sentence says all"
    );
    document.says(&format!(
        "all other attributes differ by {:.3}, of which {:.3} is chance; what was asked is more probable than in photographs in \
        all {}",
        over("other_deviation"),
        over("chance"),
        all.len(),
    ));
    let mut varied = file.at("varied").list();
    let alike = |v: &Source<'_>| v.number("of_alike");
    varied.sort_by(|a, b| alike(a).total_cmp(&alike(b)));
    let least = varied[0];
    let asked: Vec<_> = least.at("asked").list().iter().map(|a| a.text()).collect();
    document.says(&format!(
        "differ {:.2} times as much as two photographs on average over six requests, least, {:.2}, for \"{}\"",
        mean_of(&varied, "of_alike"),
        alike(&least),
        asked.join(", "),
    ));
}

fn calibration(document: &mut Document, all: &[Source<'_>]) {
    let over = |path| mean_of(all, path);
    let asked = |c: &&Source<'_>| {
        c.at("asked")
            .list()
            .iter()
            .map(|a| a.text())
            .eq(["Smiling"])
    };
    let smiling = all.iter().find(asked).unwrap();
    document.says(&format!(
        "Of {} short requests that enough photographs fit, what was asked has a probability of {:.2} on average, in photographs \
        {:.2}; all other attributes differ by {:.3} on average from those of the photographs, of \"Smiling\" alone by {}",
        all.len(),
        over("requested"),
        over("requested_of_photographs"),
        over("other_deviation"),
        smiling.say("other_deviation", 3),
    ));
    let photographs = all.iter().map(|c| c.number("photographs") as u64);
    document.says(&format!(
        "with {} to {} photographs",
        photographs.clone().min().unwrap(),
        photographs.max().unwrap()
    ));
}
