//! Differentiate.

use deepface_proto::v1::differentiate_request::Message;
use deepface_proto::v1::objective::Term;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Streaming};

use super::*;

/// Both directions of a stream.
pub(super) struct Stream {
    send: mpsc::Sender<v1::DifferentiateRequest>,
    replies: Streaming<v1::DifferentiateResponse>,
}

impl Stream {
    pub(super) async fn open(
        client: &mut Client,
        timeout: Option<Duration>,
    ) -> Result<Self, Status> {
        let (send, receive) = mpsc::channel(8);
        let mut request = Request::new(ReceiverStream::new(receive));
        if let Some(timeout) = timeout {
            request.set_timeout(timeout);
        }
        let replies = client.differentiate(request).await?.into_inner();
        Ok(Self { send, replies })
    }

    pub(super) async fn send(&self, message: Message) {
        let message = Some(message);
        self.send
            .send(v1::DifferentiateRequest { message })
            .await
            .unwrap();
    }

    pub(super) async fn next(&mut self) -> Result<v1::DifferentiateResponse, Status> {
        let next = tokio::time::timeout(SOON, self.replies.message());
        next.await
            .unwrap()
            .map(|m| m.expect("the stream ended without a status"))
    }
}

pub(super) fn setup(terms: impl IntoIterator<Item = Term>) -> Message {
    let objective = |term| v1::Objective {
        weight: None,
        term: Some(term),
    };
    Message::Setup(v1::DifferentiateSetup {
        objectives: terms.into_iter().map(objective).collect(),
        ..Default::default()
    })
}

/// The first of fc7 is this, the others nothing.
fn cotangent(first: f32) -> Term {
    let mut data = vec![0.0; 32];
    data[0] = first;
    let array = Array::new(vec![32], data).unwrap();
    Term::VectorJacobianProduct(v1::VectorJacobianProduct {
        layer: "fc7".into(),
        cotangent: Some(array.to_tensor(DataType::F32)),
    })
}

pub(super) fn step(id: i64, image: Array) -> Message {
    Message::Step(v1::DifferentiateStep {
        id,
        image: Some(image.to_tensor(DataType::F32)),
        return_layers: vec!["fc7".into()],
    })
}

pub(super) fn male() -> Term {
    Term::AttributeLikelihood(v1::AttributeLikelihood {
        targets: vec![v1::AttributeTarget {
            attribute: "Male".into(),
            absent: false,
            weight: None,
            enough: None,
        }],
    })
}

fn to_fc7(data: Vec<f32>, normalized: bool) -> Term {
    Term::SquaredDistance(v1::SquaredDistance {
        layer: "fc7".into(),
        target: Some(
            Array::new(vec![1, 32], data)
                .unwrap()
                .to_tensor(DataType::F32),
        ),
        normalized,
    })
}

fn decoded(tensor: Option<&v1::Tensor>) -> Array {
    Array::try_from(tensor.unwrap()).unwrap()
}

#[tokio::test]
async fn every_step_gets_its_answer_in_order() {
    let mut s = service(Limits::default()).await;
    let mut stream = Stream::open(&mut s.client, None).await.unwrap();
    let target = vec![1.0; 32];
    stream
        .send(setup([to_fc7(target.clone(), true), male()]))
        .await;
    for id in 0..6 {
        stream.send(step(id, face(id as u64))).await;
    }
    for id in 0..6 {
        let reply = stream.next().await.unwrap();
        assert_eq!(reply.id, id);
        assert_eq!(decoded(reply.gradient.as_ref()).shape, [3, SIDE, SIDE]);
        let fc7 = decoded(reply.activations[0].tensor.as_ref());
        assert_eq!(fc7.shape, [1, 32]);
        let distance: f64 = fc7.data.iter().map(|&x| f64::from(x - 1.0).powi(2)).sum();
        let loss = &reply.losses[0];
        assert!((loss.terms[0] - distance / 32.0).abs() < 1e-4 * (1.0 + distance));
        assert!((loss.total - loss.terms[0] - loss.terms[1]).abs() < 1e-9);

        let images = vec![face_image(id as u64)];
        let scores = s
            .client
            .classify(v1::ClassifyRequest {
                images,
                ..Default::default()
            })
            .await
            .unwrap()
            .into_inner();
        let male = f64::from(scores.results[0].groups[0].attributes[0].probability);
        assert!(
            (loss.terms[1] + male.ln()).abs() < 1e-4,
            "{loss:?}, p = {male}"
        );
    }
    drop(stream.send);
    assert!(stream.replies.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_step_of_many_images_is_each_alone() {
    let mut s = service(Limits::default()).await;
    let mut stream = Stream::open(&mut s.client, None).await.unwrap();
    stream.send(setup([male()])).await;
    let data: Vec<f32> = (0..6).flat_map(|i| face(i).data).collect();
    let many = Array::new(vec![6, 3, SIDE, SIDE], data).unwrap();
    stream.send(step(0, many)).await;
    let all = stream.next().await.unwrap();
    let gradient = decoded(all.gradient.as_ref());
    assert_eq!(gradient.shape, [6, 3, SIDE, SIDE]);
    for (i, part) in gradient.data.chunks(3 * SIDE * SIDE).enumerate() {
        stream.send(step(1, face(i as u64))).await;
        let one = stream.next().await.unwrap();
        assert_eq!(one.losses[0], all.losses[i]);
        assert_eq!(decoded(one.gradient.as_ref()).data, part);
    }
}

#[tokio::test]
async fn bad_setups_are_named() {
    let mut s = service(Limits::default()).await;
    let likelihood = |targets: &[(&str, f64)]| {
        let target = |&(name, weight): &(&str, f64)| v1::AttributeTarget {
            attribute: name.to_owned(),
            absent: true,
            weight: Some(weight),
            enough: None,
        };
        let targets = targets.iter().map(target).collect();
        setup([Term::AttributeLikelihood(v1::AttributeLikelihood {
            targets,
        })])
    };
    let product = |layer: &str, shape: &[usize]| {
        let array = Array::new(shape.to_vec(), vec![1.0; shape.iter().product()]).unwrap();
        setup([Term::VectorJacobianProduct(v1::VectorJacobianProduct {
            layer: layer.to_owned(),
            cotangent: Some(array.to_tensor(DataType::F32)),
        })])
    };
    let weighted = |weight| {
        let term = Some(male());
        Message::Setup(v1::DifferentiateSetup {
            objectives: vec![v1::Objective {
                weight: Some(weight),
                term,
            }],
            ..Default::default()
        })
    };
    let no_term = Message::Setup(v1::DifferentiateSetup {
        objectives: vec![v1::Objective::default()],
        ..Default::default()
    });
    let first = "setup.objectives[0]";
    let targets = "setup.objectives[0].attribute_likelihood.targets";
    let cotangent_field = "setup.objectives[0].vector_jacobian_product";
    let cases = [
        (setup([]), "setup.objectives".to_owned(), "1 to 16"),
        (setup(vec![male(); 17]), "setup.objectives".into(), "got 17"),
        (no_term, first.into(), "got none"),
        (weighted(f64::NAN), format!("{first}.weight"), "NaN"),
        (
            weighted(-1.1e6),
            format!("{first}.weight"),
            "-1e6 to 1e6, got -1100000",
        ),
        (likelihood(&[]), targets.into(), "got 0"),
        (
            likelihood(&[("Mael", 1.0)]),
            format!("{targets}[0].attribute"),
            "mean Male",
        ),
        (
            likelihood(&[("Male", -1.0)]),
            format!("{targets}[0].weight"),
            "more than 0",
        ),
        (
            likelihood(&[("Male", f64::INFINITY)]),
            format!("{targets}[0].weight"),
            "1e6, got inf",
        ),
        (
            likelihood(&[("Male", 1.0), ("Male", 1.0)]),
            format!("{targets}[1].attribute"),
            "repeated",
        ),
        (
            product("fc9", &[32]),
            format!("{cotangent_field}.layer"),
            "mean fc",
        ),
        (
            product("fc7", &[31]),
            format!("{cotangent_field}.cotangent.shape"),
            "expected [32]",
        ),
        (
            product("pool5", &[2, 32, 1, 1]),
            format!("{cotangent_field}.cotangent.shape"),
            "[32, 1, 1]",
        ),
        (
            setup([to_fc7(vec![0.0; 32], true)]),
            format!("{first}.squared_distance.target"),
            "zero",
        ),
        (
            setup([to_fc7(vec![2e9; 32], false)]),
            format!("{first}.squared_distance.target.data"),
            "element 0 is 2e9",
        ),
        (
            setup([cotangent(-2e9)]),
            format!("{cotangent_field}.cotangent.data"),
            "-1e9 to 1e9",
        ),
        (step(0, face(0)), "message".into(), "got a step"),
    ];
    for (message, field, says) in cases {
        let mut stream = Stream::open(&mut s.client, None).await.unwrap();
        stream.send(message).await;
        assert_violation(&stream.next().await.unwrap_err(), &field, says);
    }
}

#[tokio::test]
async fn a_bad_step_ends_the_stream_after_the_answers_before_it() {
    let mut s = service(Limits::default()).await;
    let shaped = |shape: &[usize]| {
        let data = vec![0.5; shape.iter().product()];
        step(1, Array::new(shape.to_vec(), data).unwrap())
    };
    let mut bytes = face(0).to_tensor(DataType::U8);
    bytes.shape = vec![3, SIDE as i64, SIDE as i64];
    let bytes = Message::Step(v1::DifferentiateStep {
        image: Some(bytes),
        ..Default::default()
    });
    let mut infinite = face(0);
    infinite.data[5] = f32::INFINITY;
    let mut returns = v1::DifferentiateStep {
        image: Some(face(0).to_tensor(DataType::F32)),
        ..Default::default()
    };
    returns.return_layers = vec!["conv9_1".into()];
    let cases = [
        (
            shaped(&[3, SIDE, SIDE - 1]),
            "step.image.shape",
            "[3, 32, 32]",
        ),
        (
            shaped(&[1, 1, SIDE, SIDE]),
            "step.image.shape",
            "[N, 3, 32, 32]",
        ),
        (shaped(&[65, 3, SIDE, SIDE]), "step.image.shape", "up to 64"),
        (bytes, "step.image.data_type", "DATA_TYPE_F32"),
        (step(1, infinite), "step.image.data", "element 5"),
        (
            Message::Step(v1::DifferentiateStep::default()),
            "step.image",
            "got none",
        ),
        (
            Message::Step(returns),
            "step.return_layers[0]",
            "unknown layer",
        ),
        (setup([male()]), "message", "second setup"),
    ];
    for (message, field, says) in cases {
        let mut stream = Stream::open(&mut s.client, None).await.unwrap();
        stream.send(setup([male()])).await;
        stream.send(step(7, face(0))).await;
        stream.send(message).await;
        assert_eq!(stream.next().await.unwrap().id, 7);
        assert_violation(&stream.next().await.unwrap_err(), field, says);
    }
}

#[tokio::test]
async fn no_setup_and_no_image_makes_a_gradient_that_is_not_finite() {
    let mut s = service(Limits::default()).await;
    let attribute = v1::AttributeTarget {
        attribute: "Male".to_owned(),
        absent: false,
        weight: Some(1e6),
        enough: None,
    };
    let likelihood = Term::AttributeLikelihood(v1::AttributeLikelihood {
        targets: vec![attribute.clone()],
    });
    let probability = Term::AttributeProbability(v1::AttributeProbability {
        targets: vec![attribute],
    });
    let terms = [
        cotangent(1e9),
        likelihood,
        probability,
        to_fc7(vec![1e9; 32], false),
        to_fc7([vec![1e-9], vec![0.0; 31]].concat(), true),
    ];
    let objective = |term| v1::Objective {
        weight: Some(1e6),
        term: Some(term),
    };
    let largest = Message::Setup(v1::DifferentiateSetup {
        objectives: terms.into_iter().map(objective).collect(),
        ..Default::default()
    });
    let mut stream = Stream::open(&mut s.client, None).await.unwrap();
    stream.send(largest).await;
    stream.send(step(1, face(0))).await;
    let reply = stream.next().await.unwrap();
    assert!(reply.losses[0].total.is_finite());
    // Tensors are read only where they are finite.
    decoded(reply.gradient.as_ref());

    let bright = |value: f32| {
        let mut image = face(1);
        image.data[5] = value;
        image
    };
    stream.send(step(2, bright(-1e6))).await;
    let reply = stream.next().await.unwrap();
    decoded(reply.gradient.as_ref());
    stream.send(step(3, bright(1e7))).await;
    let refused = stream.next().await.unwrap_err();
    assert_violation(&refused, "step.image.data", "element 5 is 1e7");
}

#[tokio::test]
async fn a_deadline_holds_for_the_whole_stream() {
    let mut s = service(Limits::default()).await;
    let timeout = Some(Duration::from_millis(300));
    let mut stream = Stream::open(&mut s.client, timeout).await.unwrap();
    stream.send(setup([male()])).await;
    stream.send(step(0, face(0))).await;
    stream.next().await.unwrap();
    let started = std::time::Instant::now();
    let status = stream.next().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    assert!(started.elapsed() < Duration::from_millis(800));
}

#[tokio::test]
async fn a_silent_stream_is_ended_and_a_closed_one_gives_its_place_back() {
    let limits = Limits {
        idle: Duration::from_millis(150),
        streams: 1,
        ..Limits::default()
    };
    let mut s = service(limits).await;
    // A stream that has said nothing takes no place.
    let mut silent = Stream::open(&mut s.client, None).await.unwrap();
    let mut placed = placed_stream(&mut s.client).await;
    let mut other = Stream::open(&mut s.client, None).await.unwrap();
    other.send(setup([male()])).await;
    let status = other.next().await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.get_details_retry_info().is_some());
    for stream in [&mut silent, &mut placed] {
        let status = stream.next().await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert!(status.message().contains("idle"), "{status}");
    }
    drop(placed_stream(&mut s.client).await);
    placed_stream(&mut s.client).await;
}

/// A stream that has a place, as soon as there is one.
async fn placed_stream(client: &mut Client) -> Stream {
    let placed = async {
        loop {
            let mut stream = Stream::open(client, None).await.unwrap();
            stream.send(setup([male()])).await;
            stream.send(step(1, face(1))).await;
            if stream.next().await.is_ok() {
                return stream;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, placed).await.unwrap()
}

#[tokio::test]
async fn a_stream_may_finish_after_the_signal_but_not_for_ever() {
    let mut settings = crate::settings::Settings::default();
    settings.serve.drain_seconds = 1;
    let listener = settings.serve.bind(0).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        let model = crate::service::ModelSource::Bytes(WEIGHTS.clone());
        let shutdown = async { drop(stopped.await) };
        crate::service::serve(listener, model, &settings, shutdown).await
    });
    deepface_serve::wait_until_serving(address, SERVICE_NAME, SOON)
        .await
        .unwrap();
    let mut client = Client::connect(format!("http://{address}")).await.unwrap();
    let mut stream = Stream::open(&mut client, None).await.unwrap();
    stream.send(setup([male()])).await;
    stop.send(()).unwrap();
    // No connection is taken any more once the server drains.
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stream.send(step(3, face(0))).await;
    assert_eq!(stream.next().await.unwrap().id, 3);
    let started = std::time::Instant::now();
    let status = stream.next().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(status.get_details_retry_info().is_some());
    tokio::time::timeout(SOON, running)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(started.elapsed() < Duration::from_millis(2500));
}
