//! Section 5.2 and table 2: class visualisation, inversion, and faces of people.

use maud::{Markup, html};

use super::parts::{claim, percent, picture, table, three};
use crate::error::PaperError;
use crate::experiments::{Portrait, inversion, likeness, visualization};
use crate::paper::Paper;
use crate::store::Store;

pub(super) fn section(store: &Store, paper: &Paper) -> Result<Markup, PaperError> {
    Ok(html! {
        h2 { "Section 5.2: generating images" }
        (baseline(store, paper)?)
        (inversions(store, paper)?)
    })
}

fn baseline(store: &Store, paper: &Paper) -> Result<Markup, PaperError> {
    let found = &paper.visualizations;
    let rows = found.kinds.iter().map(|kind| {
        let one = kind.faces.iter().filter(|&&n| n == 1).count();
        let several = kind.faces.iter().filter(|&&n| n > 1).count();
        let none = kind.faces.len() - one - several;
        vec![
            kind.kind.clone(),
            none.to_string(),
            one.to_string(),
            several.to_string(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let several = found.kinds.iter().flat_map(|kind| &kind.faces);
    let several = several.filter(|&&faces| faces > 1).count();
    let pictures: usize = found.kinds.iter().map(|kind| kind.faces.len()).sum();
    Ok(html! {
        h3 { "The baseline: class visualisation" }
        p { "Attributes: " (found.attributes.join(", ")) ". A row for each way to climb, a column for each seed." }
        (picture(store, visualization::PICTURE, "class visualisations")?)
        (table(&["faces that a detector finds", "none", "one", "several"], &rows))
        (claim(
            "A picture by class visualisation has several sets of noses, eyes and eyebrows.",
            2 * several > pictures,
            &format!("A detector finds more than one face in {several} of {pictures} pictures. It sees whole faces, not single noses: look at the picture."),
        ))
    })
}

fn inversions(store: &Store, paper: &Paper) -> Result<Markup, PaperError> {
    let found = &paper.inversions;
    let rows = found.kinds.iter().map(|kind| {
        vec![
            kind.kind.clone(),
            three(kind.pixels),
            percent(kind.attributes),
            percent(kind.identity),
        ]
    });
    let headings = ["", "pixels (RMS)", "attributes alike", "person alike"];
    let like = |name: &str| {
        let kind = found.kinds.iter().find(|kind| kind.kind == name)?;
        Some(kind.identity)
    };
    let pair = (
        like("conv4_3 in pixels"),
        like("cGMM on conv4_3, the paper's method"),
    );
    Ok(html! {
        h3 { "Figure 5: target, vanilla inversion, cGMM inversion" }
        p {
            "From left to right: the photograph, then every row of the table. The first ones know the photograph's activations, the last four \
            its attributes only. Means over " (found.people) " people; alike are cosines about the mean of other people, by the classifier's fc7 \
            and by a network that knows people."
        }
        (picture(store, inversion::PICTURE, "inversions")?)
        (table(&headings, &rows.collect::<Vec<_>>()))
        @if let (Some(vanilla), Some(mixture)) = pair {
            (claim(
                "Feature inversion is a reasonable approach as long as the target activations are known.",
                vanilla > mixture,
                &format!("In pixels from conv4_3, the person is alike by {} from the photograph's own activations, by {} from the cGMM's.", percent(vanilla), percent(mixture)),
            ))
        }
    })
}

/// Table 2 and figure 8.
pub(super) fn people(store: &Store, paper: &Paper) -> Result<Markup, PaperError> {
    let found = &paper.likenesses;
    let stated = likeness::PAPER.iter().map(|row| row.1);
    let stated = stated.sum::<f64>() / likeness::PAPER.len() as f64;
    let people = found.people.len().max(1) as f64;
    let mean = |of: &dyn Fn(&Portrait) -> f64| found.people.iter().map(of).sum::<f64>() / people;
    let [attributes, identity] = [0, 1].map(|k| mean(&|p| p.default[k]));
    let ahead = [0, 1].map(|k| mean(&|p| p.ahead[k]));
    Ok(html! {
        h2 { "Table 2 and figure 8: faces of people" }
        p {
            "The attributes of one photograph of each of " (found.people.len()) " test people were asked for. Similarity to that photograph, "
            "in percent; a stranger is the middle one of " (found.strangers) " people, which is the level of chance."
        }
        (picture(store, likeness::PICTURE, "photograph, another photograph, four default faces, two by the paper's method")?)
        p { "From left to right: the photograph, another of the same person, faces by this project's default, faces by the paper's method." }
        h3 { "By attributes: the classifier's fc7, as " code { "deepface compare" } }
        (similarities(&found.people, 0))
        h3 { "By identity: a network that knows people" }
        (similarities(&found.people, 1))
        (claim(
            &format!("Generated faces are similar to the person, by 22 to 52 %, {stated:.0} % in the mean."),
            ahead[1] > 0.95,
            &format!(
                "By attributes {}, more than {} of the strangers; by identity {}, more than {} of them. A percentage of similarity means nothing without the level of chance.",
                percent(attributes), percent(ahead[0]), percent(identity), percent(ahead[1]),
            ),
        ))
    })
}

fn similarities(people: &[Portrait], network: usize) -> Markup {
    let cells = |p: &Portrait| {
        let values = [
            p.default,
            p.best,
            p.paper,
            p.other,
            p.mean_face,
            p.stranger,
            p.ahead,
        ];
        values.map(|value| percent(value[network]))
    };
    let rows = people.iter().map(|p| {
        let names = [p.person.clone(), p.attributes.to_string()];
        names.into_iter().chain(cells(p)).collect()
    });
    let headings = [
        "",
        "attributes",
        "default, mean",
        "default, best",
        "paper's method",
        "other photograph",
        "mean face",
        "stranger",
        "strangers less alike",
    ];
    table(&headings, &rows.collect::<Vec<_>>())
}
