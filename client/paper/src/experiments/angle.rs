//! Which way heads are turned, from pixels alone: no label says it.
//!
//! A head that is turned to the side differs from its mirror image. What edges of aligned faces and of their mirror images
//! have not in common varies mostly along one direction, which is that turn; the first principal component of the
//! difference orders photographs by it.

use deepface_dataset::Photograph;
use rayon::prelude::*;

use crate::error::PaperError;

/// Side at which edges are looked at, pixels.
const SIDE: usize = 32;
/// Rounds of power iteration: the first component is far ahead of the second.
const ROUNDS: usize = 50;

/// How far each head is turned, from one side to the other, in no unit; which side is positive is arbitrary.
///
/// # Errors
/// A photograph cannot be read.
pub(crate) fn turns(photographs: &[&Photograph]) -> Result<Vec<f32>, PaperError> {
    let each = photographs.par_iter().map(|p| {
        let face = p.face(&p.image()?, SIDE);
        Ok(antisymmetric(&edges(&face)))
    });
    let rows = each.collect::<Result<Vec<_>, PaperError>>()?;
    Ok(along_first_component(&rows))
}

/// Strength of the edges, relative to the face's mean strength, so that light and contrast do not count.
fn edges(face: &[f32]) -> Vec<f32> {
    let area = SIDE * SIDE;
    let grey = |x: usize, y: usize| -> f32 {
        let at = y * SIDE + x;
        (0..3).map(|c| face[c * area + at]).sum()
    };
    let edge = |i: usize| {
        let (x, y) = (i % SIDE, i / SIDE);
        let (left, right) = (x.saturating_sub(1), (x + 1).min(SIDE - 1));
        let (up, down) = (y.saturating_sub(1), (y + 1).min(SIDE - 1));
        (grey(right, y) - grey(left, y)).hypot(grey(x, down) - grey(x, up))
    };
    let mut edges: Vec<f32> = (0..area).map(edge).collect();
    let mean = edges.iter().sum::<f32>() / area as f32;
    edges.iter_mut().for_each(|e| *e /= mean.max(1e-6));
    edges
}

/// What a picture has not in common with its mirror image.
fn antisymmetric(picture: &[f32]) -> Vec<f32> {
    let mirrored = |i: usize| picture[i / SIDE * SIDE + SIDE - 1 - i % SIDE];
    (0..picture.len())
        .map(|i| picture[i] - mirrored(i))
        .collect()
}

/// The coordinate of each row along the first principal component.
fn along_first_component(rows: &[Vec<f32>]) -> Vec<f32> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let Some(longest) = rows.iter().max_by(|a, b| dot(a, a).total_cmp(&dot(b, b))) else {
        return Vec::new();
    };
    let mut direction = longest.clone();
    for _ in 0..ROUNDS {
        let mut next = vec![0.0; direction.len()];
        for row in rows {
            let along = dot(row, &direction);
            next.iter_mut().zip(row).for_each(|(n, r)| *n += along * r);
        }
        let length = dot(&next, &next).sqrt().max(1e-12);
        direction = next.into_iter().map(|n| n / length).collect();
    }
    rows.iter().map(|row| dot(row, &direction)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bright spot on a grey ground, `shift` pixels from the middle.
    fn face(shift: i32, light: f32) -> Vec<f32> {
        let one = (0..SIDE * SIDE).map(|i| {
            let (x, y) = ((i % SIDE) as i32, (i / SIDE) as i32);
            let far = ((x - 16 - shift).pow(2) + (y - 16).pow(2)) as f32;
            light * (0.3 + 0.5 * (-far / 20.0).exp())
        });
        let one: Vec<f32> = one.collect();
        [&one[..], &one, &one].concat()
    }

    #[test]
    fn faces_are_ordered_by_where_they_look_whatever_the_light() {
        let shifts = [4, -3, 1, -5, 2, 0, -1, 5, 3, -4];
        let rows: Vec<_> = shifts
            .iter()
            .zip((0..).map(|i| 0.5 + 0.05 * i as f32))
            .map(|(&shift, light)| antisymmetric(&edges(&face(shift, light))))
            .collect();
        let mut turns: Vec<_> = along_first_component(&rows)
            .into_iter()
            .zip(shifts)
            .collect();
        turns.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut order: Vec<i32> = turns.into_iter().map(|t| t.1).collect();
        if order[0] > 0 {
            order.reverse();
        }
        assert!(order[..4].iter().all(|&s| s < 0), "{order:?}");
        assert!(order[6..].iter().all(|&s| s > 0), "{order:?}");
    }
}
