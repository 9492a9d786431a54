//! One step of feature inversion, a loss at a layer and its image gradient: in this process, over gRPC, and by stock
//! candle with its autograd. On the embedded model, and the price of the wire on VGG-Face at full size too.
//!
//! `cargo bench -p deepface-tests --bench step`. Compare figures of one run only: machines differ and drift.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor, Var};
use classifier_svc::service::{self, ModelSource};
use classifier_svc::settings::Settings;
use criterion::{Criterion, criterion_group, criterion_main};
use deepface_client::{Array, ClassifierClient, DifferentiateStream, v1};
use deepface_network::{Architecture, DeviceChoice, Model, ModelInfo, Objective, Term};

use deepface_serve::{ServeSettings, cores, wait_until_serving};
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

fn in_process(criterion: &mut Criterion) {
    let mut model =
        Model::load(WEIGHTS, DeviceChoice::Cpu, cores()).expect("the embedded model loads");
    let objective = [objective(&model, LAYER)];
    let image = grey(model.info().input_size);
    criterion.bench_function("step/vgg-face-mini/in-process", |b| {
        b.iter(|| {
            model
                .differentiate(&image, 1, &objective, &[])
                .expect("the sizes fit")
        });
    });
}

fn over_grpc(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("the system can start threads");
    let (mut stream, image) = runtime.block_on(async {
        let model = ModelSource::Embedded.load(DeviceChoice::Cpu, 1);
        let model = model.expect("the embedded model loads");
        open(ModelSource::Embedded, LAYER, model.info()).await
    });
    criterion.bench_function("step/vgg-face-mini/grpc", |b| {
        b.iter(|| {
            runtime
                .block_on(stream.step(&image, &[]))
                .expect("the service answers")
        });
    });
}

/// The price of the wire, free of drift: both ways in turn, some steps each, and the median of the ratios.
fn tax(_: &mut Criterion) {
    tax_of(ModelSource::Embedded, LAYER, 50, 20);
    tax_of(
        ModelSource::Random(Architecture::vgg_face()),
        "pool5",
        25,
        1,
    );
}

fn tax_of(source: ModelSource, layer: &str, rounds: usize, steps: usize) {
    let mut model = source
        .load(DeviceChoice::Cpu, cores())
        .expect("the model loads");
    let objective = [objective(&model, layer)];
    let runtime = Runtime::new().expect("the system can start threads");
    let (mut stream, image) = runtime.block_on(open(source, layer, model.info()));
    let mut ratios: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..steps {
                runtime
                    .block_on(stream.step(&image, &[]))
                    .expect("the service answers");
            }
            let wire = start.elapsed();
            let start = Instant::now();
            for _ in 0..steps {
                model
                    .differentiate(&image.data, 1, &objective, &[])
                    .expect("the sizes fit");
            }
            wire.as_secs_f64() / start.elapsed().as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let at = |share: usize| ratios[ratios.len() * share / 100];
    println!(
        "{}: step over gRPC / in-process, in turn: median {:.2}, quartiles {:.2} {:.2}",
        model.info().name,
        at(50),
        at(25),
        at(75)
    );
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
            weight: 1.0,
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

fn stock_candle(criterion: &mut Criterion) {
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
    let side = Architecture::vgg_face_mini().input;
    let image =
        Tensor::from_vec(grey(side), (1, 3, side, side), &Device::Cpu).expect("the size fits");
    criterion.bench_function("step/vgg-face-mini/stock-candle", |b| {
        b.iter(|| candle_step(&image, &layers).expect("candle computes"));
    });
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

fn settings() -> Criterion {
    Criterion::default()
        .sample_size(40)
        .measurement_time(Duration::from_secs(4))
}

criterion_group! {
    name = benches;
    config = settings();
    targets = tax, in_process, over_grpc, stock_candle
}
criterion_main!(benches);
