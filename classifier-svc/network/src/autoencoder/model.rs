//! A trained autoencoder: from faces to latents, and from latents and attributes to faces.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use deepface_attributes::Schema;
use deepface_files::{Destination, Existing, FloatArray, Tensors, tensors_digest, write_tensors};

use super::{
    description::{Description, KEY},
    layer::Backward,
    networks::Networks,
    prior::Prior,
    settings::Settings,
    topology::Spec,
};
use crate::{ModelError, parameters::Parameters};

/// Faces that are computed together.
const BATCH: usize = 16;

/// A conditional variational autoencoder. All its buffers belong to the thread that calls it.
///
/// Attributes are one value each, 0 (absent) to 1 (present), in the order of [`Autoencoder::schema`]. Faces are
/// `[3, side, side]`, RGB, 0 to 1. [`Autoencoder::encode`], [`Autoencoder::decode`] and [`Autoencoder::pull_back`] take one
/// face or several of them, one behind the other. One that is not conditional ignores attributes there.
pub struct Autoencoder {
    description: Description,
    networks: Networks,
    prior: Prior,
    /// Weights of the layers, by name.
    weights: Vec<(String, Parameters)>,
}

impl std::fmt::Debug for Autoencoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Autoencoder")
            .field(&self.description)
            .finish()
    }
}

impl Autoencoder {
    /// An autoencoder of weights by name.
    ///
    /// # Errors
    /// Weights are missing, or it computes values that are not finite.
    pub(super) fn new(
        description: Description,
        weights: Vec<(String, Parameters)>,
        prior: Prior,
    ) -> Result<Self, ModelError> {
        let settings = &description.settings;
        let topology = &settings.topology;
        let attributes = settings.read_of(description.schema.len());
        let take = |spec: &Spec| named(&weights, spec);
        let networks = Networks::given(topology, [attributes, BATCH], true, take)?;
        let mut autoencoder = Self {
            networks,
            prior,
            weights,
            description,
        };
        autoencoder.try_out()?;
        Ok(autoencoder)
    }

    /// Reads a file that [`Autoencoder::write`] wrote.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged, of another kind or of another version.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        Self::read(&fs::read(path)?)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// They are damaged, of another kind or of another version.
    pub fn read(file: &[u8]) -> Result<Self, ModelError> {
        let tensors = Tensors::open(file)?;
        let (description, digest) = Description::read(tensors.text(KEY))?;
        let (topology, count) = (&description.settings.topology, description.schema.len());
        let latent = topology.latent;
        let layers = layers(&description.settings, count);
        let mut weights = Vec::new();
        for spec in &layers {
            if let Some(shape) = spec.weight_shape() {
                weights.push((spec.name.clone(), parameters(&tensors, spec, &shape)?));
            }
        }
        let prior = Prior {
            latent,
            attributes: count,
            weight: tensors.floats("prior.weight", &[latent, count])?,
            bias: tensors.floats("prior.bias", &[latent])?,
            factor: tensors.floats("prior.factor", &[latent, latent])?,
        };
        tensors.check_all_taken()?;
        // Last, because the messages before say more.
        tensors.check_digest(Some(&digest))?;
        Self::new(description, weights, prior)
    }

    /// Draws a face and encodes it.
    ///
    /// # Errors
    /// What it computes is not finite.
    fn try_out(&mut self) -> Result<(), ModelError> {
        let attributes = vec![0.5; self.schema().len()];
        let face = self.sample(&attributes, 0)?;
        let (mean, log_variance) = self.encode(&face, &attributes)?;
        let all = face.iter().chain(&mean).chain(&log_variance);
        if all.copied().all(f32::is_finite) {
            return Ok(());
        }
        Err(ModelError::Weights(
            "the autoencoder computes values that are not finite".into(),
        ))
    }

    /// Writes the file, whole or not at all, and returns the path that it went to.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_to(&self, destination: &Destination) -> Result<PathBuf, ModelError> {
        let (latent, count) = (self.prior.latent, self.prior.attributes);
        let array = |name: String, shape: Vec<usize>, values, half| {
            let array = FloatArray {
                values,
                shape,
                half,
            };
            (name, array)
        };
        let mut arrays = Vec::new();
        let layers = layers(&self.description.settings, count);
        let learned = layers
            .iter()
            .filter_map(|s| Some((s.outputs(), s.weight_shape()?)));
        for ((outputs, shape), (name, p)) in learned.zip(&self.weights) {
            arrays.push(array(format!("{name}.weight"), shape, &p.weight[..], true));
            arrays.push(array(format!("{name}.bias"), vec![outputs], &p.bias, true));
        }
        let Prior {
            weight,
            bias,
            factor,
            ..
        } = &self.prior;
        for (name, shape, values) in [
            ("prior.weight", vec![latent, count], weight),
            ("prior.bias", vec![latent], bias),
            ("prior.factor", vec![latent, latent], factor),
        ] {
            arrays.push(array(name.into(), shape, values, false));
        }
        let text = self.description.text(tensors_digest(&arrays))?;
        let texts = HashMap::from([(KEY.to_owned(), text)]);
        Ok(write_tensors(destination, arrays, texts)?)
    }

    /// [`Autoencoder::write_to`] a path, whose file is replaced if there is one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), ModelError> {
        let destination = Destination::check(path, &[], Existing::Replace)?;
        self.write_to(&destination).map(drop)
    }

    /// The weights of the layers, by name.
    pub(super) fn weights(&self) -> &[(String, Parameters)] {
        &self.weights
    }

    /// What the file says of it.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The attributes.
    pub fn schema(&self) -> &Schema {
        &self.description.schema
    }

    /// Side of a face, pixels.
    pub fn side(&self) -> usize {
        self.networks.topology().side
    }

    /// Values of a latent.
    pub fn latent(&self) -> usize {
        self.networks.topology().latent
    }

    /// Mean and log-variance, `[latent]` each, of the latent of a face with these attributes.
    ///
    /// # Errors
    /// An array has the wrong size.
    pub fn encode(
        &mut self,
        face: &[f32],
        attributes: &[f32],
    ) -> Result<(Vec<f32>, Vec<f32>), ModelError> {
        let size = self.networks.topology().pixels();
        let (attributes, count) = self.read_of(attributes);
        let n = count_of("face", face, size)?;
        check("attributes", attributes, n * count)?;
        let (mut mean, mut log_variance) = (Vec::new(), Vec::new());
        let batch = self.networks.batch();
        for (i, face) in face.chunks(batch * size).enumerate() {
            let own = &attributes[i * batch * count..][..face.len() / size * count];
            let found = self.networks.encode(face, own);
            mean.extend(found.mean);
            log_variance.extend(found.log_variance);
        }
        Ok((mean, log_variance))
    }

    /// The face of a latent with these attributes, `[3, side, side]`, RGB, 0 to 1.
    ///
    /// # Errors
    /// An array has the wrong size.
    pub fn decode(&mut self, latent: &[f32], attributes: &[f32]) -> Result<Vec<f32>, ModelError> {
        let mut faces = Vec::new();
        self.passes(latent, attributes, |_, face| faces.extend_from_slice(face))?;
        Ok(faces)
    }

    /// The gradient with respect to a latent, `[latent]`, of a loss whose gradient with respect to its face is `gradient`,
    /// `[3, side, side]`: the vector-Jacobian product of [`Autoencoder::decode`].
    ///
    /// # Errors
    /// An array has the wrong size.
    pub fn pull_back(
        &mut self,
        latent: &[f32],
        attributes: &[f32],
        gradient: &[f32],
    ) -> Result<Vec<f32>, ModelError> {
        let n = count_of("latent", latent, self.latent())?;
        check("gradient", gradient, n * self.networks.topology().pixels())?;
        let mut rest = gradient;
        let mut pulled = Vec::new();
        self.passes(latent, attributes, |networks, face| {
            let (part, others) = rest.split_at(face.len());
            pulled.extend(networks.pull_back(part, Backward::Input));
            rest = others;
        })?;
        Ok(pulled)
    }

    /// What of attributes the networks read, and how many values of each face.
    fn read_of<'a>(&self, attributes: &'a [f32]) -> (&'a [f32], usize) {
        match self.description.settings.conditional {
            true => (attributes, self.schema().len()),
            false => (&[], 0),
        }
    }

    /// Decodes part after part, each followed by `then`.
    fn passes(
        &mut self,
        latents: &[f32],
        attributes: &[f32],
        mut then: impl FnMut(&mut Networks, &[f32]),
    ) -> Result<(), ModelError> {
        let latent = self.latent();
        let (attributes, count) = self.read_of(attributes);
        let n = count_of("latent", latents, latent)?;
        check("attributes", attributes, n * count)?;
        let batch = self.networks.batch();
        for (i, latents) in latents.chunks(batch * latent).enumerate() {
            let own = &attributes[i * batch * count..][..latents.len() / latent * count];
            let faces = self.networks.decode(latents, own).to_vec();
            then(&mut self.networks, &faces);
        }
        Ok(())
    }

    /// A latent for a set of attributes from [`Description::sampling`]'s Gaussian, which the seed decides.
    ///
    /// # Errors
    /// `attributes` has the wrong size.
    pub fn draw(&self, attributes: &[f32], seed: u64) -> Result<Vec<f32>, ModelError> {
        check("attributes", attributes, self.schema().len())?;
        Ok(self.prior.draw(attributes, seed))
    }

    /// The mean of that Gaussian.
    ///
    /// # Errors
    /// `attributes` has the wrong size.
    pub fn mean(&self, attributes: &[f32]) -> Result<Vec<f32>, ModelError> {
        check("attributes", attributes, self.schema().len())?;
        Ok(self.prior.mean(attributes))
    }

    /// A random face with these attributes, which the seed decides.
    ///
    /// # Errors
    /// `attributes` has the wrong size.
    pub fn sample(&mut self, attributes: &[f32], seed: u64) -> Result<Vec<f32>, ModelError> {
        let latent = self.draw(attributes, seed)?;
        self.decode(&latent, attributes)
    }
}

/// The weights of a layer among those by name.
///
/// # Errors
/// They are missing.
pub(super) fn named(
    weights: &[(String, Parameters)],
    spec: &Spec,
) -> Result<Parameters, ModelError> {
    let found = weights.iter().find(|(name, _)| *name == spec.name);
    let found = found.map(|(_, parameters)| parameters.clone());
    found.ok_or_else(|| ModelError::Weights(format!("no weights of {}", spec.name)))
}

/// All layers, of networks for as many attributes.
fn layers(settings: &Settings, attributes: usize) -> Vec<Spec> {
    let (topology, read) = (&settings.topology, settings.read_of(attributes));
    [topology.body(), topology.head(read), topology.decoder(read)].concat()
}

fn parameters(
    tensors: &Tensors<'_>,
    spec: &Spec,
    shape: &[usize],
) -> Result<Parameters, ModelError> {
    let name = |part: &str| format!("{}.{part}", spec.name);
    Ok(Parameters {
        weight: tensors.floats(&name("weight"), shape)?,
        bias: tensors.floats(&name("bias"), &[spec.outputs()])?,
    })
}

fn check(what: &'static str, array: &[f32], expected: usize) -> Result<(), ModelError> {
    let actual = array.len();
    if actual == expected {
        return Ok(());
    }
    Err(ModelError::Size {
        what,
        expected,
        actual,
    })
}

/// How many arrays of `size` values there are.
fn count_of(what: &'static str, array: &[f32], size: usize) -> Result<usize, ModelError> {
    let n = (array.len() / size).max(1);
    check(what, array, n * size)?;
    Ok(n)
}
