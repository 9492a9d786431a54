//! The statistics file: one safetensors file, written whole or not at all, checked when it is read.

use std::{collections::HashMap, path::PathBuf};

use deepface_files::{Destination, OutputError, TensorError, Tensors, sha256, tensors_digest};
use deepface_statistics::{AttributeCopula, AttributeMoments, Sample};
use half::f16;
use nalgebra::{DMatrix, DVector};
use safetensors::{Dtype, tensor::TensorView};

use super::components::Components;
use super::given::Given;
use super::header::{Header, LayerHeader, VERSION, groups};
use super::{Canvas, Layer, Prior, Seen, Statistics, golden};

/// Key of our entry in the safetensors header.
const KEY: &str = "deepface-cgmm";

/// Why statistics cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is damaged, or of another kind.
    #[error("statistics: {0}")]
    Malformed(String),
    /// The file is not a whole safetensors file, or a tensor in it is missing or wrong.
    #[error("statistics: {0}")]
    Tensor(#[from] TensorError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] OutputError),
    /// The file cannot be read.
    #[error("statistics: {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl Statistics {
    /// Reads and checks the bytes of a statistics file.
    ///
    /// # Errors
    /// The file is damaged, of another kind, or its shapes or attributes are not this program's.
    pub fn load(file: &[u8]) -> Result<Self, StoreError> {
        let tensors = Tensors::open(file)?;
        let entry = tensors.text(KEY).ok_or_else(|| {
            StoreError::Malformed(format!(
                "the header has no entry {KEY:?}: not a file that `generator-svc fit` wrote"
            ))
        })?;
        let header: Header = serde_json::from_str(entry)
            .map_err(|e| StoreError::Malformed(format!("header entry {KEY:?}: {e}")))?;
        header.check().map_err(StoreError::Malformed)?;
        // Both digests read the whole file, so they go side by side.
        let (digest, whole) = std::thread::scope(|scope| {
            let digest = scope.spawn(|| sha256(file));
            let whole = tensors.check_digest(header.tensors.as_deref());
            (digest.join(), whole)
        });
        let digest = digest.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        whole?;
        let schema = header.schema().map_err(StoreError::Malformed)?;
        let read = Reader {
            tensors: &tensors,
            attributes: schema.len(),
        };
        let inputs = schema.len() + 1;
        let second = tensors.floats("attributes.second", &[inputs, inputs])?;
        let second = second.into_iter().map(f64::from);
        let attributes = AttributeMoments::new(DMatrix::from_row_iterator(inputs, inputs, second));
        if !attributes.sound() {
            return Err(StoreError::Malformed(
                "tensor \"attributes.second\": not valid attribute moments".into(),
            ));
        }
        let seen = tensors.floats("attributes.seen", &[schema.len(), 2])?;
        let seen = seen.chunks_exact(2).map(|odds| Seen {
            present: odds[0].into(),
            absent: odds[1].into(),
        });
        let layers = header
            .layers
            .iter()
            .map(|l| read.layer(l))
            .collect::<Result<_, _>>()?;
        let prior = read.prior(&header, &attributes.covariance_matrix())?;
        let statistics = Self {
            digest,
            classifier_digest: header.classifier_digest,
            input_size: header.input_size,
            origin: header.origin,
            schema,
            frequencies: attributes.frequencies(),
            copula: AttributeCopula::of(&attributes),
            attributes,
            seen: seen.collect(),
            layers,
            prior,
        };
        if let Some(golden) = &header.golden {
            golden::check(golden, &statistics).map_err(StoreError::Malformed)?;
        }
        Ok(statistics)
    }

    /// Writes the file, only if it could be read again, and returns the path that it went to.
    ///
    /// # Errors
    /// A number is not finite, or too large for what it is stored as; the file cannot be written.
    pub fn write(&self, destination: &Destination) -> Result<PathBuf, StoreError> {
        Ok(destination.write(&self.encode()?)?)
    }

    /// The file, with the golden output of what can be read from it.
    fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let stored = Self::load(&self.encode_with(None)?)?;
        let golden = golden::of(&stored);
        if let Some(array) = golden.iter().find(|array| !array.is_finite()) {
            let name = array.name();
            return Err(StoreError::Malformed(format!("{name:?}: not finite")));
        }
        let file = self.encode_with(Some(golden))?;
        Self::load(&file)?;
        Ok(file)
    }

    fn encode_with(&self, golden: Option<Vec<Sample>>) -> Result<Vec<u8>, StoreError> {
        let count = self.schema.len();
        let mut write = Writer::default();
        write.floats(
            "attributes.second",
            &[count + 1; 2],
            row_major(self.attributes.second()).map(|x| x as f32),
        );
        let seen = self.seen.iter().flat_map(|s| [s.present, s.absent]);
        write.floats("attributes.seen", &[count, 2], seen.map(|x| x as f32));
        for layer in &self.layers {
            let (name, size) = (&layer.name, layer.size());
            let matrix = [count, size];
            write.halves(&format!("{name}.mean"), &[size], layer.mean.iter().copied());
            write.halves(&format!("{name}.means"), &matrix, row_major(&layer.means));
            write.halves(
                &format!("{name}.deviations"),
                &matrix,
                row_major(&layer.deviations),
            );
            write.halves(&format!("{name}.slopes"), &matrix, row_major(&layer.slopes));
            write.halves(
                &format!("{name}.residual"),
                &[size],
                layer.residual.iter().copied(),
            );
            write.halves(
                &format!("{name}.response"),
                &[layer.response.nrows(), size],
                row_major(&layer.response),
            );
            let weights = layer.weights.iter().map(|&w| w as f32);
            write.floats(&format!("{name}.weights"), &[count], weights);
        }
        let prior = &self.prior;
        write.floats(
            "prior.mean",
            &[prior.mean.len()],
            prior.mean.iter().copied(),
        );
        write.floats(
            "prior.scales",
            &[prior.components()],
            prior.components.scales().iter().copied(),
        );
        write.halves(
            "prior.slopes",
            &[count, prior.components()],
            row_major(&prior.slopes),
        );
        let bytes = prior.components.bytes().iter().map(|&c| c as u8).collect();
        write.push(
            "prior.components",
            Dtype::I8,
            &[prior.components(), prior.mean.len()],
            bytes,
        );
        let description = Header {
            version: VERSION,
            classifier_digest: self.classifier_digest.clone(),
            input_size: self.input_size,
            attributes: self.schema.names().map(Into::into).collect(),
            groups: groups(&self.schema),
            layers: self.layers.iter().map(LayerHeader::of).collect(),
            prior_side: prior.canvas.side(),
            prior_components: prior.components(),
            origin: self.origin.clone(),
            tensors: None,
            golden,
        };
        write.finish(description)
    }
}

/// Reads the parts of the statistics from the tensors of a file.
struct Reader<'a> {
    tensors: &'a Tensors<'a>,
    /// Number of attributes.
    attributes: usize,
}

impl Reader<'_> {
    fn layer(&self, description: &LayerHeader) -> Result<Layer, StoreError> {
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
        })
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, StoreError> {
        Ok(self.tensors.floats(name, shape)?)
    }

    fn bytes(&self, name: &str, shape: &[usize]) -> Result<Vec<i8>, StoreError> {
        Ok(self.tensors.bytes(name, shape)?)
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<DMatrix<f32>, StoreError> {
        let data = self.floats(name, &[rows, columns])?;
        Ok(DMatrix::from_vec(rows, columns, by_columns(&data, columns)))
    }

    fn prior(&self, description: &Header, covariance: &DMatrix<f64>) -> Result<Prior, StoreError> {
        let count = description.prior_components;
        let canvas = Canvas::new(description.prior_side, description.input_size);
        let size = canvas.size();
        let slopes = self.matrix("prior.slopes", self.attributes, count)?;
        Ok(Prior {
            canvas,
            mean: self.floats("prior.mean", &[size])?,
            components: Components::from_parts(
                self.bytes("prior.components", &[count, size])?,
                self.floats("prior.scales", &[count])?,
                size,
            ),
            given: Given::new(&slopes, covariance),
            slopes,
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

#[derive(Default)]
struct Writer {
    arrays: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
}

impl Writer {
    fn push(&mut self, name: &str, dtype: Dtype, shape: &[usize], bytes: Vec<u8>) {
        self.arrays
            .push((name.into(), dtype, shape.to_vec(), bytes));
    }

    fn floats(&mut self, name: &str, shape: &[usize], data: impl Iterator<Item = f32>) {
        self.push(
            name,
            Dtype::F32,
            shape,
            data.flat_map(f32::to_le_bytes).collect(),
        );
    }

    fn halves(&mut self, name: &str, shape: &[usize], data: impl Iterator<Item = f32>) {
        let bytes = data.flat_map(|x| f16::from_f32(x).to_le_bytes()).collect();
        self.push(name, Dtype::F16, shape, bytes);
    }

    fn finish(self, description: Header) -> Result<Vec<u8>, StoreError> {
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

fn row_major<T: Copy>(matrix: &DMatrix<T>) -> impl Iterator<Item = T> {
    let (rows, columns) = matrix.shape();
    let data = matrix.as_slice();
    (0..rows).flat_map(move |r| (0..columns).map(move |c| data[c * rows + r]))
}

#[cfg(test)]
mod tests {
    use deepface_files::Existing;

    use super::*;
    use crate::gaussian::fixture::statistics;

    #[test]
    fn a_file_comes_back_and_damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.safetensors");
        let s = statistics();
        let to = Destination::check(&path, &[], Existing::Refuse).unwrap();
        assert_eq!(s.write(&to).unwrap(), path);
        let file = std::fs::read(&path).unwrap();
        let back = Statistics::load(&file).unwrap();
        assert_eq!(back.digest.len(), 64);
        assert_eq!(back.prior.image(&[0.5; 12]), s.prior.image(&[0.5; 12]));
        assert_eq!(back.layers[0].slopes, s.layers[0].slopes);
        assert_eq!(
            back.layers[0].response.shape(),
            s.layers[0].response.shape()
        );
        assert_eq!(back.prior.slopes, s.prior.slopes);
        assert_eq!(back.classifier_digest, "c");
        for at in [file.len() / 2, file.len() - 1] {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            let problem = Statistics::load(&damaged).unwrap_err().to_string();
            assert!(problem.contains("damaged"), "{problem}");
        }
        for cut in [0, 9, file.len() / 3, file.len() - 1] {
            let problem = Statistics::load(&file[..cut]).unwrap_err().to_string();
            assert!(
                problem.contains("not a whole safetensors file"),
                "{problem}"
            );
        }
    }

    #[test]
    fn columns_are_those_of_the_rows() {
        for (rows, columns) in [(1, 1), (3, 70), (70, 3), (5, 64), (2, 33)] {
            let data: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
            let matrix = DMatrix::from_vec(rows, columns, by_columns(&data, columns));
            assert_eq!(row_major(&matrix).collect::<Vec<_>>(), data);
        }
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.safetensors");
        let problem = |change: fn(&mut Statistics)| {
            let mut s = statistics();
            change(&mut s);
            let to = Destination::check(&path, &[], Existing::Refuse).unwrap();
            s.write(&to).unwrap_err().to_string()
        };
        // Finite, but not in 16 bits.
        let large = problem(|s| s.layers[0].residual[3] = 1e6);
        assert!(
            large.contains("conv4_3.residual") && large.contains("inf"),
            "{large}"
        );
        assert!(problem(|s| s.prior.mean[0] = f32::NAN).contains("prior.mean"));
        assert!(problem(|s| s.layers[0].shape = vec![0]).contains("no elements"));
        let lopsided = problem(|s| {
            let mut second = s.attributes.second().clone();
            second[(1, 2)] = 0.2;
            s.attributes = AttributeMoments::new(second);
        });
        assert!(lopsided.contains("attributes.second"));
        assert!(!path.exists());
    }
}
