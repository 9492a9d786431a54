//! The parts of the statistics from the tensors of a file.

use deepface_files::Tensors;
use deepface_network::autoencoder::{Coder, Density, DensitySizes, Topology};
use nalgebra::{DMatrix, DVector};

use super::components::Components;
use super::decoder::Decoder;
use super::error::StoreError;
use super::given::Given;
use super::header::{Header, LayerHeader, scales_of};
use super::images::{Images, Linear};
use super::{Canvas, Layer, Prior};

/// Reads the parts of the statistics from the tensors of a file.
pub(super) struct Reader<'a> {
    pub(super) tensors: &'a Tensors<'a>,
    /// Number of attributes.
    pub(super) attributes: usize,
}

impl Reader<'_> {
    pub(super) fn layer(&self, description: &LayerHeader) -> Result<Layer, StoreError> {
        let name = &description.name;
        let size = description
            .shape
            .iter()
            .try_fold(1_usize, |n, &d| n.checked_mul(d));
        let size = size
            .ok_or_else(|| StoreError::Malformed(format!("layer {name:?}: its shape overflows")))?;
        let matrix = |part: &str| self.matrix(&format!("{name}.{part}"), self.attributes, size);
        let vector = |part: &str, len: usize| self.floats(&format!("{name}.{part}"), &[len]);
        Ok(Layer {
            name: name.clone(),
            shape: description.shape.clone(),
            mean: DVector::from_vec(vector("mean", size)?),
            means: matrix("means")?,
            deviations: matrix("deviations")?,
            weights: vector("weights", self.attributes)?
                .into_iter()
                .map(f64::from)
                .collect(),
            slopes: matrix("slopes")?,
            residual: vector("residual", size)?,
            response: self.matrix(&format!("{name}.response"), description.response, size)?,
            decoder_response: self.decoder_response(description, size)?,
        })
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, StoreError> {
        Ok(self.tensors.floats(name, shape)?)
    }

    /// Numbers, or bytes with a scale for each row.
    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, StoreError> {
        let scales = scales_of(name);
        if !self.tensors.names().contains(&scales.as_str()) {
            return self.floats(name, shape);
        }
        let bytes = self.bytes(name, shape)?;
        let scales = self.floats(&scales, &shape[..1])?;
        let width = shape[1..].iter().product();
        Ok(Components::from_parts(bytes, scales, width).values())
    }

    fn bytes(&self, name: &str, shape: &[usize]) -> Result<Vec<i8>, StoreError> {
        Ok(self.tensors.bytes(name, shape)?)
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<DMatrix<f32>, StoreError> {
        let data = self.values(name, &[rows, columns])?;
        Ok(DMatrix::from_vec(rows, columns, by_columns(&data, columns)))
    }

    /// The response to the decoder's latents, of which older files know nothing.
    fn decoder_response(
        &self,
        description: &LayerHeader,
        size: usize,
    ) -> Result<DMatrix<f32>, StoreError> {
        match description.decoder_response {
            0 => Ok(DMatrix::zeros(0, size)),
            rows => self.matrix(
                &format!("{}.decoder_response", description.name),
                rows,
                size,
            ),
        }
    }

    pub(super) fn decoder(
        &self,
        topology: &Topology,
        input: usize,
        covariance: &DMatrix<f64>,
    ) -> Result<Prior, StoreError> {
        let slopes = self.matrix("decoder.slopes", self.attributes, topology.latent)?;
        let coder = Coder::read(topology.clone(), |name, shape| {
            self.values(&format!("coder.{name}"), shape)
        })?;
        Ok(Prior {
            images: Images::Decoder(Decoder::new(coder, input)),
            given: Given::new(&slopes, covariance),
            slopes,
            learned: None,
        })
    }

    pub(super) fn prior(
        &self,
        description: &Header,
        covariance: &DMatrix<f64>,
    ) -> Result<Prior, StoreError> {
        let count = description.prior_components;
        let canvas = Canvas::new(description.prior_side, description.input_size);
        let size = canvas.size();
        let slopes = self.matrix("prior.slopes", self.attributes, count)?;
        Ok(Prior {
            images: Images::Components(Linear {
                canvas,
                mean: self.floats("prior.mean", &[size])?,
                components: Components::from_parts(
                    self.bytes("prior.components", &[count, size])?,
                    self.floats("prior.scales", &[count])?,
                    size,
                ),
            }),
            given: Given::new(&slopes, covariance),
            slopes,
            learned: None,
        })
    }

    /// The learned density of the decoder's latents.
    pub(super) fn density(&self, sizes: DensitySizes) -> Result<Density, StoreError> {
        Density::read(sizes, |name, shape| {
            self.values(&format!("density.{name}"), shape)
        })
    }
}

/// A matrix that is stored by rows, by columns. Some columns at a time, so that what is written stays in the cache.
fn by_columns(data: &[f32], columns: usize) -> Vec<f32> {
    const TOGETHER: usize = 32;
    let rows = data.len() / columns.max(1);
    let mut out = vec![0.0; data.len()];
    for (block, out) in out.chunks_mut((TOGETHER * rows).max(1)).enumerate() {
        for (r, row) in data.chunks_exact(columns.max(1)).enumerate() {
            let some = &row[block * TOGETHER..];
            for (column, x) in out.chunks_exact_mut(rows).zip(some) {
                column[r] = *x;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::writer::row_major;
    use super::*;

    #[test]
    fn columns_are_those_of_the_rows() {
        for (rows, columns) in [(1, 1), (3, 70), (70, 3), (5, 64), (2, 33)] {
            let data: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
            let matrix = DMatrix::from_vec(rows, columns, by_columns(&data, columns));
            assert_eq!(row_major(&matrix).collect::<Vec<_>>(), data);
        }
    }
}
