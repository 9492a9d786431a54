//! Training from beginning to end.

use super::{Case, SIDE, Topology, settings};
use crate::autoencoder::{
    Data, Face, Progress, Sampling, Settings, Trained, face::arrays, model::named,
    networks::Networks, sheet, table, topology::Spec, train,
};

fn run(case: &Case, settings: &Settings) -> Trained {
    train(settings, &case.data(), None, &mut |_| ()).unwrap()
}

fn bytes(trained: &Trained) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    trained.autoencoder.write(&path).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn the_loss_falls_and_the_attributes_change_the_face() {
    let case = Case::new();
    let settings = Settings {
        epochs: 40,
        ..settings()
    };
    let Trained {
        mut autoencoder,
        curve,
    } = run(&case, &settings);
    let total =
        |e: &crate::autoencoder::Epoch| e.validation.pixels + 20.0 * e.validation.perceptual;
    assert_eq!(curve.len(), 40);
    assert!(
        total(&curve[39]) < 0.3 * total(&curve[0]),
        "{}",
        table(&curve)
    );
    // The first attribute is brightness, which its faces have.
    let brightness = |autoencoder: &mut crate::autoencoder::Autoencoder, bright: f32| -> f32 {
        let draws = (0..8).flat_map(|seed| autoencoder.sample(&[bright, 0.0, 0.0], seed).unwrap());
        draws.sum::<f32>() / (8 * 3 * SIDE * SIDE) as f32
    };
    let [dark, bright] = [0.0, 1.0].map(|bright| brightness(&mut autoencoder, bright));
    assert!(bright > dark + 0.15, "{dark} {bright}");
    let [standard, used] = autoencoder.description().divergences;
    match autoencoder.description().sampling {
        Sampling::Fitted => assert!(used < standard),
        Sampling::Standard => assert_eq!(used, standard),
    }
    let picture = sheet(&mut autoencoder, &case.validation[..3]).unwrap();
    assert_eq!(picture.dimensions(), (3 * SIDE as u32, 6 * SIDE as u32));
}

#[test]
fn the_same_seed_gives_the_same_file_on_any_number_of_threads() {
    let case = Case::new();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| bytes(&run(&case, &settings())))
    };
    let first = on(1);
    assert!(first == on(1) && first == on(3));
    let other = Settings {
        seed: 2,
        ..settings()
    };
    assert!(first != bytes(&run(&case, &other)));
}

#[test]
fn a_killed_run_goes_on_bit_for_bit() {
    let case = Case::new();
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("a.checkpoint");
    let whole = run(&case, &settings());
    // What is left of a run that was killed in its fourth epoch.
    let killed = std::panic::catch_unwind(|| {
        train(
            &settings(),
            &case.data(),
            Some(&checkpoint),
            &mut |progress| {
                let Progress::Step { done, .. } = progress else {
                    return;
                };
                assert!(done < 20, "killed");
            },
        )
    });
    assert!(killed.is_err());
    let mut first = None;
    let resumed = train(
        &settings(),
        &case.data(),
        Some(&checkpoint),
        &mut |progress| {
            if let Progress::Resumed { done, all } = progress {
                first.get_or_insert((done, all));
            }
        },
    );
    let resumed = resumed.unwrap();
    assert_eq!(first, Some((18, 36)));
    assert_eq!(resumed.curve, whole.curve);
    assert!(bytes(&resumed) == bytes(&whole));
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let mut case = Case::new();
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("a.checkpoint");
    let short = Settings {
        epochs: 1,
        perceptual_weight: 0.0,
        matching_weight: 0.0,
        adversarial_weight: 0.0,
        ..settings()
    };
    let go = |settings: &Settings, case: &Case| {
        train(settings, &case.data(), Some(&checkpoint), &mut |_| ()).map(drop)
    };
    go(&short, &case).unwrap();
    let other = Settings {
        beta: 0.25,
        ..short.clone()
    };
    let said = go(&other, &case).unwrap_err().to_string();
    assert!(said.contains("belongs to another run"), "{said}");
    case.train[0].labels[1] ^= true;
    let said = go(&short, &case).unwrap_err().to_string();
    assert!(said.contains("belongs to another run"), "{said}");
}

#[test]
fn what_does_not_fit_is_refused_before_any_work() {
    let case = Case::new();
    let refused = |settings: &Settings, case: &Case| {
        let run = train(settings, &case.data(), None, &mut |_| ());
        run.err().unwrap().to_string()
    };
    for (bad, said) in [
        (
            Settings {
                epochs: 0,
                ..settings()
            },
            "epochs: expected at least 1, got 0",
        ),
        (
            Settings {
                batch: 49,
                ..settings()
            },
            "batch: expected at most 48, the number of training faces, got 49",
        ),
        (
            Settings {
                learning_rate: f32::NAN,
                ..settings()
            },
            "learning-rate: expected above 0, got NaN",
        ),
        (
            Settings {
                beta: -1.0,
                ..settings()
            },
            "beta: expected at least 0, got -1",
        ),
    ] {
        assert_eq!(refused(&bad, &case), said);
    }
    let unknown = Settings {
        perceptual_layers: vec!["fc6".into()],
        ..settings()
    };
    let said = refused(&unknown, &case);
    assert!(
        said.starts_with("perceptual-layers: expected some of conv1_1, "),
        "{said}"
    );
    assert!(said.ends_with("got \"fc6\""), "{said}");
    let mut small = Case::new();
    small.train[3] = Face::new(&[0.5; 3 * 64], 8, vec![true; 3]);
    let said = refused(&settings(), &small);
    assert_eq!(said, "faces: expected 16x16 pixels, got (8, 8)");
    let mut unlabelled = Case::new();
    unlabelled.validation[0].labels.pop();
    assert_eq!(
        refused(&settings(), &unlabelled),
        "labels: expected 3, got 2"
    );
}

/// An autoencoder of folded faces that goes on from one of small faces begins with what that one does.
#[test]
fn a_folded_autoencoder_begins_as_the_small_one() {
    let case = Case::new();
    let small = Topology {
        fold: 1,
        ..settings().topology
    };
    let mut first = run(
        &case,
        &Settings {
            topology: small.clone(),
            ..settings()
        },
    )
    .autoencoder;
    let large = Topology {
        side: 2 * SIDE,
        fold: 2,
        ..small.clone()
    };
    let weights = first.weights_for(&large).unwrap();
    let take = |spec: &Spec| named(&weights, spec);
    let mut networks = Networks::given(&large, [3, 1], true, take).unwrap();
    let (face, attributes) = arrays(&case.validation[..1]);
    let (mean, _) = first.encode(&face, &attributes).unwrap();
    let twice = |face: &[f32]| -> Vec<f32> {
        let size = 2 * SIDE;
        let at = |i: usize| (i / (size * size) * SIDE + i / size % size / 2) * SIDE + i % size / 2;
        (0..3 * size * size).map(|i| face[at(i)]).collect()
    };
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    assert!(close(
        &networks.encode(&twice(&face), &attributes).mean,
        &mean
    ));
    let decoded = first.decode(&mean, &attributes).unwrap();
    assert!(close(networks.decode(&mean, &attributes), &twice(&decoded)));
    let other = Topology { latent: 7, ..large };
    assert!(first.weights_for(&other).is_none());
}

#[test]
fn a_run_goes_on_from_an_autoencoder_of_the_same_sizes() {
    let case = Case::new();
    let first = run(&case, &settings());
    let still = Settings {
        epochs: 1,
        learning_rate: 1e-9,
        weight_decay: 0.0,
        ..settings()
    };
    let data = Data {
        start: Some(&first.autoencoder),
        ..case.data()
    };
    let second = train(&still, &data, None, &mut |_| ()).unwrap();
    let [a, b] = [&first, &second].map(|t| t.curve.last().unwrap().validation);
    assert!((a.pixels - b.pixels).abs() < 0.02 * a.pixels, "{a:?} {b:?}");
    let other = Settings {
        conditional: false,
        ..still
    };
    let refused = train(&other, &data, None, &mut |_| ()).err().unwrap();
    let said = refused.to_string();
    assert!(
        said.starts_with("start: expected an autoencoder of the same sizes"),
        "{said}"
    );
}
