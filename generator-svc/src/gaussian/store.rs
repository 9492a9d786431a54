//! The statistics file: one safetensors file, written whole or not at all, checked when it is read.

use std::{collections::HashMap, path::PathBuf};

use deepface_attributes::{Group, Schema};
use deepface_files::{Destination, OutputError, TensorError, Tensors, sha256, tensors_digest};
use deepface_statistics::AttributeMoments;
use half::f16;
use nalgebra::{DMatrix, DVector};
use safetensors::{Dtype, tensor::TensorView};

use super::components::Components;
use super::{Canvas, Layer, Prior, Statistics};

/// Key of our entry in the safetensors header.
const KEY: &str = "deepface-cgmm";
/// Version of the header.
const VERSION: u32 = 2;
/// Largest input of a classifier, pixels a side.
const MAX_INPUT: usize = 4096;

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

/// How statistics were fitted.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Origin {
    /// Photographs they were fitted to.
    pub images: usize,
    /// Size of the sets S_j.
    pub set_size: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Weight of |w|^2 in eq. 3.
    pub lambda: f64,
    /// Ridge of the regression.
    pub ridge: f64,
    /// Share of the images' variance that the prior's components hold.
    pub prior_variance: f64,
}

/// What the file's header says of the statistics in it.
#[derive(serde::Serialize, serde::Deserialize)]
struct Header {
    version: u32,
    classifier_digest: String,
    input_size: usize,
    attributes: Vec<String>,
    /// The groups of the attributes and the number of attributes in each; left out for the default schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<(String, usize)>>,
    layers: Vec<LayerHeader>,
    prior_side: usize,
    prior_components: usize,
    origin: Origin,
    /// Digest of the tensors; missing in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tensors: Option<String>,
}

/// What the header says of one layer.
#[derive(serde::Serialize, serde::Deserialize)]
struct LayerHeader {
    name: String,
    shape: Vec<usize>,
    /// Coordinates of the image prior whose effect on the activation was fitted.
    response: usize,
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
        header.check()?;
        tensors.check_digest(header.tensors.as_deref())?;
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
        let layers = header
            .layers
            .iter()
            .map(|l| read.layer(l))
            .collect::<Result<_, _>>()?;
        let prior = read.prior(&header)?;
        Ok(Self {
            digest: sha256(file),
            classifier_digest: header.classifier_digest,
            input_size: header.input_size,
            origin: header.origin,
            schema,
            frequencies: attributes.frequencies(),
            attributes,
            layers,
            prior,
        })
    }

    /// Writes the file, only if it could be read again, and returns the path that it went to.
    ///
    /// # Errors
    /// A number is not finite, or too large for what it is stored as; the file cannot be written.
    pub fn write(&self, destination: &Destination) -> Result<PathBuf, StoreError> {
        let file = self.encode()?;
        Self::load(&file)?;
        Ok(destination.write(&file)?)
    }

    fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let count = self.schema.len();
        let mut write = Writer::default();
        write.floats(
            "attributes.second",
            &[count + 1; 2],
            row_major(self.attributes.second()).map(|x| x as f32),
        );
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
        write.halves(
            "prior.residual",
            &[prior.components()],
            prior.residual.iter().copied(),
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
        };
        write.finish(description)
    }
}

impl LayerHeader {
    fn is_empty(&self) -> bool {
        self.shape.is_empty() || self.shape.contains(&0)
    }

    fn of(layer: &Layer) -> Self {
        Self {
            name: layer.name.clone(),
            shape: layer.shape.clone(),
            response: layer.response.nrows(),
        }
    }
}

/// The groups of a schema and their sizes; `None` for the default schema.
fn groups(schema: &Schema) -> Option<Vec<(String, usize)>> {
    let groups = schema.groups().iter();
    let sizes = groups.map(|g| (g.name.clone(), g.attributes.len()));
    (!schema.is_default()).then(|| sizes.collect())
}

impl Header {
    /// The attributes in their groups.
    fn schema(&self) -> Result<Schema, String> {
        let Some(groups) = &self.groups else {
            let own = Schema::default();
            return match self.attributes.iter().eq(own.names()) {
                true => Ok(own),
                false => Err("expected the groups of the attributes, got none".into()),
            };
        };
        let total = groups
            .iter()
            .fold(0, |n: usize, (_, s)| n.saturating_add(*s));
        if total != self.attributes.len() {
            let expected = self.attributes.len();
            return Err(format!(
                "groups: expected {expected} attributes, got {total}"
            ));
        }
        let mut names = self.attributes.iter().cloned();
        let groups = groups.iter().map(|(name, size)| Group {
            name: name.clone(),
            attributes: names.by_ref().take(*size).collect(),
        });
        Schema::new(groups.collect()).map_err(|e| format!("attributes: {e}"))
    }

    fn check(&self) -> Result<(), StoreError> {
        let problem = if self.version != VERSION {
            format!("expected format version {VERSION}, got {}", self.version)
        } else if self.layers.is_empty() {
            "the file has no layers".into()
        } else if let Some(layer) = self.layers.iter().find(|l| l.is_empty()) {
            format!(
                "layer {:?}: shape {:?} has no elements",
                layer.name, layer.shape
            )
        } else if !(1..=MAX_INPUT).contains(&self.input_size) {
            format!(
                "input size: expected 1 to {MAX_INPUT} pixels, got {}",
                self.input_size
            )
        } else if self.prior_components == 0 {
            "the image prior has no components".into()
        } else if !Canvas::allows(self.prior_side) {
            format!(
                "image prior: expected an even number of pixels a side up to 1024, got {}",
                self.prior_side
            )
        } else if let Some(layer) = self
            .layers
            .iter()
            .find(|l| l.response > self.prior_components)
        {
            format!(
                "layer {:?}: expected a response to at most {} coordinates, got {}",
                layer.name, self.prior_components, layer.response
            )
        } else {
            return Ok(());
        };
        Err(StoreError::Malformed(problem))
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
        let view = self.tensors.view(name, shape)?;
        if view.dtype() != Dtype::I8 {
            let got = view.dtype();
            return Err(StoreError::Malformed(format!(
                "tensor {name:?}: expected I8, got {got:?}"
            )));
        }
        Ok(view.data().iter().map(|&b| b as i8).collect())
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<DMatrix<f32>, StoreError> {
        let data = self.floats(name, &[rows, columns])?;
        Ok(DMatrix::from_row_iterator(rows, columns, data))
    }

    fn prior(&self, description: &Header) -> Result<Prior, StoreError> {
        let count = description.prior_components;
        let canvas = Canvas::new(description.prior_side, description.input_size);
        let size = canvas.size();
        Ok(Prior {
            canvas,
            mean: self.floats("prior.mean", &[size])?,
            components: Components::from_parts(
                self.bytes("prior.components", &[count, size])?,
                self.floats("prior.scales", &[count])?,
                size,
            ),
            slopes: self.matrix("prior.slopes", self.attributes, count)?,
            residual: self.floats("prior.residual", &[count])?,
        })
    }
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
