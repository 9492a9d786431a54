//! Whole pages, read as text.

use super::*;
use crate::{
    gallery::cell::tests::face,
    wishes::tests::{wish, wishes},
};

const SEEN: [(&str, f32, Option<bool>); 3] = [
    ("Male", 0.9, Some(true)),
    ("Smiling", 0.2, Some(true)),
    ("Bald", 0.6, None),
];

fn page(base: &str, seeds: &[u64], command: &str) -> String {
    let plan = Plan::new(wishes(base), &[wish("Smiling")], &[], true);
    let row = |_| seeds.iter().map(|_| face(3, &SEEN).unwrap()).collect();
    let cells: Vec<Vec<Cell>> = plan.rows.iter().map(row).collect();
    Page {
        plan: &plan,
        seeds,
        cells: &cells,
        command,
    }
    .html()
}

/// The tags of a page, without the values of their attributes.
fn tags(html: &str) -> Vec<String> {
    let inside = html
        .split('<')
        .skip(1)
        .filter_map(|tag| tag.split('>').next());
    let bare = |tag: &str| tag.split('"').step_by(2).collect::<String>();
    inside.map(bare).collect()
}

/// The page without its style and script, which are not markup.
fn markup(html: &str) -> String {
    html.replace(STYLE, "").replace(SCRIPT, "")
}

#[test]
fn there_is_a_face_for_every_row_and_seed() {
    let html = page("Male", &[5, 6, 7], "deepface gallery Male");
    assert!(html.contains("<title>Male: seeds 5 to 7 - DeepFace</title>"));
    assert_eq!(html.matches("<button").count(), 3 * 3);
    assert_eq!(html.matches("data:image/png;base64,").count(), 3 * 3);
    assert_eq!(html.matches("data:image/jpeg;base64,").count(), 3 * 3);
    assert_eq!(
        html.matches("<tbody>").count(),
        2,
        "one for the base, one for the pair"
    );
    assert!(html.contains("alt=\"Face generated for: Male, not Smiling; seed 6\""));
    assert!(html.contains("data-moments=\"10:1.0000 20:0.5000 30:0.3333\""));
    assert!(html.contains("✗ Smiling 20 %") && html.contains("1 of 2 seen as asked"));
    assert!(html.contains("0123abcd") && html.contains("deepface gallery Male</code>"));
    assert_eq!(html.matches("Also seen").count(), 3);
    assert_eq!(html.matches("Changed most").count(), 6);
}

#[test]
fn every_picture_has_a_text() {
    let html = markup(&page("Male", &[0], "deepface gallery"));
    assert_eq!(html.matches("<img").count(), html.matches(" alt=").count());
    assert!(html.contains("Male: seed 0</h1>"));
}

#[test]
fn the_script_finds_what_it_looks_for() {
    let html = markup(&page("Male", &[0, 1], "deepface gallery"));
    for id in ["all", "step", "detail", "moment", "caption"] {
        assert_eq!(html.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
    }
    for part in ["class=\"cell\"", "<template>", "<polyline", "<circle"] {
        assert_eq!(html.matches(part).count(), 3 * 2, "{part}");
    }
    assert_eq!(html.matches("class=\"film\"").count(), 3 * 2 + 1);
}

#[test]
fn what_was_typed_cannot_become_markup() {
    let hostile = "</code><script>alert(\"x\")</script><img src=x onerror='y'>\u{0}";
    let plain = tags(&markup(&page("Male", &[0, 1], "deepface")));
    let html = markup(&page(hostile, &[0, 1], hostile));
    let names = |tags: &[String]| -> Vec<String> {
        let name = |tag: &String| tag.split(' ').next().unwrap_or_default().to_owned();
        tags.iter().map(name).collect()
    };
    assert_eq!(names(&tags(&html)), names(&plain));
    assert!(tags(&html).iter().all(|tag| !tag.contains("onerror")));
    assert!(!html.contains('\u{0}'));
}

#[test]
fn nothing_is_fetched() {
    let html = page("Male", &[0], "deepface gallery");
    for foreign in [
        "http://", "https://", "src=\"/", "@import", "fetch(", "import(",
    ] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    assert!(html.contains("default-src 'none'"));
}
