//! A fit with a decoder.

use deepface_network::autoencoder::{Data, Face, Settings, Topology, train};

use super::*;

const SIDE: usize = 16;

/// Trains an autoencoder for one epoch on made-up faces, and writes it.
fn autoencoder(path: &Path, conditional: bool) {
    let face = |i: usize| {
        let pixels: Vec<f32> = (0..3 * SIDE * SIDE)
            .map(|at| 0.5 + 0.4 * ((at + 7 * i) as f32 * (0.1 + 0.01 * i as f32)).sin())
            .collect();
        Face::new(&pixels, SIDE, vec![i.is_multiple_of(2); ATTRIBUTES])
    };
    let faces: Vec<Face> = (0..24).map(face).collect();
    let settings = Settings {
        topology: Topology {
            side: SIDE,
            channels: vec![16, 16],
            latent: 5,
            fold: 1,
        },
        conditional,
        epochs: 1,
        batch: 8,
        perceptual_weight: 0.0,
        ..Settings::default()
    };
    let data = Data {
        train: &faces[..16],
        validation: &faces[16..],
        schema: &Schema::default(),
        license: "test",
        classifier: None,
        start: None,
    };
    let trained = train(&settings, &data, None, &mut |_| ()).unwrap();
    trained.autoencoder.write(path).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decoder_becomes_a_second_prior() {
    let dir = tempfile::tempdir().unwrap();
    let (labels, _) = dataset(dir.path());
    let classifier = Running::new(&Arc::new(labels), GOOD).await;
    let path = dir.path().join("decoder.safetensors");
    autoencoder(&path, false);
    let mut args = args(dir.path(), &[&classifier]);
    args.decoder = Some(path);
    run(&args).await.unwrap();
    let statistics = Statistics::load(&fs::read(&args.output).unwrap()).unwrap();
    let decoder = statistics.prior(Coordinates::Latents);
    assert!((1..=5).contains(&decoder.components()));
    assert_eq!(decoder.mean().len(), 3 * 8 * 8);
    let rows = args.response.min(decoder.components());
    for layer in &statistics.layers {
        assert_eq!(layer.decoder_response.nrows(), rows);
    }
    // The components are as without it.
    let plain = FitArgs {
        decoder: None,
        output: dir.path().join("plain.safetensors"),
        ..args.clone()
    };
    run(&plain).await.unwrap();
    let plain = Statistics::load(&fs::read(&plain.output).unwrap()).unwrap();
    assert!(plain.decoder.is_none());
    assert_eq!(plain.prior.mean(), statistics.prior.mean());
    assert_eq!(plain.layers[0].response, statistics.layers[0].response);
}

#[tokio::test]
async fn what_is_no_coder_of_faces_alone_is_refused_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("decoder.safetensors");
    autoencoder(&path, true);
    let mut args = args(dir.path(), &[]);
    args.classifier = vec!["http://127.0.0.1:1".into()];
    args.decoder = Some(path.clone());
    let problem = format!("{:#}", run(&args).await.unwrap_err());
    assert!(
        problem.contains("--unconditional, got a conditional one"),
        "{problem}"
    );
    fs::write(&path, "not tensors").unwrap();
    let problem = format!("{:#}", run(&args).await.unwrap_err());
    assert!(problem.starts_with("--decoder: "), "{problem}");
    assert!(
        problem.contains("not a whole safetensors file"),
        "{problem}"
    );
}
