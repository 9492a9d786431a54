//! What was asked of the generator.

use maud::{Markup, html};

use crate::report::{Row, Set};

/// What each row is, and the settings it was made with.
pub(super) fn methods(rows: &[Row]) -> Markup {
    html! {
        h2 { "Methods" }
        @for row in rows {
            p {
                b { (row.name) } ": " (row.note)
                @if let Some(settings) = &row.settings { br; code { (settings) } }
            }
        }
    }
}

/// The attributes of each set, and the photograph that has them.
pub(super) fn sets(sets: &[Set]) -> Markup {
    html! {
        details {
            summary { "The attribute sets" }
            ol {
                @for set in sets { li { (set.source) ": " (set.attributes.join(", ")) } }
            }
        }
    }
}
