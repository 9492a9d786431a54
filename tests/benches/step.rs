//! One step of feature inversion, a loss at a layer and its image gradient: in this process, over gRPC, and by stock
//! candle with its autograd. On the embedded model, and the price of the wire on VGG-Face at full size too.
//!
//! `cargo bench -p deepface-tests --bench step`. Two ways are measured in turn, so that the drift of the machine meets
//! both; compare figures of one run only. `DEEPFACE_FIGURES=FILE` also writes them as JSON.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use std::{env, fs};

use candle_core::{Device, Tensor, Var};
use classifier_svc::service::{self, ModelSource};
use classifier_svc::settings::Settings;
use deepface_client::{Array, ClassifierClient, DifferentiateStream, v1};
use deepface_network::{Architecture, DeviceChoice, Model, ModelInfo, Objective, Term};
use deepface_serve::{ServeSettings, cores, wait_until_serving};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const WEIGHTS: &[u8] = include_bytes!("../../models/vgg-face-mini.safetensors");
const LAYER: &str = "conv4_3";
const PATIENCE: Duration = Duration::from_secs(60);

fn grey(side: usize) -> Vec<f32> {
    (0..3 * side * side)
        .map(|i| 0.5 + 0.4 * (i as f32 * 0.01).sin())
        .collect()
}

fn objective(model: &Model, layer: &str) -> Objective {
    let layer = model.info().layer(layer).expect("every VGG has this layer");
    let size: usize = model.info().layers[layer].shape.iter().product();
    Objective {
        weight: 1.0,
        term: Term::SquaredDistance {
            layer,
            target: vec![0.5; size].into(),
            normalized: true,
        },
    }
}

/// The price of the wire.
fn wire(source: ModelSource, layer: &str, rounds: usize, steps: usize) -> Value {
    let mut model = source
        .load(DeviceChoice::Cpu, cores())
        .expect("the model loads");
    let name = model.info().name.clone();
    let objective = [objective(&model, layer)];
    let runtime = Runtime::new().expect("the system can start threads");
    let (mut stream, image) = runtime.block_on(open(source, layer, model.info()));
    let mut over_grpc = || {
        let step = runtime.block_on(stream.step(&image, &[]));
        step.expect("the service answers");
    };
    let mut in_process = || {
        let step = model.differentiate(&image.data, 1, &objective, &[]);
        step.expect("the sizes fit");
    };
    in_turn(
        &format!("{name}: over gRPC by in this process"),
        rounds,
        steps,
        [&mut over_grpc, &mut in_process],
    )
}

/// The first way over the second one, in turn: the median of the ratios of their times, and its quartiles.
fn in_turn(name: &str, rounds: usize, steps: usize, mut ways: [&mut dyn FnMut(); 2]) -> Value {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        for (way, times) in ways.iter_mut().zip(&mut times) {
            let start = Instant::now();
            (0..steps).for_each(|_| way());
            // The first round warms up.
            if round > 0 {
                times.push(start.elapsed().as_secs_f64() / steps as f64);
            }
        }
    }
    let [first, second] = &times;
    let ratios = first.iter().zip(second).map(|(a, b)| a / b).collect();
    let [low, ratio, high] = quartiles(ratios);
    let milliseconds = times.map(|times| 1e3 * quartiles(times)[1]);
    println!(
        "{name}: {:.2} ms / {:.2} ms, ratio {ratio:.2}, quartiles {low:.2} {high:.2}",
        milliseconds[0], milliseconds[1]
    );
    json!({"name": name, "milliseconds": milliseconds, "ratio": ratio, "low": low, "high": high})
}

/// The quartiles, the median in the middle.
fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}

/// A service on a port of its own, and a stream of the same objective.
async fn open(source: ModelSource, layer: &str, info: &ModelInfo) -> (DifferentiateStream, Array) {
    let settings = Settings {
        serve: ServeSettings {
            listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
            ..ServeSettings::default()
        },
        ..Settings::default()
    };
    let listener = settings.serve.bind(0).await.expect("there is a free port");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    tokio::spawn(async move {
        let stop = std::future::pending();
        service::serve(listener, source, &settings, stop).await
    });
    let ready = wait_until_serving(address, "deepface.v1.ClassifierService", PATIENCE).await;
    ready.expect("the service starts");
    let shape = info.layers[info.layer(layer).expect("every VGG has this layer")]
        .shape
        .clone();
    let target = Array {
        data: vec![0.5; shape.iter().product()],
        shape,
    };
    let setup = v1::DifferentiateSetup {
        objectives: vec![v1::Objective {
            weight: Some(1.0),
            term: Some(v1::objective::Term::SquaredDistance(v1::SquaredDistance {
                layer: layer.into(),
                target: Some(target.to_tensor(v1::DataType::F32)),
                normalized: true,
            })),
        }],
        ..Default::default()
    };
    let client = ClassifierClient::connect_lazy(&format!("http://{address}"))
        .expect("the URL is well formed");
    let stream = client
        .differentiate(setup)
        .await
        .expect("the setup is right");
    let side = info.input_size;
    let image = Array {
        shape: vec![3, side, side],
        data: grey(side),
    };
    (stream, image)
}

/// The layers up to conv4_3, as candle has them out of the box.
const STAGES: [&str; 13] = [
    "conv1_1", "conv1_2", "pool", "conv2_1", "conv2_2", "pool", "conv3_1", "conv3_2", "conv3_3",
    "pool", "conv4_1", "conv4_2", LAYER,
];

/// What candle's own kernels and autograd take.
fn candle() -> Value {
    let weights = candle_core::safetensors::load_buffer(WEIGHTS, &Device::Cpu)
        .expect("the embedded model loads");
    let get = |name: String| {
        weights[&name]
            .to_dtype(candle_core::DType::F32)
            .expect("f16 converts")
    };
    let layers: Vec<Option<(Tensor, Tensor)>> = STAGES
        .iter()
        .map(|s| (*s != "pool").then(|| (get(format!("{s}.weight")), get(format!("{s}.bias")))))
        .collect();
    let mut model =
        Model::load(WEIGHTS, DeviceChoice::Cpu, cores()).expect("the embedded model loads");
    let objective = [objective(&model, LAYER)];
    let side = model.info().input_size;
    let pixels = grey(side);
    let image =
        Tensor::from_slice(&pixels, (1, 3, side, side), &Device::Cpu).expect("the size fits");
    let mut theirs = || {
        candle_step(&image, &layers).expect("candle computes");
    };
    let mut ours = || {
        let step = model.differentiate(&pixels, 1, &objective, &[]);
        step.expect("the sizes fit");
    };
    let name = format!(
        "{}: stock candle by ours",
        Architecture::vgg_face_mini().name
    );
    in_turn(&name, 15, 5, [&mut theirs, &mut ours])
}

fn candle_step(image: &Tensor, layers: &[Option<(Tensor, Tensor)>]) -> candle_core::Result<Tensor> {
    let image = Var::from_tensor(image)?;
    let mut x = image.as_tensor().clone();
    for layer in layers {
        x = match layer {
            Some((w, b)) => x
                .conv2d(w, 1, 1, 1, 1)?
                .broadcast_add(&b.reshape((1, (), 1, 1))?)?
                .relu()?,
            None => x.max_pool2d(2)?,
        };
    }
    let loss = (x - 0.5)?.sqr()?.sum_all()?;
    let gradients = loss.backward()?;
    Ok(gradients
        .get(&image)
        .expect("the image is a variable")
        .clone())
}

fn main() {
    let vgg_face = ModelSource::Random(Architecture::vgg_face());
    let figures = json!({"cases": [
        wire(ModelSource::Embedded, LAYER, 50, 20),
        wire(vgg_face, "pool5", 25, 1),
        candle(),
    ]});
    if let Some(path) = env::var_os("DEEPFACE_FIGURES") {
        fs::write(path, format!("{figures:#}\n")).expect("the file can be written");
    }
}
