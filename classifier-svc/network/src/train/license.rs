//! The licence of what is learned from a data set, where the user states none.

use deepface_dataset::Dataset;

/// Of what is learned from LFW.
const LFW: &str =
    "Research only: trained on Labeled Faces in the Wild with machine-made attribute labels";
/// Of what is learned from LFW without its labels.
const LFW_PEOPLE: &str = "Research only: trained on Labeled Faces in the Wild to tell people apart";
/// Of what is learned from other photographs.
const NONE: &str = "None stated: trained on photographs and labels with licences of their own";

/// The licence to state; `people` says that only who is who was learned.
pub(crate) fn usual(dataset: &Dataset, people: bool) -> &'static str {
    match dataset.by_person {
        true if people => LFW_PEOPLE,
        true => LFW,
        false => NONE,
    }
}
