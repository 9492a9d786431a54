//! Labelled photographs: what the classifier is trained on, the generator's statistics are fitted to, and both are measured
//! with.
//!
//! Three layouts are read. **LFW and PubFig**: a folder per person (`Aaron_Peirsol/Aaron_Peirsol_0001.jpg`) and a table of
//! person, image number and a score per attribute (Kumar et al., ICCV 2009). **CelebA**: `list_attr_celeba.txt`, and
//! `identity_CelebA.txt` and `list_eval_partition.txt` where they are there. **Any table** with a column of files and a
//! column per attribute. A score above 0 is a positive label.

mod celeba;
mod check;
mod columns;
mod dataset;
mod error;
mod fields;
mod header;
mod people;
mod photograph;
mod places;
mod spelling;
mod split;
mod table;
mod text;

pub use check::Unreadable;
pub use columns::Vocabulary;
pub use dataset::{Dataset, Source};
pub use error::DatasetError;
pub use people::{person_numbers, person_weights};
pub use photograph::{Crop, Photograph, PhotographError};
pub use split::{Split, split_of};
