//! A whole fit, over gRPC, to activations whose law is known.

mod decoder;
mod many;
mod resume;

use std::collections::HashMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deepface_attributes::{AttributeId, Schema};
use deepface_dataset::split_of;
use deepface_proto::v1::{GetModelResponse, Model};
use deepface_proto::{Array, v1};
use image::{DynamicImage, Rgb, RgbImage};
use nalgebra::RowDVector;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, transport::Server};
use v1::classifier_service_server::{ClassifierService, ClassifierServiceServer};
use v1::image::Content;

use super::*;
use crate::gaussian::{Asked, Coordinates, Example, Problem, Regression, Residual, Wish};

const PHOTOGRAPHS: usize = 300;
const LAYERS: [(&str, &[i64]); 2] = [("conv4_3", &[4, 5, 6]), ("fc6", &[100])];
const HEADS: (&str, &[i64]) = ("heads", &[115]);
const INPUT: i32 = 8;

/// Of the default schema.
const ATTRIBUTES: usize = 73;

type Labels = [bool; ATTRIBUTES];

/// `phi(a) = b + sum_j a_j v_j`, of every layer.
struct Law {
    intercepts: Vec<Vec<f32>>,
    slopes: Vec<Vec<Vec<f32>>>,
}

impl Law {
    fn new() -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let sizes = LAYERS.map(|(_, shape)| shape.iter().product::<i64>());
        let mut vector = |size, low, high| -> Vec<f32> {
            (0..size).map(|_| rng.random_range(low..high)).collect()
        };
        Self {
            intercepts: sizes.map(|s| vector(s, 4.0, 5.0)).into(),
            slopes: sizes
                .map(|s| (0..ATTRIBUTES).map(|_| vector(s, -0.3, 0.3)).collect())
                .into(),
        }
    }

    fn activation(&self, layer: usize, labels: &Labels) -> Vec<f32> {
        let mut phi = self.intercepts[layer].clone();
        let said = self.slopes[layer].iter().zip(labels).filter(|(_, l)| **l);
        said.for_each(|(slope, _)| phi.iter_mut().zip(slope).for_each(|(p, s)| *p += s));
        phi
    }
}

/// Logits of all heads: 2 for an attribute that is there, -2 for another one, 0 for "none of these".
fn logits(labels: &Labels) -> Vec<f32> {
    let mut labels = labels.iter();
    let schema = Schema::default();
    let head = |group: &deepface_attributes::Group| {
        let own = labels.by_ref().take(group.attributes.len());
        let own = own.map(|&l| if l { 2.0 } else { -2.0 });
        own.chain([0.0]).collect::<Vec<f32>>()
    };
    schema.groups().iter().flat_map(head).collect()
}

/// A classifier whose activations follow the law: it knows the labels of every photograph by its bytes.
struct Lawful {
    law: Law,
    labels: Arc<HashMap<Vec<u8>, Labels>>,
    calls: Arc<AtomicUsize>,
    behaviour: Behaviour,
}

/// How a classifier differs from a good one.
#[derive(Clone, Copy)]
struct Behaviour {
    digest: &'static str,
    /// What every call takes.
    delay: Duration,
    /// Calls that are answered before all others are refused as overloaded.
    answers: usize,
    /// Most photographs in a request; 0 for any number.
    max_images: i32,
}

const GOOD: Behaviour = Behaviour {
    digest: "lawful",
    delay: Duration::ZERO,
    answers: usize::MAX,
    max_images: 0,
};

#[tonic::async_trait]
impl ClassifierService for Lawful {
    async fn get_model(
        &self,
        _: Request<v1::GetModelRequest>,
    ) -> Result<Response<GetModelResponse>, Status> {
        let mut response = description();
        response.model.as_mut().unwrap().digest = self.behaviour.digest.into();
        response.limits = Some(v1::Limits {
            max_images: self.behaviour.max_images,
            ..Default::default()
        });
        Ok(Response::new(response))
    }

    async fn get_activations(
        &self,
        request: Request<v1::GetActivationsRequest>,
    ) -> Result<Response<v1::GetActivationsResponse>, Status> {
        let request = request.into_inner();
        let mut labels = Vec::new();
        for image in &request.images {
            assert_eq!(image.framing(), v1::Framing::Aligned);
            let Some(Content::Encoded(file)) = &image.content else {
                panic!("expected a file");
            };
            let known = self.labels.get(file);
            labels.push(known.ok_or_else(|| Status::not_found("no photograph of the data set"))?);
        }
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if call >= self.behaviour.answers {
            return Err(Status::unavailable("it dies"));
        }
        tokio::time::sleep(self.behaviour.delay).await;
        // Of the requests under way, the first is answered last.
        if call.is_multiple_of(3) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let activations = request.layers.iter().map(|name| {
            let layer = LAYERS.iter().position(|(n, _)| n == name);
            let shape = layer.map_or(HEADS.1, |layer| LAYERS[layer].1);
            let shape = shape.iter().map(|&d| d as usize);
            let values = |labels: &&Labels| match layer {
                Some(layer) => self.law.activation(layer, labels),
                None => logits(labels),
            };
            let array = Array {
                shape: [labels.len()].into_iter().chain(shape).collect(),
                data: labels.iter().flat_map(values).collect(),
            };
            v1::Activation {
                layer: name.clone(),
                tensor: Some(array.to_tensor(v1::DataType::F32)),
            }
        });
        Ok(Response::new(v1::GetActivationsResponse {
            activations: activations.collect(),
            ..Default::default()
        }))
    }

    async fn classify(
        &self,
        _: Request<v1::ClassifyRequest>,
    ) -> Result<Response<v1::ClassifyResponse>, Status> {
        Err(Status::unimplemented("a fit does not use it"))
    }

    async fn compare(
        &self,
        _: Request<v1::CompareRequest>,
    ) -> Result<Response<v1::CompareResponse>, Status> {
        Err(Status::unimplemented("a fit does not use it"))
    }

    type DifferentiateStream = ReceiverStream<Result<v1::DifferentiateResponse, Status>>;

    async fn differentiate(
        &self,
        _: Request<tonic::Streaming<v1::DifferentiateRequest>>,
    ) -> Result<Response<Self::DifferentiateStream>, Status> {
        Err(Status::unimplemented("a fit does not use it"))
    }
}

fn description() -> GetModelResponse {
    let attribute = |name: &String| v1::Attribute {
        name: name.clone(),
        ..Default::default()
    };
    let group = |g: &deepface_attributes::Group| v1::Group {
        name: g.name.clone(),
        attributes: g.attributes.iter().map(attribute).collect(),
    };
    let layer = |(name, shape): (&str, &[i64])| v1::Layer {
        name: name.into(),
        shape: shape.into(),
    };
    let model = Model {
        digest: "lawful".into(),
        input_size: INPUT,
        groups: Schema::default().groups().iter().map(group).collect(),
        layers: LAYERS.into_iter().chain([HEADS]).map(layer).collect(),
        ..Default::default()
    };
    GetModelResponse {
        model: Some(model),
        ..Default::default()
    }
}

/// A dataset on disk: a photograph and random labels per person. Gives the labels by file, and those of the training
/// photographs.
fn dataset(dir: &Path) -> (HashMap<Vec<u8>, Labels>, Vec<Labels>) {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let schema = Schema::default();
    let names: Vec<_> = schema.names().collect();
    let mut table = format!("#\tperson\timagenum\t{}\n", names.join("\t"));
    let (mut all, mut training) = (HashMap::new(), Vec::new());
    for i in 0..PHOTOGRAPHS {
        let person = format!("Person_{i}");
        let labels: Labels = std::array::from_fn(|_| rng.random_bool(0.4));
        let scores = labels.map(|l| if l { "1" } else { "-1" });
        table += &format!("{person}\t1\t{}\n", scores.join("\t"));
        let image = RgbImage::from_fn(20, 20, |x, y| {
            // Two digits of the number, so that no two files are the same.
            Rgb([
                (8 * (i % 30)) as u8,
                (8 * (i / 30)) as u8 + x as u8,
                8 * y as u8,
            ])
        });
        let mut file = Cursor::new(Vec::new());
        let image = DynamicImage::from(image);
        image.write_to(&mut file, image::ImageFormat::Jpeg).unwrap();
        let file = file.into_inner();
        fs::create_dir(dir.join(&person)).unwrap();
        fs::write(dir.join(&person).join(format!("{person}_0001.jpg")), &file).unwrap();
        let before = all.insert(file, labels);
        assert!(before.is_none(), "photographs differ");
        if split_of(&person) == Split::Train {
            training.push(labels);
        }
    }
    fs::write(dir.join("x_attributes.txt"), table).unwrap();
    (all, training)
}

/// A classifier that runs until this is dropped.
struct Running {
    url: String,
    /// Calls for activations so far.
    calls: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Running {
    async fn new(labels: &Arc<HashMap<Vec<u8>, Labels>>, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(AtomicUsize::new(0));
        let service = ClassifierServiceServer::new(Lawful {
            law: Law::new(),
            labels: labels.clone(),
            calls: calls.clone(),
            behaviour,
        });
        let served = Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener));
        let server = tokio::spawn(async { served.await.unwrap() });
        Self { url, calls, server }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn fitted(dir: &TempDir) -> (Statistics, Vec<Labels>) {
    let (labels, known) = dataset(dir.path());
    let classifier = Running::new(&Arc::new(labels), GOOD).await;
    let args = args(dir.path(), &[&classifier]);
    run(&args).await.unwrap();
    let file = fs::read(&args.output).unwrap();
    (Statistics::load(&file).unwrap(), known)
}

fn args(dir: &Path, classifiers: &[&Running]) -> FitArgs {
    FitArgs {
        density_epochs: 2,
        data: dir.into(),
        labels: None,
        crop: None,
        skip_unreadable: false,
        classifier: classifiers.iter().map(|c| c.url.clone()).collect(),
        access: Default::default(),
        layers: LAYERS.map(|(name, _)| name.into()).into(),
        output: dir.join("out/fitted.safetensors"),
        force: false,
        prior_components: 6,
        prior_side: 10,
        decoder: None,
        response: 3,
        set_size: 20,
        lambda: 1e-5,
        ridge: 1e-6,
        seed: 1,
        limit: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_law_is_recovered() {
    let dir = tempfile::tempdir().unwrap();
    let (statistics, known) = fitted(&dir).await;
    // The first group is one attribute, against "none of these".
    let seen = statistics.seen[0];
    assert_eq!((seen.present, seen.absent), (2.0, -2.0));
    assert_eq!(statistics.classifier_digest, "lawful");
    assert_eq!(statistics.origin.images, known.len());
    assert!(known.len() < PHOTOGRAPHS && known.len() > 2 * ATTRIBUTES);
    assert_eq!(
        (statistics.input_size, statistics.prior.components()),
        (8, 6)
    );
    let law = Law::new();
    for (number, layer) in statistics.layers.iter().enumerate() {
        let plain = Regression {
            layer: statistics.find_layer(&layer.name).unwrap(),
            exaggeration: 0.0,
            coordinates: Coordinates::Components,
            variety: 0.0,
            completeness: 0.0,
            emphasis: 0.0,
            residual: Residual::LowRank,
            likelihood: 0.0,
            margin: 0.0,
        };
        // The regression says what activation a photograph has, from all its attributes.
        for labels in &known[..10] {
            let ask = |(attribute, &present): (AttributeId, &bool)| Asked {
                attribute,
                absent: !present,
                strength: 1.0,
            };
            let wish = Wish {
                asked: statistics.schema.all().zip(labels).map(ask).collect(),
                ..Wish::default()
            };
            let description = statistics.describe(&wish, &plain, 0);
            let none = statistics.variation(&plain, &description, 0);
            let target = statistics.regression_target(&plain, &description, &none, 0);
            let found = target.values;
            for (f, t) in found.iter().zip(law.activation(number, labels)) {
                assert!((f - t).abs() < 0.02, "{}: {f} {t}", layer.name);
            }
        }
        // Attributes explain these activations, so there is nothing left to follow.
        assert_eq!(layer.response.nrows(), 3);
        let follows = layer.response.amax();
        assert!(follows < 0.05, "{}: {follows}", layer.name);
        let unexplained = layer.residual.iter().fold(0.0, |a: f32, &r| a.max(r));
        assert!(unexplained < 0.02, "{}: {unexplained}", layer.name);
        // Means over all, and over the sets, which all lie within what the attribute's photographs have.
        let all = known
            .iter()
            .map(|l| law.activation(number, l)[0])
            .sum::<f32>();
        assert!((layer.mean[0] - all / known.len() as f32).abs() < 0.01);
        for j in 0..ATTRIBUTES {
            let having = known.iter().filter(|l| l[j]);
            let values: Vec<f32> = having.map(|l| law.activation(number, l)[0]).collect();
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            let spread = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>();
            let spread = (spread / values.len() as f32).sqrt();
            let (m, d) = (layer.means[(j, 0)], layer.deviations[(j, 0)]);
            assert!((m - mean).abs() < spread, "{j}: {m} {mean} {spread}");
            assert!(d > 0.4 * spread && d < 1.8 * spread, "{j}: {d} {spread}");
        }
        let expected = weights(&law, number, layer, &known);
        for (w, e) in layer.weights.iter().zip(&expected) {
            assert!((w - e).abs() < 0.05, "{}: {w} {e}", layer.name);
        }
    }
}

/// The exact solution of eq. 3 for the means that were fitted.
fn weights(law: &Law, number: usize, layer: &crate::gaussian::Layer, known: &[Labels]) -> Vec<f64> {
    let means = layer.means.map(f64::from);
    let example = |labels: &Labels| {
        let phi = law.activation(number, labels);
        let phi = RowDVector::from_iterator(phi.len(), phi.iter().map(|&p| f64::from(p)));
        Example {
            attributes: (0..ATTRIBUTES).filter(|&j| labels[j]).collect(),
            products: (&means * phi.transpose()).iter().copied().collect(),
        }
    };
    let problem = Problem {
        examples: known.iter().map(example).collect(),
        means: &means * means.transpose(),
        lambda: 1e-5,
    };
    problem.solve().iter().copied().collect()
}

#[tokio::test]
async fn flags_that_make_no_statistics_are_refused_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    let mut cases: Vec<(&str, FitArgs)> = Vec::new();
    let mut case = |flag, change: fn(&mut FitArgs)| {
        let mut bad = args(dir.path(), &[]);
        change(&mut bad);
        cases.push((flag, bad));
    };
    case("--ridge", |a| a.ridge = 0.0);
    case("--ridge", |a| a.ridge = -1.0);
    case("--ridge", |a| a.ridge = f64::NAN);
    case("--lambda", |a| a.lambda = f64::NAN);
    case("--lambda", |a| a.lambda = -1.0);
    case("--set-size", |a| a.set_size = 1);
    case("--prior-components", |a| a.prior_components = 0);
    case("--prior-side", |a| a.prior_side = 63);
    for (flag, bad) in cases {
        let problem = run(&bad).await.unwrap_err().to_string();
        assert!(problem.starts_with(flag), "{flag}: {problem}");
    }
}

#[tokio::test]
async fn an_earlier_result_is_kept_and_that_is_said_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    let mut args = args(dir.path(), &[]);
    args.output = dir.path().join("a.safetensors");
    fs::write(&args.output, "precious").unwrap();
    let problem = format!("{:#}", run(&args).await.unwrap_err());
    assert!(problem.starts_with("--output: cannot write "), "{problem}");
    assert!(problem.ends_with("it exists already; --force replaces it"));
    args.output = dir.path().join("a.npz");
    let problem = format!("{:#}", run(&args).await.unwrap_err());
    assert!(problem.contains("ends in .safetensors"), "{problem}");
    assert_eq!(
        fs::read(dir.path().join("a.safetensors")).unwrap(),
        b"precious"
    );
}

#[test]
fn a_classifier_that_does_not_fit_is_refused() {
    let layers = ["fc6".to_owned()];
    let problem = |change: fn(&mut Model)| {
        let mut response = description();
        change(response.model.as_mut().unwrap());
        format!("{:#}", Served::read(response, &layers).err().unwrap())
    };
    let served = Served::read(description(), &layers).unwrap();
    assert_eq!(
        (served.input_size, &served.layers[0].shape[..]),
        (8, &[100][..])
    );
    assert!(problem(|m| m.groups.clear()).contains("the classifier's attributes"));
    assert!(
        problem(|m| m.layers.truncate(1))
            .contains("unknown layer \"fc6\"; expected one of conv4_3")
    );
    assert!(problem(|m| m.layers[1].shape = vec![-5]).contains("invalid shape"));
    assert!(problem(|m| m.layers[1].shape = vec![]).contains("invalid shape"));
    assert!(problem(|m| m.input_size = -8).contains("input_size"));
    assert!(problem(|m| m.layers.truncate(2)).contains("no layer `heads`"));
}
