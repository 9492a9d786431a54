//! From places that look like a face to faces: one face is seen at several places and sizes.

/// A rectangle that looks like a face to the detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    /// Its centre.
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
    /// 0 to 1.
    pub(crate) score: f32,
}

/// Candidates that share more than this part of the smaller one show the same face.
const SAME: f32 = 0.5;

/// The best candidate of each face, the highest score first, and at most `most`.
pub(crate) fn best(mut candidates: Vec<Candidate>, most: usize) -> Vec<Candidate> {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        if kept.len() == most {
            break;
        }
        if !kept.iter().any(|better| better.same(&candidate)) {
            kept.push(candidate);
        }
    }
    kept
}

impl Candidate {
    /// Side of the square of the same area.
    pub(crate) fn side(&self) -> f32 {
        (self.width * self.height).sqrt()
    }

    pub(crate) fn scaled(&self, across: f32, down: f32) -> Self {
        Self {
            x: self.x * across,
            y: self.y * down,
            width: self.width * across,
            height: self.height * down,
            score: self.score,
        }
    }

    /// Whether both show the same face.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.shares(other) > SAME
    }

    /// Area of the intersection over that of the smaller one, 0 to 1.
    fn shares(&self, other: &Self) -> f32 {
        let common = |a: f32, of_a: f32, b: f32, of_b: f32| {
            let end = (a + of_a / 2.0).min(b + of_b / 2.0);
            let start = (a - of_a / 2.0).max(b - of_b / 2.0);
            (end - start).max(0.0)
        };
        let both = common(self.x, self.width, other.x, other.width)
            * common(self.y, self.height, other.y, other.height);
        both / (self.width * self.height).min(other.width * other.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACE: Candidate = Candidate {
        x: 100.0,
        y: 50.0,
        width: 40.0,
        height: 50.0,
        score: 0.9,
    };

    #[test]
    fn the_best_of_one_face_is_kept_and_a_neighbour_too() {
        let shifted = Candidate {
            x: 104.0,
            score: 0.8,
            ..FACE
        };
        let ear = Candidate {
            x: 112.0,
            width: 10.0,
            height: 10.0,
            ..shifted
        };
        let neighbour = Candidate {
            x: 130.0,
            ..shifted
        };
        assert_eq!(
            best(vec![ear, neighbour, shifted, FACE], 9),
            [FACE, neighbour]
        );
        assert_eq!(best(vec![neighbour, FACE], 1), [FACE]);
    }

    #[test]
    fn what_is_shared_is_a_part_of_the_smaller() {
        assert_eq!(FACE.shares(&FACE), 1.0);
        let half = Candidate { x: 120.0, ..FACE };
        assert!((FACE.shares(&half) - 0.5).abs() < 1e-6);
        let away = Candidate { x: 140.0, ..FACE };
        assert_eq!(FACE.shares(&away), 0.0);
    }
}
