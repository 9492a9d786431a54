//! The names that others give to the layers of VGG-16, and to the weight and the bias of each.

/// The layers of VGG-Face that have weights, from the image up.
pub(super) const LAYERS: [&str; 16] = [
    "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv4_1",
    "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3", "fc6", "fc7", "fc8",
];
/// How many of them are convolutions; the others are fully connected.
pub(super) const CONVOLUTIONS: usize = 13;

/// Places of the convolutions in torchvision's `features`, which timm has too.
const FEATURES: [usize; CONVOLUTIONS] = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28];

/// What a tensor is to its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Kernels, or the matrix of a fully connected layer.
    Weight,
    /// One value per output.
    Bias,
}

/// The path of the layer that a tensor belongs to, and what it is to it; `None` if its name does not say it.
pub(super) fn part(name: &str) -> Option<(Vec<&str>, Part)> {
    let name = name.strip_suffix(":0").unwrap_or(name);
    let mut path: Vec<&str> = name.split(['.', '/']).collect();
    let last = path.pop()?;
    if let Some(part) = word(last) {
        return Some((path, part));
    }
    // Keras 3 numbers variables from 0, MATLAB elements from 1.
    let numbered = match (path.last()?, last) {
        (&"vars", "0") | (&"weights", "1") => Some(Part::Weight),
        (&"vars", "1") | (&"weights", "2") => Some(Part::Bias),
        _ => None,
    };
    if let Some(part) = numbered {
        path.pop();
        return Some((path, part));
    }
    suffix(path, last)
}

/// `conv1_1_W` and its like: NumPy's and MATLAB's names have no points.
fn suffix<'a>(mut path: Vec<&'a str>, last: &'a str) -> Option<(Vec<&'a str>, Part)> {
    let (layer, part) = last.rsplit_once('_')?;
    let part = word(part)?;
    path.push(layer);
    Some((path, part))
}

/// As [`part`], where the whole name may be one word.
pub(super) fn part_of_word(name: &str) -> Option<(Vec<&str>, Part)> {
    match name.contains(['.', '/']) {
        true => part(name),
        false => suffix(Vec::new(), name.strip_suffix(":0").unwrap_or(name)),
    }
}

fn word(word: &str) -> Option<Part> {
    match word {
        "weight" | "weights" | "kernel" | "W" | "w" | "filters" | "filter" => Some(Part::Weight),
        "bias" | "biases" | "b" => Some(Part::Bias),
        _ => None,
    }
}

/// Which of [`LAYERS`] a path leads to, whatever modules are around it.
pub(super) fn layer(path: &[&str]) -> Option<usize> {
    let (last, before) = path.split_last()?;
    let module = before.last().copied().unwrap_or_default();
    let number = last.parse::<usize>().ok();
    match (module, *last) {
        ("features", _) if number.is_some() => {
            return FEATURES.iter().position(|f| Some(*f) == number);
        }
        ("classifier", "0") => return index("fc6"),
        ("classifier", "3") => return index("fc7"),
        ("classifier", "6") | ("head", "fc") => return index("fc8"),
        _ => {}
    }
    // A convolution and its rectifier may be a module of two.
    direct(last).or_else(|| number.and_then(|_| direct(module)))
}

/// A layer by its own name: `conv1_1`, `conv_1_1`, `block1_conv1`, `fc6`, `fc_6`; Keras counts `fc1`, `fc2`,
/// `predictions`.
fn direct(name: &str) -> Option<usize> {
    let name = name.to_ascii_lowercase().replace(['-', '_'], "");
    let numbered = name.strip_prefix("conv").map(str::to_owned);
    let block = || {
        let (block, i) = name.strip_prefix("block")?.split_once("conv")?;
        Some(format!("{block}{i}"))
    };
    if let Some(digits) = numbered.or_else(block) {
        return match digits.as_bytes() {
            [block, i] => index(&format!("conv{}_{}", char::from(*block), char::from(*i))),
            _ => None,
        };
    }
    match &name[..] {
        "fc1" => index("fc6"),
        "fc2" => index("fc7"),
        "fc3" | "predictions" => index("fc8"),
        _ => index(&name),
    }
}

fn index(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_publishers_lead_to_the_same_layers() {
        for (name, expected) in [
            ("conv1_1.weight", Some(("conv1_1", Part::Weight))),
            ("module.net.conv_5_3.bias", Some(("conv5_3", Part::Bias))),
            ("features.conv_1_1.weight", Some(("conv1_1", Part::Weight))),
            ("conv_1_1.0.weight", Some(("conv1_1", Part::Weight))),
            ("fc.fc6.bias", Some(("fc6", Part::Bias))),
            ("features.28.weight", Some(("conv5_3", Part::Weight))),
            ("classifier.3.bias", Some(("fc7", Part::Bias))),
            ("pre_logits.fc1.weight", Some(("fc6", Part::Weight))),
            ("head.fc.weight", Some(("fc8", Part::Weight))),
            ("conv1_1/conv1_1/kernel:0", Some(("conv1_1", Part::Weight))),
            (
                "block4_conv3/block4_conv3_W:0",
                Some(("conv4_3", Part::Weight)),
            ),
            ("vgg_16/conv3/conv3_2/biases", Some(("conv3_2", Part::Bias))),
            (
                "layers/conv2d_1/conv1_2/vars/1",
                Some(("conv1_2", Part::Bias)),
            ),
            ("net.layers.fc7.weights.1", Some(("fc7", Part::Weight))),
            ("layers.conv2_2.filters", Some(("conv2_2", Part::Weight))),
            ("conv4_2_b", Some(("conv4_2", Part::Bias))),
            ("predictions/bias:0", Some(("fc8", Part::Bias))),
            ("features.1.weight", None),
            ("conv3_4.weight", None),
            ("layer1.0.conv1.weight", None),
            ("conv1_1.running_mean", None),
        ] {
            let found = part_of_word(name);
            let found = found.and_then(|(path, part)| Some((LAYERS[layer(&path)?], part)));
            assert_eq!(found, expected, "{name}");
        }
    }
}
