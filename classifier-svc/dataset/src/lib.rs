//! Labelled photographs in the public LFW layout: what the classifier is trained on, the generator's statistics
//! are fitted to, and both are measured with.
//!
//! A folder per person (`Aaron_Peirsol/Aaron_Peirsol_0001.jpg`) and one `*_attributes.txt` beside or above them,
//! tab separated: comment lines, a header, then person, image number and a score per attribute (Kumar et al.,
//! ICCV 2009; PubFig's file has the same form). A score above 0 is a positive label.

mod labels;
mod split;

pub use labels::{Dataset, DatasetError, Photograph};
pub use split::{Split, split_of};
