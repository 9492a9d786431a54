//! The figures of a row, each with what it is called and means.

use serde::Serialize;

/// A figure that has an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Mean area under the ROC curve over the attributes that some faces were asked for and some not.
    Auc,
    /// Mean probability of what was asked for.
    Requested,
    /// Mean over attributes: how far their probability in faces that were asked for them is from that in photographs that
    /// have them.
    RequestedDeviation,
    /// The same for faces that were not asked for them, and photographs without them.
    OtherDeviation,
    /// Mean cosine to the source photograph, after the mean embedding is taken away.
    Similarity,
    /// Mean rank of the source photograph among all sources, by that cosine; 1 is the best.
    Rank,
    /// Kernel distance from the reference photographs.
    Kid,
    /// Share of faces that lie in the neighbourhood of a reference.
    Precision,
    /// Share of references that lie in the neighbourhood of a face.
    Recall,
    /// Share of references that have a face in their neighbourhood.
    Coverage,
    /// Mean distance from the mean face, over that of the source photographs.
    MeanFaceDistance,
    /// Mean distance from the nearest training face, over that of the source photographs.
    TrainingDistance,
    /// Share of faces in which a face detector finds a face.
    Detected,
    /// Share of spectral energy above 0.2 cycles a pixel, at 64 pixels.
    Detail,
    /// Sliced Wasserstein distance of patches from those of the references, at 160 pixels.
    TextureFine,
    /// At 80 pixels.
    TextureMiddle,
    /// At 40 pixels.
    TextureCoarse,
    /// Mean probability that a changed photograph shows what was asked for, or lacks what should go.
    Wished,
    /// Share of the changed photographs that show it, of those that did not before, by decisions at one half.
    Changed,
    /// Mean number of other attributes whose decision at one half differs from the photograph's.
    Flipped,
    /// Mean absolute difference of their probabilities from the photograph's.
    Drift,
    /// Share of the changed photographs that are near enough to the photograph to be of one person.
    Verified,
    /// Mean cosine to the photograph as the classifier's Compare has it.
    Compared,
}

/// How a figure is printed.
pub(crate) struct Style {
    pub(crate) heading: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) digits: usize,
}

/// By a network that knows attributes.
pub(crate) const BY_ATTRIBUTES: [Figure; 9] = [
    Figure::Auc,
    Figure::Requested,
    Figure::RequestedDeviation,
    Figure::OtherDeviation,
    Figure::Rank,
    Figure::Similarity,
    Figure::Kid,
    Figure::Coverage,
    Figure::MeanFaceDistance,
];

/// By a network that knows people.
pub(crate) const BY_IDENTITY: [Figure; 7] = [
    Figure::Rank,
    Figure::Similarity,
    Figure::Kid,
    Figure::Precision,
    Figure::Recall,
    Figure::Coverage,
    Figure::TrainingDistance,
];

/// Without a network.
pub(crate) const BY_PIXELS: [Figure; 5] = [
    Figure::Detected,
    Figure::Detail,
    Figure::TextureFine,
    Figure::TextureMiddle,
    Figure::TextureCoarse,
];

impl Figure {
    pub(crate) fn style(self) -> Style {
        let style = |heading, meaning, digits| Style {
            heading,
            meaning,
            digits,
        };
        match self {
            Self::Auc => style(
                "AUC",
                "probability that a face with a requested attribute scores above one without; 0.5 is chance",
                3,
            ),
            Self::Requested => style("asked", "mean probability of the requested attributes", 3),
            Self::RequestedDeviation => style(
                "off",
                "how far an attribute's probability in faces that were asked for it is from that in photographs that have \
                 it; mean over attributes",
                3,
            ),
            Self::OtherDeviation => style(
                "unasked",
                "the same in faces that were not asked for it, and in photographs without it",
                3,
            ),
            Self::Rank => style(
                "rank",
                "rank of the source photograph among all sources, by similarity; 1 is best",
                2,
            ),
            Self::Similarity => style(
                "alike",
                "cosine similarity to the source photograph: of attributes, or of the person by the identity network",
                3,
            ),
            Self::Kid => style(
                "KID",
                "kernel distance from photographs of other people; near 0 for photographs",
                3,
            ),
            Self::Precision => style(
                "precise",
                "share of faces among photographs (within reach of the 5 nearest), of one face per set",
                2,
            ),
            Self::Recall => style("recall", "share of photographs among faces", 2),
            Self::Coverage => style(
                "covered",
                "share of photographs that have a face near them",
                2,
            ),
            Self::MeanFaceDistance => style(
                "far",
                "distance from the mean face, relative to the source photographs",
                2,
            ),
            Self::TrainingDistance => style(
                "nearest",
                "distance from the nearest face of the training people, relative to the source photographs",
                2,
            ),
            Self::Detected => style(
                "face",
                "share of faces in which a face detector finds a face",
                2,
            ),
            Self::Detail => style(
                "detail",
                "share of spectral energy above 0.2 cycles per pixel",
                3,
            ),
            Self::TextureFine => style(
                "160 px",
                "sliced Wasserstein distance of patches of the finest level of a Laplacian pyramid from those of \
                 photographs, in their standard deviations",
                3,
            ),
            Self::TextureMiddle => style("80 px", "the same of the next level", 3),
            Self::Wished => style(
                "asked",
                "mean probability that what was asked for is there, or that what should go is not",
                3,
            ),
            Self::Changed => style(
                "changed",
                "share in which it is, by decisions at one half, of the photographs in which it was not",
                2,
            ),
            Self::Flipped => style(
                "flipped",
                "other attributes, outside the group of the one asked for, whose decision at one half is another than in \
                 the photograph",
                2,
            ),
            Self::Drift => style(
                "drift",
                "mean absolute difference of the probabilities of those attributes",
                3,
            ),
            Self::Verified => style(
                "same",
                "share within the distance of 0.6 that dlib takes for one person",
                2,
            ),
            Self::Compared => style(
                "fc7",
                "cosine to the photograph by the classifier, the similarity of its Compare",
                3,
            ),
            Self::TextureCoarse => style("40 px", "the same of what is left below them", 3),
        }
    }
}
