//! Every reader of strangers' bytes behind one signature, which the fuzz targets and the ordinary tests share.
//!
//! A reader takes any bytes and returns whether it accepts them. It must not panic, hang or take memory out of
//! proportion to its input, and whatever it accepts must be consistent; the assertions here state how.

use std::{fs, path::Path};

use deepface_client::{Array, Json, v1};
use deepface_dataset::{Dataset, DatasetError, Source};
use deepface_images::ImageLimits;
use deepface_network::{DeviceChoice, Model, autoencoder::Autoencoder};
use generator_svc::gaussian::Statistics;
use prost::Message;

/// Reads bytes, and returns whether they were accepted.
pub type Reader = fn(&[u8]) -> bool;

/// All readers. A name is also that of the fuzz target and of the folder of seeds.
pub const READERS: [(&str, Reader); 8] = [
    ("image", image),
    ("about", about),
    ("tensor", tensor),
    ("import", import),
    ("weights", weights),
    ("autoencoder", autoencoder),
    ("statistics", statistics),
    ("labels", labels),
];

/// An image file of a request.
pub fn image(bytes: &[u8]) -> bool {
    let limits = ImageLimits {
        pixels: 1 << 18,
        ..ImageLimits::default()
    };
    let image = deepface_images::decode(bytes, limits);
    if let Ok(image) = &image {
        let (width, height) = image.pixels.dimensions();
        assert!(width > 0 && height > 0 && u64::from(width) * u64::from(height) <= limits.pixels);
        assert!((0.0..=1.0).contains(&image.transparency));
    }
    image.is_ok()
}

/// A picture that says what made it.
pub fn about(bytes: &[u8]) -> bool {
    let texts = deepface_images::picture_texts(bytes);
    let request = texts.iter().find(|(name, _)| name == "request");
    let request = request.map(|(_, text)| v1::GenerateRequest::from_json(text));
    if let Some(Ok(request)) = request {
        let again = request
            .to_json()
            .map(|text| v1::GenerateRequest::from_json(&text));
        assert_eq!(again.ok().and_then(Result::ok), Some(request));
    }
    !texts.is_empty()
}

/// A `deepface.v1.Tensor` message.
pub fn tensor(bytes: &[u8]) -> bool {
    let Ok(message) = v1::Tensor::decode(bytes) else {
        return false;
    };
    let array = Array::try_from(&message);
    if let Ok(array) = &array {
        assert_eq!(array.shape.iter().product::<usize>(), array.data.len());
        assert!(array.data.iter().all(|x| x.is_finite()));
        let again = array.to_tensor(v1::DataType::F32);
        assert_eq!(Array::try_from(&again).as_ref(), Ok(array));
    }
    array.is_ok()
}

/// Published weights in any format.
pub fn import(bytes: &[u8]) -> bool {
    let file = bytes.to_vec().into();
    let Ok(contents) = deepface_import::read(&file) else {
        return false;
    };
    for tensor in &contents.tensors {
        if let Ok(values) = tensor.read() {
            assert_eq!(values.len(), tensor.shape().iter().product::<usize>());
        }
    }
    true
}

/// A weights file of the classifier.
pub fn weights(bytes: &[u8]) -> bool {
    let Ok(mut model) = Model::load(bytes, DeviceChoice::Cpu, 1) else {
        return false;
    };
    let grey = vec![0.5; model.info().pixels()];
    if let Ok(probabilities) = model.probabilities(&grey, 1) {
        assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
    }
    true
}

/// An autoencoder's file.
pub fn autoencoder(bytes: &[u8]) -> bool {
    let Ok(mut autoencoder) = Autoencoder::read(bytes) else {
        return false;
    };
    let attributes = vec![0.5; autoencoder.schema().len()];
    if let Ok(face) = autoencoder.sample(&attributes, 1) {
        assert_eq!(face.len(), 3 * autoencoder.side() * autoencoder.side());
        assert!(face.iter().all(|x| (0.0..=1.0).contains(x)));
    }
    true
}

/// A statistics file of the generator.
pub fn statistics(bytes: &[u8]) -> bool {
    let statistics = Statistics::load(bytes);
    if let Ok(statistics) = &statistics {
        assert!(
            statistics
                .frequencies
                .iter()
                .all(|f| (0.0..=1.0).contains(f))
        );
        for layer in &statistics.layers {
            assert_eq!(layer.mean.len(), layer.shape.iter().product::<usize>());
        }
    }
    statistics.is_ok()
}

/// A label file in any layout.
pub fn labels(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let file = folder.path().join("x_attributes.txt");
    fs::write(&file, bytes).expect("the temporary folder is writable");
    let source = Source {
        dir: folder.path().to_owned(),
        labels: Some(file),
        ..Source::default()
    };
    match Dataset::read(&source) {
        // There are no photographs, so a well-formed file ends here.
        Err(DatasetError::Empty { .. }) => true,
        Err(_) => false,
        Ok(_) => panic!("found photographs in an empty folder"),
    }
}

/// The seeds of a reader: the name and content of each file in `fuzz/seeds/NAME`, in the order of their names.
///
/// # Errors
/// The folder or a file cannot be read.
pub fn seeds(name: &str) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(name);
    let mut seeds = fs::read_dir(folder)?
        .map(|entry| {
            let path = entry?.path();
            Ok((path.display().to_string(), fs::read(path)?))
        })
        .collect::<std::io::Result<Vec<_>>>()?;
    seeds.sort();
    Ok(seeds)
}
