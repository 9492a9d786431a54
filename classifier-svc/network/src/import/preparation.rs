//! How pixels are prepared for a file's network, and whose its weights are: what the file says, or the user must.

use anyhow::ensure;
use deepface_import::{Contents, Format, Tensor};

use super::{args::ImportArgs, found::Found};
use crate::{ChannelOrder, Description, Preprocessing, VGG_FACE_MEAN};

/// People that the published VGG-Face distinguishes.
const PEOPLE: usize = 2622;
/// The terms under which the authors published their weights.
const LICENSE: &str = "CC BY-NC 4.0: name VGG-Face (Parkhi, Vedaldi, Zisserman: Deep Face Recognition, BMVC 2015, \
    www.robots.ox.ac.uk/~vgg/software/vgg_face), say what was changed, no commercial use";
/// Of weights that are someone else's.
const UNKNOWN_LICENSE: &str = "unknown: the file does not show that these are the published weights of VGG-Face; ask \
    whoever published them";

/// What is decided about a file's network.
pub(super) struct Preparation {
    /// The order that its first layer reads.
    pub(super) order: ChannelOrder,
    /// How pixels are prepared for the imported network.
    pub(super) preprocessing: Preprocessing,
    /// Licence of the weights.
    pub(super) license: String,
    /// What the user should know.
    pub(super) warning: Option<String>,
}

impl Preparation {
    /// Decides from the flags, the file, and what is known of its format.
    ///
    /// # Errors
    /// A flag is required, or wrong.
    pub(super) fn decide(
        args: &ImportArgs,
        contents: &Contents,
        own: Option<&Description>,
        found: &Found<'_>,
    ) -> anyhow::Result<Self> {
        let (mean, scale) = (args.mean()?, args.scale()?);
        let before = own.map(|own| &own.preprocessing);
        let average = average_image(contents);
        let order = args
            .channel_order
            .or(before.map(|p| p.order))
            .or(match contents.format {
                Format::Caffe => Some(ChannelOrder::Bgr),
                _ if is_matconvnet(contents) => Some(ChannelOrder::Rgb),
                _ => None,
            });
        let published = found.classes() == Some(PEOPLE);
        let known_mean = mean.or(before.map(|p| p.mean)).or(average);
        let known_scale = scale.or(before.map(|p| p.scale)).or(average.map(|_| 1.0));
        let complete = published || known_mean.is_some() && known_scale.is_some();
        let mut required = Vec::new();
        if order.is_none() {
            required.push(order_is_required(contents.format));
        }
        if !complete {
            required.push(preparation_is_required(
                found.classes(),
                known_mean.is_none(),
                known_scale.is_none(),
            ));
        }
        ensure!(required.is_empty(), "{}", required.join("; "));
        let license = match (&args.license, own) {
            (Some(given), _) => given,
            (None, Some(own)) => &own.license,
            (None, None) if published => LICENSE,
            (None, None) => UNKNOWN_LICENSE,
        };
        let warning = (!published && own.is_none()).then(|| {
            format!(
                "{}, so these are not the published weights of VGG-Face; check that --mean, --scale and the licence \
                 are those of this network",
                classes(found.classes())
            )
        });
        Ok(Self {
            order: order.unwrap_or(ChannelOrder::Rgb),
            preprocessing: Preprocessing {
                order: ChannelOrder::Rgb,
                mean: known_mean.unwrap_or(VGG_FACE_MEAN),
                scale: known_scale.unwrap_or(1.0),
            },
            license: license.to_owned(),
            warning,
        })
    }
}

fn classes(classes: Option<usize>) -> String {
    match classes {
        Some(classes) => {
            format!("fc8 distinguishes {classes} classes, not the {PEOPLE} people of VGG-Face")
        }
        None => format!(
            "the file has no fc8, which would show that it distinguishes the {PEOPLE} people of VGG-Face"
        ),
    }
}

fn order_is_required(format: Format) -> String {
    format!(
        "--channel-order: required, because {format} files do not say whether their first layer reads rgb or bgr. The \
         publisher's example shows it: cv2.imread without a conversion, x[..., ::-1], or a mean that starts with 93.59 \
         means bgr; PIL without one of these, or a mean that starts with 129.19, means rgb. As documented by their \
         publishers, vgg_face_dag.pth reads rgb; VGG_FACE.t7 and rcmalli_vggface_tf_vgg16.h5 read bgr"
    )
}

fn preparation_is_required(found: Option<usize>, mean: bool, scale: bool) -> String {
    let flags = match (mean, scale) {
        (true, true) => "--mean and --scale: required",
        (true, false) => "--mean: required",
        _ => "--scale: required",
    };
    let hint = match found {
        Some(1000) => {
            ". For the 1000 classes of ImageNet, torchvision's weights take --channel-order rgb --mean \
             123.675,116.28,103.53 --scale 0.01735, Caffe's and Keras' --channel-order bgr --mean \
             123.68,116.779,103.939 --scale 1"
        }
        _ => ". VGG-Face itself takes --mean 129.1863,104.7624,93.5940 --scale 1",
    };
    format!("{flags}, because {}{hint}", classes(found))
}

/// Whether a `.mat` file is a network of MatConvNet, which reads images as MATLAB does: RGB.
fn is_matconvnet(contents: &Contents) -> bool {
    let matlab = matches!(contents.format, Format::Matlab | Format::MatlabHdf5);
    let layers = |t: &Tensor| t.name().split('.').any(|word| word == "layers");
    matlab && contents.tensors.iter().any(layers)
}

/// The mean colour that a network of MatConvNet has: one colour, or a picture of `[height, width, 3]`.
fn average_image(contents: &Contents) -> Option<[f32; 3]> {
    let named = |t: &&Tensor| t.name().ends_with("averageImage");
    let image = contents
        .tensors
        .iter()
        .find(named)
        .filter(|_| is_matconvnet(contents))?;
    let plain = image.squeezed();
    let channels = match plain.shape() {
        [3] => plain.clone(),
        [_, _, 3] => plain.permuted(&[2, 0, 1])?,
        _ => return None,
    };
    let values = channels.read().ok()?;
    let area = values.len() / 3;
    let mean = |i: usize| {
        let plane = values.get(i * area..(i + 1) * area)?;
        let sum: f64 = plane.iter().copied().map(f64::from).sum();
        let mean = (sum / area as f64) as f32;
        (0.0..=255.0).contains(&mean).then_some(mean)
    };
    Some([mean(0)?, mean(1)?, mean(2)?])
}
