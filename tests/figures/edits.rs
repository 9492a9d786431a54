//! What changed photographs are like: docs/generation.md, held against what `deepface evaluate` wrote.

use crate::document::Document;
use crate::evaluation::estimate;
use crate::source::{Source, fixed, read, table};

/// The rows whose kinds of change are compared.
const COMPARED: [&str; 2] = ["edit", "dfi-2"];

/// All rows.
fn rows(rows: &[Source<'_>]) -> String {
    let headings = [
        "",
        "asked",
        "changed",
        "changed, second judge",
        "flipped",
        "flipped, second judge",
        "drift",
        "KID",
        "alike",
        "same",
        "fc7",
    ];
    let row = |row: &Source<'_>| {
        // Strangers have no distance from photographs.
        let kid = match row.at("judge").0.get("kid") {
            Some(_) => estimate(*row, "judge/kid", 2),
            None => "-".to_owned(),
        };
        vec![
            format!("`{}`", row.at("name").text()),
            estimate(*row, "judge/wished", 2),
            estimate(*row, "judge/changed", 2),
            estimate(*row, "second_judge/changed", 2),
            estimate(*row, "judge/flipped", 1),
            estimate(*row, "second_judge/flipped", 1),
            estimate(*row, "judge/drift", 3),
            kid,
            estimate(*row, "identity/similarity", 2),
            estimate(*row, "identity/verified", 2),
            estimate(*row, "classifier/compared", 2),
        ]
    };
    table(&headings, &rows.iter().map(row).collect::<Vec<_>>())
}

/// Each kind of change.
fn wishes(wishes: &[Source<'_>]) -> String {
    let headings = [
        "",
        "photographs",
        "`edit` changed",
        "flipped",
        "same",
        "`dfi-2` changed",
        "flipped",
        "same",
    ];
    let row = |wished: &Source<'_>| {
        let of = |name: &str| wished.at("rows").named(name);
        let mut cells = vec![
            wished.at("name").text().to_owned(),
            of("photograph").say("faces", 0),
        ];
        for name in COMPARED {
            let row = of(name);
            cells.push(match row.at("changed").0.is_null() {
                true => "-".to_owned(),
                false => row.say("changed", 2),
            });
            cells.extend([row.say("flipped", 1), row.say("same", 2)]);
        }
        cells
    };
    table(&headings, &wishes.iter().map(row).collect::<Vec<_>>())
}

#[test]
fn what_is_said_of_changed_photographs_is_what_was_measured() {
    let file = read("edits.json");
    let file = Source(&file);
    let mut document = Document::open("docs/generation.md").section("### Changing a given face");
    document.table("edits", &rows(&file.at("rows").list()));
    document.table("wishes", &wishes(&file.at("wishes").list()));
    sentences(&mut document, file);
    document.holds_and_says_nothing_else();
}

fn sentences(document: &mut Document, file: Source<'_>) {
    let rows = file.at("rows");
    let say = |path: &str, decimals| rows.say(path, decimals);
    let changed = |row: &str| say(&format!("{row}/judge/changed"), 2);
    let flipped = |row: &str| say(&format!("{row}/judge/flipped"), 1);
    document.says("\u{b1} is half of a 95 % interval");
    document.says(&format!(
        "makes {} changes of photographs of {} people",
        say("edit/faces", 0),
        file.say("people", 0)
    ));
    document.says(&format!(
        "{} and {} of the photographs change as asked, by the second judge {} and {}, {} and {} other attributes flip, and the \
        cosine to the person is {} and {}.",
        changed("edit"),
        changed("dfi-2"),
        say("edit/second_judge/changed", 2),
        say("dfi-2/second_judge/changed", 2),
        flipped("edit"),
        flipped("dfi-2"),
        say("edit/identity/similarity", 2),
        say("dfi-2/identity/similarity", 2),
    ));
    document.says(&format!(
        "`dfi-4` changes {}, flips {}, and only {} are taken for the same person",
        changed("dfi-4"),
        flipped("dfi-4"),
        say("dfi-4/identity/verified", 2),
    ));
    document.says(&format!(
        "Without it, {} change, where `dfi` changes {}. The regression moves one attribute and holds all others, so {} others flip \
        and not {};",
        changed("edit-no-likelihood"),
        changed("dfi"),
        flipped("edit-no-likelihood"),
        flipped("dfi"),
    ));
    document.says(&format!(
        "{} of the changed photographs are taken for the same person, of strangers who are as asked {}.",
        say("edit/identity/verified", 2),
        say("stranger/identity/verified", 2),
    ));
    document.says(&format!(
        "{} of the other attributes are decided otherwise, of a stranger with the nearest labels {}.",
        flipped("edit"),
        flipped("stranger"),
    ));
    let wish = |name: &str, path: &str, decimals| {
        let edit = file.at("wishes").named(name).at("rows").named("edit");
        edit.say(path, decimals)
    };
    document.says(&format!(
        "Blond Hair changes {} of the photographs, Gray Hair {}, Bald {}.",
        wish("Blond Hair", "changed", 2),
        wish("Gray Hair", "changed", 2),
        wish("Bald", "changed", 2),
    ));
    let blond = file
        .at("wishes")
        .named("Blond Hair")
        .at("rows")
        .named("edit");
    document.says(&format!(
        "for Blond Hair, {} other attributes flip and {} are no longer taken for the same person",
        wish("Blond Hair", "flipped", 1),
        fixed(1.0 - blond.number("same"), 2),
    ));
}
