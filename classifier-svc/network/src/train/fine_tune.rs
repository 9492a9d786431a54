//! Fine-tuning (paper, section 3.2): training starts from a trained model. Its lower stages may be frozen; their
//! activations are then computed once.

use deepface_attributes::Schema;
use deepface_files::Destination;

use super::{
    TrainArgs, Training,
    adversary::Adversary,
    data::{Faces, Photographs},
    frozen::Frozen,
    init::Init,
    loss::Loss,
    source::{Cached, Source, Views},
    task::Task,
    teacher::Teacher,
    trainee::Trainee,
};
use crate::parameters::Parameters;

/// What fine-tuning starts from.
pub(super) struct Start<'a> {
    pub(super) init: Init,
    /// Stages that do not learn, the first ones.
    pub(super) below: usize,
    pub(super) args: &'a TrainArgs,
    /// Where the weights go.
    pub(super) output: Destination,
    /// The attributes that are learned: those of the model, or others where the heads are new.
    pub(super) schema: Schema,
    pub(super) loss: Loss,
    pub(super) task: Task,
    pub(super) teachers: Vec<Teacher>,
    /// The licence of what is learned from the photographs.
    pub(super) license: String,
}

impl<'a> Training<'a> {
    /// Training that starts from a model.
    ///
    /// # Errors
    /// The activations of these stages need too much space, or cannot be written.
    pub(super) fn begun_with(
        start: Start<'a>,
        mut photographs: Photographs,
        validation: &Faces,
    ) -> anyhow::Result<Self> {
        let Start {
            mut init,
            below,
            args,
            output,
            schema,
            loss,
            task,
            teachers,
            license,
        } = start;
        if args.new_heads {
            init.renew_heads(args.seed, loss.logits());
        }
        let license = init.license(&license);
        let (description, parameters) = (init.weights.description, init.weights.parameters);
        let (architecture, preprocessing) = (description.architecture, description.preprocessing);
        let frozen = &parameters[..below];
        let fits = frozen.iter().all(Parameters::fits_half);
        let half = !args.full_precision && fits;
        if !half && !args.full_precision {
            deepface_files::note!("storing 32-bit weights: 16 bits would change the frozen stages");
        }
        let mut source = Source::Pixels;
        if below > 0 {
            let mut lower = Frozen::new(&architecture, frozen);
            if args.views == 0 {
                source = Source::Fresh(lower.into());
            } else {
                let views = Views {
                    photographs: &photographs,
                    faces: validation,
                    preprocessing: &preprocessing,
                    count: args.views,
                    seed: args.seed,
                };
                let path = args.output.with_extension("activations");
                let stages = format!("below stage {below} of {}", init.digest);
                let limit = args.cache_limit;
                source = Source::Cached(Cached::open(&path, limit, &stages, &mut lower, &views)?);
                photographs.forget_images();
            }
        }
        // Distances of images are given in pixels from 0 to 1 everywhere.
        let unit = preprocessing.unit();
        let adversary = args
            .adversarial
            .map(|epsilon| Adversary::new(&architecture, epsilon * unit, args.adversarial_steps));
        Ok(Self {
            trainee: Trainee::with(&architecture, args.batch, args.dropout, parameters, below)
                .drop_everywhere(args.dropout_everywhere),
            args,
            preprocessing,
            photographs,
            source,
            teachers,
            adversary,
            output,
            license,
            half,
            loss,
            schema,
            task,
        })
    }
}
