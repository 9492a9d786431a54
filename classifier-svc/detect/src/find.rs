//! From candidates to faces: each is turned upright, and must still look like a face then.

use image::{RgbImage, imageops};

use crate::aligner::{aligned, aligned_twice};
use crate::boxes::{Candidate, best};
use crate::view::{View, wrapped};
use crate::yunet::candidates;

/// Candidates of a lower score are not looked at again.
const CANDIDATE: f32 = 0.45;
/// Candidates of one scan at most; each takes about 8 ms.
const MOST: usize = 256;
/// How many of them, the surest, are also tried another way up.
const TRIED: usize = 32;
/// Side of the models' square over that of a square of the same area as the detector's box.
const SIDE: f32 = 1.45;
/// How far the box's centre lies below that of the square, over half the side. Both are only where the aligner starts.
const BELOW: f32 = 0.08;
/// How far the aligner may move a square, over its side, and how much it may scale it.
const MOVED: f32 = 0.35;
const SCALED: f32 = 1.7;
/// Side of the view in which a face is looked at again, over that of its square; and its pixels.
const AGAIN: f32 = 1.6;
const AGAIN_PIXELS: u32 = 96;
/// A face with a lower score may lie otherwise: nearly all that are upright have more.
const DOUBTFUL: f32 = 0.86;
/// How much better it must look another way up.
const BETTER: f32 = 0.03;
/// Degrees within which a face lies as it was found, so that the score of the scan counts too.
const UPRIGHT: f32 = 30.0;

/// A face: the models' square, and the detector's score of what it shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) view: View,
    pub(crate) score: f32,
}

/// What may be a face in a photograph that is turned by so many quarters clockwise before it is scanned.
///
/// Places are those of `levels[0]` as it is. The levels in `scan` are scanned.
pub(crate) fn scanned(levels: &[RgbImage], scan: &[RgbImage], quarters: u32) -> Vec<Found> {
    let (width, height) = levels[0].dimensions();
    let of_level = |level: &RgbImage| {
        let size = level.dimensions();
        let (across, down) = (width as f32 / size.0 as f32, height as f32 / size.1 as f32);
        let found = candidates(&turned(level, quarters), CANDIDATE).into_iter();
        found.map(move |found| turned_back(&found, quarters, size).scaled(across, down))
    };
    let all = scan.iter().flat_map(of_level).collect();
    let roll = wrapped(-90.0 * quarters as f32);
    let found = best(all, MOST).into_iter();
    let settled = |(i, found)| settled(levels, &found, roll, i < TRIED);
    found.enumerate().map(settled).collect()
}

fn turned(image: &RgbImage, quarters: u32) -> RgbImage {
    match quarters {
        0 => image.clone(),
        1 => imageops::rotate90(image),
        2 => imageops::rotate180(image),
        _ => imageops::rotate270(image),
    }
}

/// A candidate of a turned image in the image before it was turned, which had this size.
fn turned_back(found: &Candidate, quarters: u32, (width, height): (u32, u32)) -> Candidate {
    let (width, height) = (width as f32, height as f32);
    let (x, y) = match quarters {
        0 => (found.x, found.y),
        1 => (found.y, height - found.x),
        2 => (width - found.x, height - found.y),
        _ => (width - found.y, found.x),
    };
    let (across, down) = match quarters % 2 {
        0 => (found.width, found.height),
        _ => (found.height, found.width),
    };
    Candidate {
        x,
        y,
        width: across,
        height: down,
        score: found.score,
    }
}

/// The face of a candidate that was found where up is at `roll`; a doubtful one is tried another way up, if `tried`.
fn settled(levels: &[RgbImage], found: &Candidate, roll: f32, tried: bool) -> Found {
    let place = View {
        x: found.x,
        y: found.y,
        side: found.side() * SIDE,
        roll,
    };
    let (x, y) = place.point(0.0, -BELOW);
    let start = View { x, y, ..place };
    let mut face = upright(levels, start);
    if tried && face.score < DOUBTFUL {
        for turn in [180.0, 90.0, -90.0] {
            let other = View {
                roll: wrapped(face.view.roll + turn),
                ..start
            };
            let other = upright(levels, other);
            if other.score > face.score + BETTER {
                face = other;
            }
        }
    }
    if wrapped(face.view.roll - roll).abs() < UPRIGHT {
        face.score = face.score.max(found.score);
    }
    face
}

/// What the aligner makes of a square, and how much that looks like a face.
fn upright(levels: &[RgbImage], start: View) -> Found {
    let view = aligned_twice(levels, aligned(levels, start));
    let moved = (view.x - start.x).hypot(view.y - start.y) / start.side;
    let scaled = (view.side / start.side).max(start.side / view.side);
    let view = if moved < MOVED && scaled < SCALED {
        view
    } else {
        start
    };
    Found {
        view,
        score: score(levels, view),
    }
}

/// The surest of those that show the same face.
pub(crate) fn distinct(found: Vec<Found>) -> Vec<Found> {
    let mut kept: Vec<Found> = Vec::with_capacity(found.len());
    let mut found = found;
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    for face in found {
        let place = Candidate::from(&face);
        if !kept.iter().any(|surer| Candidate::from(surer).same(&place)) {
            kept.push(face);
        }
    }
    kept
}

impl From<&Found> for Candidate {
    fn from(found: &Found) -> Self {
        Self {
            x: found.view.x,
            y: found.view.y,
            width: found.view.side,
            height: found.view.side,
            score: found.score,
        }
    }
}

/// What the detector says of the middle of a view, 0 to 1.
fn score(levels: &[RgbImage], view: View) -> f32 {
    let wider = View {
        side: view.side * AGAIN,
        ..view
    };
    let middle = AGAIN_PIXELS as f32 / 2.0;
    let near = |found: &Candidate| {
        let off = (found.x - middle).abs().max((found.y - middle).abs());
        off < 0.25 * middle && found.side() > 0.4 * middle
    };
    let shown = candidates(&wider.shown(levels, AGAIN_PIXELS), CANDIDATE);
    let scores = shown.iter().filter(|found| near(found));
    scores.map(|found| found.score).fold(0.0, f32::max)
}
