//! What a descent is for, on which its defaults depend.

use super::super::method::Method;
use crate::defaults::Subject;
use crate::gaussian::{Coordinates, Statistics};
use crate::inversion::Basis;

/// What a descent is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) struct Aim {
    /// The method of the target; vanilla inversion has none.
    pub(in crate::api) method: Option<Method>,
    /// Whether attributes are held.
    pub(in crate::api) keeps: bool,
    /// Whether a given face is changed.
    pub(in crate::api) changes: bool,
}

impl Aim {
    /// The reconstruction of an image.
    pub(in crate::api) const INVERSION: Self = Self {
        method: None,
        keeps: false,
        changes: false,
    };

    /// A new face by a method.
    pub(in crate::api) fn face(method: Method) -> Self {
        Self {
            method: Some(method),
            ..Self::INVERSION
        }
    }

    /// The face that a target is for, if the descent moves these coordinates.
    pub(in crate::api) fn subject(self, moved: Coordinates) -> Subject {
        let given = self.changes;
        Subject { moved, given }
    }

    /// What is moved unless the request says it: a learned decoder, if the statistics have one, for what it was measured
    /// to be best for. The methods of the paper have no learned decoder.
    pub(super) fn basis(self, statistics: &Statistics) -> Basis {
        let describes = self.method.is_some_and(Method::describes);
        match describes && !self.changes && statistics.decoder.is_some() {
            true => Basis::Decoder,
            false => Basis::Prior,
        }
    }
}
