//! The tensors of a statistics file as they are written.

use std::collections::HashMap;

use deepface_files::tensors_digest;
use deepface_network::autoencoder::Tensor;
use half::f16;
use nalgebra::DMatrix;
use safetensors::{Dtype, tensor::TensorView};

use super::Prior;
use super::components::Components;
use super::error::StoreError;
use super::header::{Header, KEY, scales_of};
use super::images::{Images, Linear};

/// Tensors in the order in which they were added.
#[derive(Default)]
pub(super) struct Writer {
    arrays: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
}

impl Writer {
    fn push(&mut self, name: &str, dtype: Dtype, shape: &[usize], bytes: Vec<u8>) {
        self.arrays
            .push((name.into(), dtype, shape.to_vec(), bytes));
    }

    pub(super) fn floats(&mut self, name: &str, shape: &[usize], data: impl Iterator<Item = f32>) {
        self.push(
            name,
            Dtype::F32,
            shape,
            data.flat_map(f32::to_le_bytes).collect(),
        );
    }

    pub(super) fn halves(&mut self, name: &str, shape: &[usize], data: impl Iterator<Item = f32>) {
        let bytes = data.flat_map(|x| f16::from_f32(x).to_le_bytes()).collect();
        self.push(name, Dtype::F16, shape, bytes);
    }

    /// A matrix, by rows, each rounded to 255 steps of its largest value.
    pub(super) fn rounded(&mut self, name: &str, shape: &[usize], rows: impl Iterator<Item = f32>) {
        let values: Vec<f32> = rows.collect();
        let width: usize = shape[1..].iter().product();
        let mut rounded = Components::with_capacity(shape[0], width);
        let rows = values.chunks_exact(width.max(1));
        rows.for_each(|row| rounded.push(row));
        self.components(name, &scales_of(name), shape, &rounded);
    }

    /// Bytes, and the scale of each row.
    fn components(&mut self, name: &str, scales: &str, shape: &[usize], all: &Components) {
        self.floats(scales, &shape[..1], all.scales().iter().copied());
        let bytes = all.bytes().iter().map(|&x| x as u8).collect();
        self.push(name, Dtype::I8, shape, bytes);
    }

    pub(super) fn linear(&mut self, linear: &Linear) {
        let (mean, components) = (&linear.mean, &linear.components);
        let shape = [components.count(), mean.len()];
        self.floats("prior.mean", &shape[1..], mean.iter().copied());
        self.components("prior.components", "prior.scales", &shape, components);
    }

    pub(super) fn decoder(&mut self, prior: &Prior) {
        let Images::Decoder(decoder) = &prior.images else {
            return;
        };
        let shape = [prior.slopes.nrows(), prior.slopes.ncols()];
        self.halves("decoder.slopes", &shape, row_major(&prior.slopes));
        self.network("coder", decoder.coder.tensors());
        if let Some(learned) = &prior.learned {
            self.network("density", learned.density.tensors());
        }
    }

    /// The weights of a network, with 8 bits each.
    fn network(&mut self, name: &str, tensors: Vec<Tensor<'_>>) {
        for (own, shape, values) in tensors {
            let (name, values) = (format!("{name}.{own}"), values.iter().copied());
            match shape.len() {
                1 => self.halves(&name, &shape, values),
                _ => self.rounded(&name, &shape, values),
            }
        }
    }

    pub(super) fn finish(self, description: Header) -> Result<Vec<u8>, StoreError> {
        let wrong = |e: &dyn std::fmt::Display| StoreError::Malformed(e.to_string());
        let views = self
            .arrays
            .iter()
            .map(|(name, dtype, shape, bytes)| {
                Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?))
            })
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| wrong(&e))?;
        let description = Header {
            tensors: Some(tensors_digest(&views)),
            ..description
        };
        let text = serde_json::to_string(&description).map_err(|e| wrong(&e))?;
        safetensors::serialize(views, Some(HashMap::from([(KEY.to_owned(), text)])))
            .map_err(|e| wrong(&e))
    }
}

pub(super) fn row_major<T: Copy>(matrix: &DMatrix<T>) -> impl Iterator<Item = T> {
    let (rows, columns) = matrix.shape();
    let data = matrix.as_slice();
    (0..rows).flat_map(move |r| (0..columns).map(move |c| data[c * rows + r]))
}
