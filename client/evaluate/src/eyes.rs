//! The networks that look at faces: two judges, one that knows people, and the classifier, which was inverted and so
//! judges itself.

use std::sync::Arc;

use deepface_attributes::Schema;
use deepface_client::v1::{self, GetActivationsRequest, GetModelResponse};
use deepface_client::{Array, ClassifierClient, encoded_image};
use deepface_images::png;
use image::RgbImage;

use crate::error::EvaluateError;
use crate::identity::IdentityNetwork;
use crate::judge::Judge;
use crate::progress::Watch;
use crate::view::View;

/// Layer of the classifier that is its embedding.
const EMBEDDING: &str = "fc7";
/// Most faces in one request.
const BATCH: usize = 32;

/// One of the networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Judges attributes; nobody inverts it.
    Judge,
    /// Another judge, which nobody tunes to.
    SecondJudge,
    /// Knows people and no attributes.
    Identity,
    /// Is inverted.
    Classifier,
}

/// All of them, in the order of [`Views`].
pub(crate) const NETWORKS: [Network; 4] = [
    Network::Judge,
    Network::SecondJudge,
    Network::Identity,
    Network::Classifier,
];

/// What each sees in one face.
#[derive(Clone, Debug)]
pub struct Views([View; NETWORKS.len()]);

/// The networks that need no service.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) judge: Judge,
    pub(crate) second_judge: Judge,
    pub(crate) identity: IdentityNetwork,
}

/// All networks.
#[derive(Clone, Debug)]
pub struct Eyes {
    local: Arc<Local>,
    classifier: ClassifierClient,
    /// The attributes of the evaluation.
    schema: Schema,
    /// Digest of the classifier's network: another one must not answer in its place.
    digest: String,
    batch: usize,
}

impl Network {
    /// What it is called in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Judge => "judge",
            Self::SecondJudge => "second judge",
            Self::Identity => "identity",
            Self::Classifier => "classifier",
        }
    }
}

impl Views {
    /// What one of the networks sees.
    pub fn by(&self, network: Network) -> &View {
        &self.0[network as usize]
    }
}

impl Local {
    /// The networks that are built in.
    ///
    /// # Errors
    /// A file that was built in cannot be used.
    pub(crate) fn embedded() -> Result<Self, EvaluateError> {
        Ok(Self {
            judge: Judge::first()?,
            second_judge: Judge::second()?,
            identity: IdentityNetwork::embedded()?,
        })
    }

    /// What they see, in the order of [`NETWORKS`].
    fn look(&self, schema: &Schema, faces: &[&RgbImage]) -> Result<[Vec<View>; 3], EvaluateError> {
        Ok([
            self.judge.look(schema, faces)?,
            self.second_judge.look(schema, faces)?,
            self.identify(schema, faces)?,
        ])
    }

    fn identify(&self, schema: &Schema, faces: &[&RgbImage]) -> Result<Vec<View>, EvaluateError> {
        let embeddings = self.identity.embed(faces)?.into_iter();
        let view = |embedding| View {
            embedding,
            probabilities: vec![None; schema.len()],
        };
        Ok(embeddings.map(view).collect())
    }
}

impl Eyes {
    /// The networks that are built in, and the classifier with the model that it serves.
    ///
    /// # Errors
    /// A file that was built in cannot be used.
    pub fn open(
        classifier: ClassifierClient,
        model: &GetModelResponse,
        schema: Schema,
    ) -> Result<Self, EvaluateError> {
        let local = Arc::new(Local::embedded()?);
        Ok(Self::new(local, classifier, model, schema))
    }

    pub(crate) fn new(
        local: Arc<Local>,
        classifier: ClassifierClient,
        model: &GetModelResponse,
        schema: Schema,
    ) -> Self {
        let most = model.limits.as_ref().map(|limits| limits.max_images);
        let most = most
            .and_then(|most| usize::try_from(most).ok())
            .filter(|&most| most > 0);
        let digest = model.model.as_ref().map(|model| model.digest.clone());
        Self {
            local,
            classifier,
            schema,
            digest: digest.unwrap_or_default(),
            batch: most.unwrap_or(BATCH).min(BATCH),
        }
    }

    /// Shows faces to all.
    ///
    /// # Errors
    /// One of them fails.
    pub async fn look(
        &self,
        faces: Vec<Arc<RgbImage>>,
        watch: &Watch,
    ) -> Result<Vec<Views>, EvaluateError> {
        let total = faces.len();
        let mut views = Vec::with_capacity(total);
        for batch in faces.chunks(self.batch) {
            watch.at("judging", views.len(), total);
            let (local, owned, schema) = (self.local.clone(), batch.to_vec(), self.schema.clone());
            let look = move || {
                let faces: Vec<&RgbImage> = owned.iter().map(|face| &**face).collect();
                local.look(&schema, &faces)
            };
            let (local, classified) = tokio::join!(crate::blocking(look), self.classify(batch));
            let [judge, second, identity] = local?;
            let all = judge.into_iter().zip(second).zip(identity).zip(classified?);
            views.extend(all.map(|(((a, b), c), d)| Views([a, b, c, d])));
        }
        Ok(views)
    }

    /// What the judge alone sees.
    ///
    /// # Errors
    /// It fails.
    pub(crate) async fn judge(&self, faces: Vec<RgbImage>) -> Result<Vec<View>, EvaluateError> {
        let (local, schema) = (self.local.clone(), self.schema.clone());
        let look = move || {
            let faces: Vec<&RgbImage> = faces.iter().collect();
            Ok(local.judge.look(&schema, &faces)?)
        };
        crate::blocking(look).await
    }

    /// What the identity network makes of faces.
    ///
    /// # Errors
    /// It fails.
    pub(crate) async fn identify(
        &self,
        faces: Vec<RgbImage>,
    ) -> Result<Vec<Vec<f32>>, EvaluateError> {
        let local = self.local.clone();
        crate::blocking(move || Ok(local.identity.embed(&faces.iter().collect::<Vec<_>>())?)).await
    }

    /// Activations of a layer of the classifier, a vector per face.
    ///
    /// # Errors
    /// The classifier fails.
    pub(crate) async fn activations(
        &self,
        faces: &[Arc<RgbImage>],
        layer: &str,
    ) -> Result<Vec<Vec<f32>>, EvaluateError> {
        let mut all = Vec::with_capacity(faces.len());
        for batch in faces.chunks(self.batch) {
            let request = self.activations_of(images(batch)?, layer);
            let reply = self.classifier.get_activations(request).await?;
            all.extend(vectors(&reply, layer, batch.len()).map_err(|e| self.wrong(e))?);
        }
        Ok(all)
    }

    /// How alike the classifier says two of its embeddings are: the cosine of its Compare.
    ///
    /// # Errors
    /// The classifier fails.
    pub(crate) async fn compare(&self, first: &View, second: &View) -> Result<f64, EvaluateError> {
        let tensor = |view: &View| {
            let array = Array {
                shape: vec![view.embedding.len()],
                data: view.embedding.clone(),
            };
            Some(array.to_tensor(v1::DataType::F32))
        };
        let request = v1::CompareRequest {
            first_embeddings: tensor(first),
            second_embeddings: tensor(second),
            embeddings_digest: self.digest.clone(),
            ..Default::default()
        };
        Ok(self
            .classifier
            .compare_request(request)
            .await?
            .cosine
            .into())
    }

    fn activations_of(&self, images: Vec<v1::Image>, layer: &str) -> GetActivationsRequest {
        GetActivationsRequest {
            images,
            layers: vec![layer.to_owned()],
            data_type: v1::DataType::F32.into(),
            skip_face_check: true,
            model_digest: self.digest.clone(),
            ..Default::default()
        }
    }

    fn wrong(&self, reason: String) -> EvaluateError {
        EvaluateError::Answer {
            url: self.classifier.url().to_owned(),
            reason,
        }
    }

    async fn classify(&self, faces: &[Arc<RgbImage>]) -> Result<Vec<View>, EvaluateError> {
        let images = images(faces)?;
        let activations = self.activations_of(images.clone(), EMBEDDING);
        let attributes = v1::ClassifyRequest {
            images,
            skip_face_check: true,
            model_digest: self.digest.clone(),
        };
        let (probabilities, activations) = tokio::try_join!(
            self.classifier.classify_request(attributes),
            self.classifier.get_activations(activations)
        )?;
        let wrong = |reason: String| self.wrong(reason);
        let results = probabilities.results.iter();
        let probabilities = results.map(|one| probabilities_of(&self.schema, one));
        let probabilities: Vec<_> = probabilities.collect::<Result<_, _>>().map_err(wrong)?;
        let embeddings = vectors(&activations, EMBEDDING, faces.len()).map_err(wrong)?;
        if probabilities.len() != embeddings.len() {
            let (expected, got) = (embeddings.len(), probabilities.len());
            return Err(wrong(format!("expected {expected} results, got {got}")));
        }
        let pairs = embeddings.into_iter().zip(probabilities);
        Ok(pairs
            .map(|(embedding, probabilities)| View {
                embedding,
                probabilities,
            })
            .collect())
    }
}

fn images(faces: &[Arc<RgbImage>]) -> Result<Vec<v1::Image>, EvaluateError> {
    let image = |face: &Arc<RgbImage>| Ok(encoded_image(png(face)?, v1::Framing::Face));
    faces.iter().map(image).collect()
}

/// The activations of a layer, a vector for each of `count` faces.
fn vectors(
    response: &v1::GetActivationsResponse,
    layer: &str,
    count: usize,
) -> Result<Vec<Vec<f32>>, String> {
    let activation = response.activations.first().filter(|a| a.layer == layer);
    let tensor = activation.and_then(|a| a.tensor.as_ref());
    let tensor = tensor.ok_or_else(|| format!("expected activations of {layer}"))?;
    let array = Array::try_from(tensor).map_err(|e| format!("activations of {layer}: {e}"))?;
    match array.shape.split_first() {
        Some((&n, rest)) if n == count && !array.data.is_empty() => {
            let size = rest.iter().product();
            Ok(array.data.chunks_exact(size).map(<[f32]>::to_vec).collect())
        }
        _ => {
            let shape = &array.shape;
            Err(format!(
                "activations of {layer}: expected {count} vectors, got shape {shape:?}"
            ))
        }
    }
}

fn probabilities_of(
    schema: &Schema,
    classification: &v1::Classification,
) -> Result<Vec<Option<f32>>, String> {
    let mut probabilities = vec![None; schema.len()];
    let scores = classification
        .groups
        .iter()
        .flat_map(|group| &group.attributes);
    for score in scores {
        if let Some(attribute) = schema.find(&score.name) {
            probabilities[attribute.index()] = Some(score.probability);
        }
    }
    if probabilities.contains(&None) {
        return Err(format!(
            "expected probabilities of all {} attributes",
            schema.len()
        ));
    }
    Ok(probabilities)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_classifier_sends_is_checked() {
        let response = |layer: &str, shape: &[usize]| {
            let array = Array {
                shape: shape.into(),
                data: (0..shape.iter().product())
                    .map(|i: usize| i as f32)
                    .collect(),
            };
            let activation = v1::Activation {
                layer: layer.to_owned(),
                tensor: Some(array.to_tensor(v1::DataType::F32)),
            };
            v1::GetActivationsResponse {
                activations: vec![activation],
                timing: None,
                ..Default::default()
            }
        };
        let good = vectors(&response("fc7", &[2, 2]), "fc7", 2).unwrap();
        assert_eq!(good, [[0.0, 1.0], [2.0, 3.0]]);
        let planes = vectors(&response("conv1_1", &[1, 2, 1, 2]), "conv1_1", 1).unwrap();
        assert_eq!(planes, [[0.0, 1.0, 2.0, 3.0]]);
        for (bad, problem) in [
            (response("fc6", &[2, 2]), "expected activations of fc7"),
            (
                response("fc7", &[1, 4]),
                "expected 2 vectors, got shape [1, 4]",
            ),
            (response("fc7", &[3, 1]), "got shape [3, 1]"),
        ] {
            let said = vectors(&bad, "fc7", 2).unwrap_err();
            assert!(said.contains(problem), "{said}");
        }
        let nothing =
            probabilities_of(&Schema::default(), &v1::Classification::default()).unwrap_err();
        assert!(nothing.contains("all 73"), "{nothing}");
    }
}
