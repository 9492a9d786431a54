//! A page of faces: `plan` says which, `cell` is what becomes of each, `page` is the HTML.

mod cell;
mod page;
mod plan;

pub(crate) use cell::{Cell, mean};
pub(crate) use page::Page;
pub(crate) use plan::{Plan, Row, default_sweep};
