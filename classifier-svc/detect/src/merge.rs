//! From windows to faces: one face is seen in several windows.

/// A square that looks like a face to the detector, in the photograph's pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Window {
    /// Its centre.
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) side: f32,
    /// The detector's score: the sum over all windows of the same face.
    pub(crate) score: f32,
}

/// Windows that overlap by more than this share of their union show the same face.
const SAME: f32 = 0.3;

/// One window per face, the highest score first: the mean of all that show it, weighted by score, because the mean of
/// several is closer than the best of them.
pub(crate) fn faces(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut faces = Vec::new();
    while let Some(&best) = windows.first() {
        let (same, others) = windows.into_iter().partition(|w| best.overlap(w) > SAME);
        windows = others;
        faces.push(mean(&same));
    }
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    without_features(faces)
}

fn mean(same: &[Window]) -> Window {
    let score: f32 = same.iter().map(|w| w.score).sum();
    let mean = |of: fn(&Window) -> f32| same.iter().map(|w| of(w) * w.score).sum::<f32>() / score;
    Window {
        x: mean(|w| w.x),
        y: mean(|w| w.y),
        side: mean(|w| w.side),
        score,
    }
}

/// Drops windows within a face of a higher score: an ear, an eye, a mouth.
fn without_features(faces: Vec<Window>) -> Vec<Window> {
    let mut kept: Vec<Window> = Vec::with_capacity(faces.len());
    for face in faces {
        if !kept.iter().any(|surer| surer.contains(face.x, face.y)) {
            kept.push(face);
        }
    }
    kept
}

impl Window {
    fn contains(&self, x: f32, y: f32) -> bool {
        (x - self.x).abs().max((y - self.y).abs()) < self.side / 2.0
    }

    /// Area of the intersection over that of the union, 0 to 1.
    fn overlap(&self, other: &Self) -> f32 {
        let common = |a: f32, b: f32| {
            let end = (a + self.side / 2.0).min(b + other.side / 2.0);
            let start = (a - self.side / 2.0).max(b - other.side / 2.0);
            (end - start).max(0.0)
        };
        let both = common(self.x, other.x) * common(self.y, other.y);
        both / (self.side * self.side + other.side * other.side - both)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACE: Window = Window {
        x: 100.0,
        y: 50.0,
        side: 40.0,
        score: 3.0,
    };

    #[test]
    fn windows_of_one_face_become_their_mean() {
        let right = Window {
            x: 104.0,
            score: 1.0,
            ..FACE
        };
        let other = Window { x: 300.0, ..FACE };
        let found = faces(vec![right, other, FACE]);
        let [face, same] = found[..] else {
            panic!("expected 2, got {found:?}")
        };
        assert_eq!((face.x, face.score), (101.0, 4.0));
        assert_eq!(same, other);
    }

    #[test]
    fn an_ear_is_no_face_but_a_neighbour_is() {
        let ear = Window {
            x: 115.0,
            side: 10.0,
            score: 2.0,
            ..FACE
        };
        let neighbour = Window {
            x: 125.0,
            side: 20.0,
            ..ear
        };
        assert_eq!(faces(vec![ear, neighbour, FACE]), [FACE, neighbour]);
    }

    #[test]
    fn overlap_is_a_share_of_the_union() {
        assert_eq!(FACE.overlap(&FACE), 1.0);
        let half = Window { x: 120.0, ..FACE };
        assert!((FACE.overlap(&half) - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(FACE.overlap(&Window { x: 140.0, ..FACE }), 0.0);
    }
}
