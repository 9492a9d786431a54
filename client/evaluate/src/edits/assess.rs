//! From what the networks saw in changed photographs to figures.

use std::collections::{BTreeMap, BTreeSet};

use deepface_attributes::{AttributeId, Schema};

use super::wishes::{WISHES, Wish};
use super::{Changed, EDIT, STRANGER};
use crate::eyes::{Network, Views};
use crate::figure::Figure;
use crate::gallery::{Face, Gallery};
use crate::measured::DrawnFigures;
use crate::measures::{
    ALL, KernelDistance, Measure, Samples, Sources, distance, mean, mean_of_sets, mean_vector,
};
use crate::report::{Edits, Figures, Row, Verdict, WishRow, Wished};
use crate::view::View;

/// Distance below which dlib's documentation takes two embeddings for one person's. What is close differs from group to
/// group (`models/README.md`), so the row of strangers belongs beside it.
const SAME: f64 = 0.6;
/// Both judges, whose decisions count.
const JUDGES: [Network; 2] = [Network::Judge, Network::SecondJudge];

/// What the networks saw.
pub(crate) struct Judged<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) changed: &'a Changed,
    /// The views of each face of each gallery.
    pub(crate) views: &'a [Vec<Views>],
    /// The classifier's similarity of each of them to its photograph.
    pub(crate) compared: &'a [Vec<f64>],
    pub(crate) sources: &'a [Views],
    pub(crate) references: &'a [Views],
}

/// What a judge says of one changed photograph.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Opinion {
    /// Probability that it is as asked, before and after.
    asked: [f64; 2],
    /// Other attributes that are decided otherwise.
    flipped: f64,
    /// Mean absolute difference of their probabilities.
    drift: f64,
}

/// Everything that was seen of one face.
struct Seen<'a> {
    set: usize,
    wish: &'a Wish,
    views: &'a Views,
    /// Of both judges.
    opinions: [Option<Opinion>; 2],
    /// Distance from the photograph by the identity network.
    distance: f64,
    /// Cosine to it.
    cosine: f64,
    compared: f64,
}

impl Opinion {
    /// Whether the change happened; `None` where there was nothing to change in the judge's eyes.
    fn changed(&self) -> Option<bool> {
        let [before, after] = self.asked.map(|p| p > 0.5);
        (!before).then_some(after)
    }
}

/// The figures of all rows, and of every kind of change.
pub(crate) fn assess(of: &Judged<'_>) -> Edits {
    let sets: BTreeSet<usize> = of.changed.edits.iter().map(|edit| edit.set).collect();
    // People are numbered as sources, some of whom may suit no change.
    let people = sets.last().map_or(0, |last| last + 1);
    let samples = Samples::new(people, of.references.len());
    let embeddings = |views: &[Views], network| -> Vec<Vec<f32>> {
        let all = views.iter().map(|v| v.by(network).embedding.clone());
        all.collect()
    };
    let mean = mean_vector(&embeddings(of.references, Network::Identity));
    let sources = of.sources.get(..people).unwrap_or(of.sources);
    let persons = Sources::new(&embeddings(sources, Network::Identity), mean);
    let judged = embeddings(of.references, Network::Judge);
    let kernel = KernelDistance::from(&judged, &samples);

    let galleries = &of.changed.galleries;
    let all = galleries.iter().zip(of.views).zip(of.compared);
    let seen = all.map(|((gallery, views), compared)| see(of, gallery, views, compared, &persons));
    let seen: Vec<Vec<Seen<'_>>> = seen.collect();
    let drawn = galleries.iter().zip(&seen).map(|(gallery, seen)| {
        let mut measures = measures(seen);
        // Strangers are references, from which they have no distance.
        if gallery.name != STRANGER {
            let faces = seen.iter();
            let faces = faces.map(|s| (s.set, &s.views.by(Network::Judge).embedding[..]));
            let faces = kernel.to(&faces.collect::<Vec<_>>());
            let distance: Measure<'_> = Box::new(move |weights| faces.at(weights));
            measures[Network::Judge as usize].insert(Figure::Kid, distance);
        }
        measures.map(|measures| DrawnFigures::of(measures, &samples, ALL))
    });
    let drawn: Vec<_> = drawn.collect();
    let own = galleries.iter().position(|gallery| gallery.name == EDIT);
    let rows = galleries.iter().zip(&drawn).enumerate();
    let rows = rows.map(|(number, (gallery, drawn_here))| {
        let from = own.filter(|&own| own != number).map(|own| &drawn[own]);
        row(gallery, drawn_here, from)
    });
    Edits {
        people: sets.len(),
        rows: rows.collect(),
        wishes: wishes(galleries, &seen),
    }
}

fn see<'a>(
    of: &Judged<'a>,
    gallery: &Gallery,
    views: &'a [Views],
    compared: &[f64],
    persons: &Sources,
) -> Vec<Seen<'a>> {
    let faces = gallery.faces.iter().zip(views).zip(compared);
    let one = |((face, views), &compared): ((&Face, &'a Views), &f64)| {
        let mut edits = of.changed.edits.iter();
        let edit = edits.find(|edit| (edit.set, edit.seed) == (face.set, face.seed))?;
        let before = of.sources.get(face.set)?;
        let opinion = |network: Network| {
            opinion(of.schema, &edit.wish, before.by(network), views.by(network))
        };
        let embedding = |views: &'a Views| &views.by(Network::Identity).embedding[..];
        Some(Seen {
            set: face.set,
            wish: &edit.wish,
            views,
            opinions: JUDGES.map(opinion),
            distance: distance(embedding(views), embedding(before)),
            cosine: persons.similarity(embedding(views), face.set).cosine,
            compared,
        })
    };
    faces.filter_map(one).collect()
}

/// What a judge says of a change; `None` if it does not know the attribute. The others are those of other groups: that a
/// face with eyeglasses has no "No Eyewear" any more is what was asked for.
fn opinion(schema: &Schema, wish: &Wish, before: &View, after: &View) -> Option<Opinion> {
    let wished = schema.find(wish.attribute)?;
    let both = |attribute: AttributeId| {
        let of = |view: &View| Some(f64::from(view.probability(attribute)?));
        Some([of(before)?, of(after)?])
    };
    let as_asked = |p: f64| if wish.present { p } else { 1.0 - p };
    let group = &schema.group(wished).name;
    let others = schema.all().filter(|&a| schema.group(a).name != *group);
    let others: Vec<[f64; 2]> = others.filter_map(both).collect();
    let flips = others.iter().filter(|[b, a]| (*b > 0.5) != (*a > 0.5));
    Some(Opinion {
        asked: both(wished)?.map(as_asked),
        flipped: flips.count() as f64,
        drift: mean(others.iter().map(|[b, a]| (a - b).abs())).unwrap_or_default(),
    })
}

/// By each network, in their order.
fn measures<'a>(seen: &[Seen<'_>]) -> [BTreeMap<Figure, Measure<'a>>; 4] {
    let of = |value: &dyn Fn(&Seen<'_>) -> Option<f64>| {
        let values = seen.iter().filter_map(|s| Some((s.set, value(s)?)));
        mean_of_sets(values.collect())
    };
    let by_judge = |judge: usize| {
        let own = |value: fn(&Opinion) -> Option<f64>| of(&|s| value(s.opinions[judge].as_ref()?));
        BTreeMap::from([
            (Figure::Wished, own(|o| Some(o.asked[1]))),
            (Figure::Changed, own(|o| o.changed().map(share))),
            (Figure::Flipped, own(|o| Some(o.flipped))),
            (Figure::Drift, own(|o| Some(o.drift))),
        ])
    };
    [
        by_judge(0),
        by_judge(1),
        BTreeMap::from([
            (Figure::Similarity, of(&|s| Some(s.cosine))),
            (Figure::Verified, of(&|s| Some(share(s.distance < SAME)))),
        ]),
        BTreeMap::from([(Figure::Compared, of(&|s| Some(s.compared)))]),
    ]
}

fn share(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

fn row(gallery: &Gallery, drawn: &[DrawnFigures; 4], from: Option<&[DrawnFigures; 4]>) -> Row {
    let verdict = |network: Network| {
        let number = network as usize;
        Verdict {
            figures: drawn[number].estimates(from.map(|from| &from[number])),
            variety: None,
            attributes: Vec::new(),
        }
    };
    Row {
        name: gallery.name.clone(),
        note: gallery.note,
        control: gallery.control,
        faces: gallery.faces.len(),
        judge: verdict(Network::Judge),
        second_judge: verdict(Network::SecondJudge),
        identity: verdict(Network::Identity),
        classifier: verdict(Network::Classifier),
        pixels: Figures::default(),
        pixel_variety: None,
        seconds: gallery.seconds,
        settings: gallery.settings.clone(),
        losses: gallery.losses.clone(),
    }
}

/// Every kind of change by every row, in the eyes of the judge.
fn wishes(galleries: &[Gallery], seen: &[Vec<Seen<'_>>]) -> Vec<Wished> {
    let of_wish = |wish: &Wish| {
        let rows = galleries.iter().zip(seen).filter_map(|(gallery, seen)| {
            let own: Vec<&Seen<'_>> = seen.iter().filter(|s| s.wish == wish).collect();
            let judged = || own.iter().filter_map(|s| s.opinions[0]);
            let changed = judged().filter_map(|o| o.changed());
            Some(WishRow {
                name: gallery.name.clone(),
                faces: own.len(),
                asked: mean(judged().map(|o| o.asked[1]))?,
                changed: mean(changed.map(share)),
                flipped: mean(judged().map(|o| o.flipped))?,
                same: mean(own.iter().map(|s| share(s.distance < SAME)))?,
            })
        });
        Wished {
            name: wish.name(),
            rows: rows.collect(),
        }
    };
    let all = WISHES.iter().map(of_wish);
    all.filter(|wished| !wished.rows.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(probabilities: &[(&str, f32)]) -> View {
        let schema = Schema::default();
        let mut all = vec![Some(0.2); schema.len()];
        for (name, p) in probabilities {
            all[schema.find(name).unwrap().index()] = Some(*p);
        }
        View {
            embedding: vec![0.0],
            probabilities: all,
        }
    }

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-6, "{a} is not {b}");
    }

    #[test]
    fn what_was_asked_for_is_told_from_what_else_changed() {
        let schema = Schema::default();
        let eyeglasses = WISHES.iter().find(|w| w.name() == "Eyeglasses").unwrap();
        let before = view(&[("No Eyewear", 0.9)]);
        // Of the group of what was asked for, nothing counts as another attribute.
        let after = view(&[("Eyeglasses", 0.7), ("No Eyewear", 0.1), ("Senior", 0.6)]);
        let opinion = opinion(&schema, eyeglasses, &before, &after).unwrap();
        near(opinion.asked[0], 0.2);
        near(opinion.asked[1], 0.7);
        assert_eq!((opinion.flipped, opinion.changed()), (1.0, Some(true)));
        near(opinion.drift, 0.4 / 70.0);
    }

    #[test]
    fn what_should_go_is_asked_for_the_other_way_round() {
        let schema = Schema::default();
        let serious = WISHES.iter().find(|w| w.name() == "not Smiling").unwrap();
        let [glad, grave] = [0.9, 0.3].map(|p| view(&[("Smiling", p)]));
        let judge = |before, after| opinion(&schema, serious, before, after).unwrap();
        let gone = judge(&glad, &grave);
        near(gone.asked[0], 0.1);
        near(gone.asked[1], 0.7);
        assert_eq!((gone.changed(), gone.flipped), (Some(true), 0.0));
        assert_eq!(judge(&glad, &glad).changed(), Some(false));
        // Nothing was to be changed in the judge's eyes.
        assert_eq!(judge(&grave, &grave).changed(), None);
    }
}
