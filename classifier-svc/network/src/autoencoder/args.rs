//! The flags of the command that trains an autoencoder.

use std::path::PathBuf;

use deepface_dataset::Crop;

use super::{settings::Settings, topology::Topology};

/// Trains a conditional variational autoencoder on labelled photographs: it encodes faces, and draws new ones with given
/// attributes.
///
/// It learns from the training people and reports its losses on the validation people; the test people stay unseen.
#[derive(clap::Args, Clone, Debug)]
pub struct AutoencoderArgs {
    /// Folder with the photographs and the label file, as for `train`.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The label file. Default: the one in --data.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Where the faces are in the photographs: lfw, celeba or whole. Default: as for `train`.
    #[arg(long, value_name = "CROP")]
    pub crop: Option<Crop>,
    /// Leave out photographs that cannot be read instead of refusing to train.
    #[arg(long)]
    pub skip_unreadable: bool,
    /// Licence to state in the file. Default: research only for LFW's layout, else that nothing is stated.
    #[arg(long, value_name = "TEXT")]
    pub license: Option<String>,
    /// File to write; the checkpoint, the loss curve and a contact sheet are written beside it.
    #[arg(
        long,
        value_name = "FILE.safetensors",
        default_value = "out/autoencoder.safetensors"
    )]
    pub output: PathBuf,
    /// Replace an existing file.
    #[arg(long)]
    pub force: bool,
    /// Weights file of the classifier whose layers the perceptual loss compares. Default: the built-in one.
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// File of an autoencoder of the same sizes, or of one with --fold 1 and the faces' side that is left of --side by --fold,
    /// whose weights to go on from. Default: random weights.
    #[arg(long, value_name = "FILE")]
    pub start: Option<PathBuf>,
    /// Side of the faces, pixels: a multiple of --fold times 2 to the number of --channels.
    #[arg(long, default_value_t = Settings::default().topology.side)]
    pub side: usize,
    /// Channels of the convolutions, from the image up, multiples of 16; each pooling after one halves the side.
    #[arg(long, value_delimiter = ',', default_values_t = Settings::default().topology.channels)]
    pub channels: Vec<usize>,
    /// Values of a latent.
    #[arg(long, default_value_t = Settings::default().topology.latent)]
    pub latent: usize,
    /// Side of the blocks of pixels that the networks read and write as one place: 2 makes faces of twice the side at the
    /// same cost.
    #[arg(long, default_value_t = Settings::default().topology.fold)]
    pub fold: usize,
    /// Let encoder and decoder read only faces and latents, so that the latents hold the attributes too.
    #[arg(long)]
    pub unconditional: bool,
    /// Passes over the training photographs.
    #[arg(long, default_value_t = Settings::default().epochs)]
    pub epochs: usize,
    /// Photographs per step.
    #[arg(long, default_value_t = Settings::default().batch)]
    pub batch: usize,
    /// Peak of the learning rate.
    #[arg(long, default_value_t = Settings::default().learning_rate)]
    pub learning_rate: f32,
    /// Decoupled weight decay.
    #[arg(long, default_value_t = Settings::default().weight_decay)]
    pub weight_decay: f32,
    /// Factor of the squared error of a face, summed over its pixels.
    #[arg(long, default_value_t = Settings::default().pixel_weight)]
    pub pixel_weight: f64,
    /// Factor of the squared excess of decoded values over what a pixel can be, 0 to 1; 0 turns it off. Faces of mixed latents,
    /// which are nobody's, count too: without it, some of them have spots in loud colours.
    #[arg(long, default_value_t = Settings::default().range_weight)]
    pub range_weight: f64,
    /// Factor of the squared error of a face's fine chroma, what its colours do within 5x5 pixels beside getting lighter and
    /// darker; 0 turns it off. Faces of mixed latents should have none: without it, many have small blocks in the colours of
    /// the rainbow.
    #[arg(long, default_value_t = Settings::default().chroma_weight)]
    pub chroma_weight: f64,
    /// Factor of the perceptual loss; 0 turns it off.
    #[arg(long, default_value_t = Settings::default().perceptual_weight)]
    pub perceptual_weight: f64,
    /// The classifier's layers that the perceptual loss compares: convolutions or poolings.
    #[arg(
        long,
        value_name = "LAYER",
        value_delimiter = ',',
        default_values_t = Settings::default().perceptual_layers
    )]
    pub perceptual_layers: Vec<String>,
    /// Side at which the classifier sees the faces, pixels.
    #[arg(long, value_name = "SIDE", default_value_t = Settings::default().perceptual_side)]
    pub perceptual_side: usize,
    /// Share of the steps, the last ones, that use the perceptual loss.
    #[arg(long, value_name = "SHARE", default_value_t = Settings::default().perceptual_share)]
    pub perceptual_share: f64,
    /// Norm of the gradient of feature matching, relative to that of pixels and perception; 0 turns it off. In the mean over
    /// faces, decoded ones should have the activations that photographs have.
    #[arg(long, value_name = "RATIO", default_value_t = Settings::default().matching_weight)]
    pub matching_weight: f64,
    /// The classifier's layers that are matched beside those of the perceptual loss.
    #[arg(
        long,
        value_name = "LAYER",
        value_delimiter = ',',
        default_values_t = Settings::default().matching_layers
    )]
    pub matching_layers: Vec<String>,
    /// Norm of the adversarial gradient, relative to that of pixels and perception; 0 turns it off. A critic learns to tell
    /// photographs from decoded faces, by the layers of the perceptual loss, and faces learn to pass for photographs.
    #[arg(long, value_name = "RATIO", default_value_t = Settings::default().adversarial_weight)]
    pub adversarial_weight: f64,
    /// Share of the steps, the last ones, that use the adversarial term.
    #[arg(long, value_name = "SHARE", default_value_t = Settings::default().adversarial_share)]
    pub adversarial_share: f64,
    /// Factor of the divergence of the latents from the standard Gaussian.
    #[arg(long, default_value_t = Settings::default().beta)]
    pub beta: f64,
    /// Share of the steps, the first ones, in which that factor rises from 0.
    #[arg(long, value_name = "SHARE", default_value_t = Settings::default().warm_up)]
    pub warm_up: f64,
    /// Seed of initial weights, order, mirroring and noise.
    #[arg(long, default_value_t = Settings::default().seed)]
    pub seed: u64,
    /// Use only the first N training photographs.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

impl AutoencoderArgs {
    /// The settings that the flags state.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            topology: Topology {
                side: self.side,
                channels: self.channels.clone(),
                latent: self.latent,
                fold: self.fold,
            },
            conditional: !self.unconditional,
            epochs: self.epochs,
            batch: self.batch,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            pixel_weight: self.pixel_weight,
            range_weight: self.range_weight,
            chroma_weight: self.chroma_weight,
            perceptual_weight: self.perceptual_weight,
            perceptual_layers: self.perceptual_layers.clone(),
            perceptual_side: self.perceptual_side,
            perceptual_share: self.perceptual_share,
            matching_weight: self.matching_weight,
            matching_layers: self.matching_layers.clone(),
            adversarial_weight: self.adversarial_weight,
            adversarial_share: self.adversarial_share,
            beta: self.beta,
            warm_up: self.warm_up,
            seed: self.seed,
        }
    }
}
