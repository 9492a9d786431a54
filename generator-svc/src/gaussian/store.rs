//! The statistics file: one safetensors file, written whole or not at all, checked when it is read.

use std::path::PathBuf;

use deepface_files::{Destination, Tensors, sha256};
use deepface_network::autoencoder::{DensitySizes, Topology};
use deepface_statistics::{AttributeCopula, AttributeMoments, Sample};
use nalgebra::DMatrix;

use super::error::StoreError;
use super::header::{Header, KEY, LayerHeader, VERSION, groups};
use super::images::Images;
use super::reader::Reader;
use super::writer::{Writer, row_major};
use super::{Prior, Seen, Statistics, golden};

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
        let covariance = attributes.covariance_matrix();
        let prior = read.prior(&header, &covariance)?;
        let decoder = header.decoder.as_ref();
        let decoder = decoder.map(|d| {
            let decoder = read.decoder(d, header.input_size, &covariance)?;
            let density = header.density.map(|sizes| read.density(sizes));
            let frequencies = attributes.frequencies();
            Ok::<_, StoreError>(decoder.with_density(density.transpose()?, frequencies))
        });
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
            decoder: decoder.transpose()?,
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
            write.rounded(
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
            let response = &layer.decoder_response;
            if response.nrows() > 0 {
                let shape = [response.nrows(), size];
                let name = format!("{name}.decoder_response");
                write.rounded(&name, &shape, row_major(response));
            }
            let weights = layer.weights.iter().map(|&w| w as f32);
            write.floats(&format!("{name}.weights"), &[count], weights);
        }
        let prior = &self.prior;
        write.halves(
            "prior.slopes",
            &[count, prior.components()],
            row_major(&prior.slopes),
        );
        let Images::Components(linear) = &prior.images else {
            return Err(StoreError::Malformed("prior: not of components".into()));
        };
        write.linear(linear);
        if let Some(decoder) = &self.decoder {
            write.decoder(decoder);
        }
        let description = Header {
            version: VERSION,
            classifier_digest: self.classifier_digest.clone(),
            input_size: self.input_size,
            attributes: self.schema.names().map(Into::into).collect(),
            groups: groups(&self.schema),
            layers: self.layers.iter().map(LayerHeader::of).collect(),
            prior_side: linear.canvas.side(),
            prior_components: prior.components(),
            decoder: self.decoder.as_ref().and_then(topology),
            density: density(self.decoder.as_ref()),
            origin: self.origin.clone(),
            tensors: None,
            golden,
        };
        write.finish(description)
    }
}

/// The sizes of a decoder.
fn topology(prior: &Prior) -> Option<Topology> {
    match &prior.images {
        Images::Components(_) => None,
        Images::Decoder(decoder) => Some(decoder.coder.topology().clone()),
    }
}

/// The sizes of the density of a decoder's latents.
fn density(decoder: Option<&Prior>) -> Option<DensitySizes> {
    let learned = decoder?.learned.as_ref()?;
    Some(learned.density.sizes())
}

#[cfg(test)]
mod tests {
    use deepface_files::Existing;

    use super::*;
    use crate::gaussian::fixture::{statistics, with_decoder, with_density};

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
    fn a_decoder_comes_back_with_its_responses() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.safetensors");
        let s = with_density();
        let to = Destination::check(&path, &[], Existing::Refuse).unwrap();
        s.write(&to).unwrap();
        let back = Statistics::load(&std::fs::read(&path).unwrap()).unwrap();
        let [old, new] = [&s, &back].map(|s| s.decoder.as_ref().unwrap());
        let z: Vec<f32> = (0..old.components()).map(|i| (i as f32).cos()).collect();
        // Weights are stored with 16 bits.
        for (a, b) in old.image(&z).iter().zip(new.image(&z)) {
            assert!((a - b).abs() < 0.01, "{a} {b}");
        }
        let (a, b) = (
            &s.layers[0].decoder_response,
            &back.layers[0].decoder_response,
        );
        assert_eq!(a.shape(), b.shape());
        assert!((a - b).amax() < 1e-3);
        let n = s.schema.len();
        let draws = [old, new].map(|d| d.draw(z.clone(), &vec![0.2; n], None));
        for (a, b) in draws[0].iter().zip(&draws[1]) {
            assert!((a - b).abs() < 0.02, "{a} {b}");
        }
        let gaussian = with_decoder().decoder.unwrap().draw(z, &vec![0.2; n], None);
        assert!(old.is_learned() && new.is_learned() && draws[1] != gaussian);
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
        let no_number = |s: &mut Statistics| {
            if let Images::Components(linear) = &mut s.prior.images {
                linear.mean[0] = f32::NAN;
            }
        };
        assert!(problem(no_number).contains("prior.mean"));
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
