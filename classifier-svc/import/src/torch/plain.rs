//! `pickle.dump` of NumPy arrays: one pickle and nothing behind it.

use bytes::Bytes;

use super::{pickle, state};
use crate::{Format, ReadError, Tensor, cursor::Cursor};

/// The arrays of a pickle; those of a `.npy` file lie behind a header, and their format says so.
pub(crate) fn read(file: Bytes, format: Format) -> Result<Vec<Tensor>, ReadError> {
    let objects = pickle::read(&mut Cursor::new(file));
    let tensors = objects.and_then(|objects| {
        state::tensors(&objects, |storage| {
            let key = &storage.key;
            Err(format!("storage {key:?} is not in the file"))
        })
    });
    tensors.map_err(|problem| problem.of(format))
}
