//! The table of faces: a row per request, a column per seed.

use deepface_report::data_uri;
use maud::{Markup, html};

use super::{Cell, Page, Row, caption::caption, mark, percent};
use crate::{
    gallery::cell::{granted, mean},
    wishes::say_all,
};

impl Page<'_> {
    pub(super) fn faces(&self) -> Markup {
        let same = |a: &Row, b: &Row| match (&a.varied, &b.varied) {
            (Some(a), Some(b)) => a.name == b.name,
            _ => false,
        };
        let mut rows = self.plan.rows.iter().zip(self.cells).enumerate();
        html! {
            div class="scroll" {
                table class="faces" {
                    thead {
                        tr {
                            td {}
                            @for seed in self.seeds { th scope="col" { "seed " (seed) } }
                        }
                    }
                    @for group in self.plan.rows.chunk_by(same) {
                        tbody {
                            @for (i, (row, cells)) in rows.by_ref().take(group.len()) {
                                (self.row(i, row, cells))
                            }
                        }
                    }
                }
            }
        }
    }

    fn row(&self, i: usize, row: &Row, cells: &[Cell]) -> Markup {
        let reference = self.cells.first().filter(|_| i > 0 && self.plan.has_base());
        html! {
            tr {
                th scope="row" { (row.label()) small { (seen_in_all(row, cells)) } }
                @for (j, (&seed, cell)) in self.seeds.iter().zip(cells).enumerate() {
                    (face(row, seed, cell, reference.and_then(|cells| cells.get(j))))
                }
            }
        }
    }
}

/// A face, and the text that is shown once it is chosen.
fn face(row: &Row, seed: u64, cell: &Cell, before: Option<&Cell>) -> Markup {
    let asked = say_all(&row.wishes);
    let alt = format!("Face generated for: {asked}; seed {seed}");
    html! {
        td {
            (button(row, cell, &alt))
            template {
                h2 { (row.label()) ", seed " (seed) }
                p { "Asked for: " (asked) }
                (caption(cell, before))
            }
        }
    }
}

/// What can be pointed at: the face, with its iterates behind it.
fn button(row: &Row, cell: &Cell, alt: &str) -> Markup {
    let moment = |(step, loss): &(i32, f64)| format!("{step}:{loss:.4}");
    let moments: Vec<String> = cell.moments.iter().map(moment).collect();
    let film = data_uri("image/jpeg", &cell.film);
    html! {
        button type="button" class="cell" data-moments=(moments.join(" "))
            data-end=(moment(&(cell.steps, cell.loss)))
        {
            span class="picture" {
                img src=(data_uri("image/png", &cell.picture)) width=(cell.side) height=(cell.side) alt=(alt);
                span class="film" style={ "background-image:url(" (film) ")" } {}
            }
            span class="short" { (short(row, cell)) }
        }
    }
}

/// What stands below a face: what the classifier sees of the attribute that its row varies, or how much of the request.
fn short(row: &Row, cell: &Cell) -> String {
    let varied = row.varied.as_ref();
    if let Some(attribute) = varied.and_then(|varied| cell.attribute(&varied.name)) {
        let (mark, probability) = (mark(attribute), percent(attribute.probability));
        return format!("{mark} {} {probability}", attribute.name);
    }
    let asked = cell.asked().count();
    let granted = cell.asked().filter(|attribute| granted(attribute)).count();
    format!("{granted} of {asked} seen as asked")
}

/// What stands below the name of a row: the mean over its faces.
fn seen_in_all(row: &Row, cells: &[Cell]) -> String {
    if let Some(varied) = &row.varied {
        return format!("{} on average", percent(mean(cells, &varied.name)));
    }
    let asked = || cells.iter().flat_map(Cell::asked);
    let granted = asked().filter(|attribute| granted(attribute)).count();
    format!(
        "{granted} of {} requested attributes seen as asked",
        asked().count()
    )
}
