//! Keras: HDF5 files with the weights of each layer, in the order of the layers; and `.keras`, which holds one.

use bytes::Bytes;
use hdf5_reader::group::Group;

use crate::{Format, ReadError, Tensor, archive::Archive, hdf5};

/// The HDF5 file in a `.keras` archive.
pub(crate) const WEIGHTS: &str = "model.weights.h5";

/// The tensors of a `.keras` archive.
pub(crate) fn read_zip(file: &Bytes) -> Result<Vec<Tensor>, ReadError> {
    let format = Format::KerasZip;
    let malformed = |problem| ReadError::Malformed { format, problem };
    let mut archive = Archive::open(file).map_err(malformed)?;
    if archive.has("config.json") {
        let config = archive.entry("config.json").map_err(malformed)?;
        refuse_channels_first(&config, format)?;
    }
    let weights = archive.entry(WEIGHTS).map_err(malformed)?;
    by_layer(&hdf5::open(&weights, format)?, format)
}

/// The tensors of an HDF5 file, and whether Keras wrote it.
pub(crate) fn read_hdf5(file: &Bytes) -> Result<(Format, Vec<Tensor>), ReadError> {
    let format = Format::Keras;
    let root = hdf5::open(file, format)?;
    if let Some(config) = attribute(&root, "model_config") {
        refuse_channels_first(config.concat().as_bytes(), format)?;
    }
    // A whole model has its weights in a group.
    let weights = root.group("model_weights").unwrap_or_else(|_| root.clone());
    if attribute(&weights, "layer_names").is_some() {
        return Ok((format, by_name(&weights)?));
    }
    if root.group("layers").is_ok() || root.group("_layer_checkpoint_dependencies").is_ok() {
        return Ok((format, by_layer(&root, format)?));
    }
    Ok((Format::Hdf5, hdf5::walk(&root, Format::Hdf5)?))
}

/// Keras 1 and 2: attributes name the layers, and the weights of each, in their order.
fn by_name(weights: &Group) -> Result<Vec<Tensor>, ReadError> {
    let format = Format::Keras;
    let malformed = |problem: String| ReadError::Malformed { format, problem };
    let mut tensors = Vec::new();
    for layer in attribute(weights, "layer_names").unwrap_or_default() {
        let group = weights.group(&layer).map_err(hdf5::malformed(format))?;
        for name in attribute(&group, "weight_names").unwrap_or_default() {
            let dataset = dataset(&group, &name)
                .ok_or_else(|| malformed(format!("layer {layer:?} lacks its weights {name:?}")))?;
            // A layer's name may be the beginning of its weights' names, or only that of the group.
            let name = match name.contains('/') {
                true => name,
                false => format!("{layer}/{name}"),
            };
            tensors.extend(hdf5::tensor(name, &dataset)?);
        }
        if tensors.len() > hdf5::MAX_OBJECTS {
            return Err(malformed(format!(
                "more than {} weights",
                hdf5::MAX_OBJECTS
            )));
        }
    }
    match tensors.is_empty() {
        // h5py writes such files too: attributes without weights.
        true => hdf5::walk(weights, format),
        false => Ok(tensors),
    }
}

/// A dataset by its path below a group.
fn dataset(group: &Group, path: &str) -> Option<hdf5_reader::Dataset> {
    let mut group = group.clone();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folders = folders.split('/').filter(|folder| !folder.is_empty());
    for folder in folders.take(hdf5::MAX_DEPTH) {
        group = group.group(folder).ok()?;
    }
    group.dataset(name).ok()
}

/// Keras 3: a group for each layer, in which `vars` holds its weights by number. The group says how its layer was called.
fn by_layer(root: &Group, format: Format) -> Result<Vec<Tensor>, ReadError> {
    let mut tensors = hdf5::walk(root, format)?;
    tensors.retain(|tensor| !tensor.name().starts_with("optimizer/"));
    let named = tensors.into_iter().map(|tensor| {
        let parts: Vec<&str> = tensor.name().split('/').collect();
        let Some((folders, [vars, number])) = parts.split_last_chunk::<2>() else {
            return tensor;
        };
        if *vars != "vars" {
            return tensor;
        }
        let mut group = Some(root.clone());
        for folder in folders {
            group = group.and_then(|group| group.group(folder).ok());
        }
        let vars = group.and_then(|group| group.group(vars).ok());
        let layer = vars
            .and_then(|vars| attribute(&vars, "name"))
            .unwrap_or_default();
        match &layer[..] {
            [layer] => {
                let name = format!("{}/{layer}/vars/{number}", folders.join("/"));
                tensor.renamed(name)
            }
            _ => tensor,
        }
    });
    Ok(named.collect())
}

/// The texts of an attribute. Keras splits long lists into `NAME0`, `NAME1` and so on.
fn attribute(group: &Group, name: &str) -> Option<Vec<String>> {
    let attributes = group.attributes().ok()?;
    let find = |name: &str| {
        let attribute = attributes.iter().find(|a| a.name == name)?;
        let texts = attribute.read_strings();
        texts
            .or_else(|_| attribute.read_string().map(|text| vec![text]))
            .ok()
    };
    if let Some(texts) = find(name) {
        return Some(texts);
    }
    let parts = (0..attributes.len()).map_while(|i| find(&format!("{name}{i}")));
    let all: Vec<String> = parts.flatten().collect();
    (!all.is_empty()).then_some(all)
}

/// The flattened activation of a model that stores channels first has another order, depending on the version of Keras.
fn refuse_channels_first(config: &[u8], format: Format) -> Result<(), ReadError> {
    let words = b"\"channels_first\"";
    match config.windows(words.len()).any(|w| w == words) {
        false => Ok(()),
        true => Err(ReadError::unsupported(
            format!("a {format} file of a model with data_format \"channels_first\""),
            "the order of its first dense layer depends on the version of Keras; build the model with \
             \"channels_last\", load these weights and save them again",
        )),
    }
}
