//! Generate: a face from attributes.

use std::time::Instant;

use deepface_files::sha256_of;
use deepface_proto::v1::{self, GenerateRequest, GenerateResponse, Objective};
use deepface_serve::Violations;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};

use super::inversion::Inversion;
use super::method::Method;
use super::objectives::{Goal, Objectives};
use super::reference::Reference;
use super::resume::{self, digest};
use super::settings::{Aim, StreamSettings};
use super::status::Refusal;
use super::stream::{self, Terms};
use super::terms::{likelihood, terms};
use super::{Generator, attributes, edit, hold, preset, settings, target, wire};
use crate::defaults;
use crate::gaussian::{Asked, Cgmm, Coordinates, Description, Regression, Target, Wish};

/// Faces of one request.
const MOST_FACES: usize = 16;

/// Checks the request and starts the work.
pub(super) fn generate(
    api: &Generator,
    request: Request<GenerateRequest>,
) -> Result<ReceiverStream<Result<GenerateResponse, Status>>, Refusal> {
    let arrived = Instant::now();
    let terms = Terms::of(&request, api.limits.call);
    let mut request = request.into_inner();
    let tokens = std::mem::take(&mut request.resume_tokens);
    let faces = check(api, request, arrived)?;
    stream::start(api, terms, resumed(faces, &tokens)?)
}

/// Lets every face continue where its token says.
fn resumed(mut faces: Vec<Face>, tokens: &[Vec<u8>]) -> Result<Vec<Face>, Refusal> {
    if tokens.len() > faces.len() {
        let (most, got) = (faces.len(), tokens.len());
        let wrong = format_args!("expected at most one per face, {most}, got {got}");
        return Err(Violations::one("resume_tokens", wrong).into());
    }
    for (at, ((inversion, _), token)) in faces.iter_mut().zip(tokens).enumerate() {
        let field = format!("resume_tokens[{at}]");
        inversion.resumption = resume::read(token, inversion, &field)?;
    }
    Ok(faces)
}

/// One face of a request.
pub(super) type Face = (Inversion, Attributes);

/// Everything that is wrong with the request is said at once.
fn check(
    api: &Generator,
    request: GenerateRequest,
    arrived: Instant,
) -> Result<Vec<Face>, Violations> {
    let wanted = Wanted {
        seeds: seeds(api, &request),
        stream: settings::stream(request.stream.as_ref()),
        attributes: request.attributes,
        keep: request.keep,
        settings: request.settings.unwrap_or_default(),
        from: request.from,
    };
    wanted.check(api, arrived)
}

/// What requests for faces have in common.
pub(super) struct Wanted {
    pub(super) attributes: Vec<v1::RequestedAttribute>,
    pub(super) keep: Vec<String>,
    pub(super) settings: v1::GenerationSettings,
    pub(super) seeds: Result<Vec<u64>, Violations>,
    pub(super) stream: Result<StreamSettings, Violations>,
    /// The face to change.
    pub(super) from: Option<v1::Image>,
}

impl Wanted {
    /// A face for each seed.
    ///
    /// # Errors
    /// Everything that is wrong with the request.
    pub(super) fn check(self, api: &Generator, arrived: Instant) -> Result<Vec<Face>, Violations> {
        let (mut settings, stream, seeds) = (self.settings, self.stream, self.seeds);
        let preset = preset::fill_in(&mut settings, "settings.preset");
        let from = match self.from {
            Some(_) => {
                let faces = seeds.as_ref().map_or(1, Vec::len);
                edit::settle(&mut settings, faces)
            }
            None => Ok(()),
        };
        let method = Method::of(settings.target.as_ref());
        let schema = &api.statistics.schema;
        let wish = attributes::wish(schema, &self.attributes, &self.keep, method);
        let descent = settings.inversion.as_ref();
        let aim = Aim {
            method: Some(method),
            keeps: wish.as_ref().is_ok_and(|w| !w.kept.is_empty()),
            changes: self.from.is_some(),
        };
        let descent = settings::descent(&api.statistics, descent, aim, "settings.inversion");
        let target = settings::target(
            &api.statistics,
            settings.target.as_ref(),
            wish.as_ref().map_or(&[], |w| &w.asked),
            aim.subject(
                descent
                    .as_ref()
                    .map_or(Coordinates::Components, |d| d.basis.coordinates()),
            ),
            "settings.target",
        );
        match (preset.and(from), wish, target, descent, stream, seeds) {
            (Ok(()), Ok(wish), Ok(target), Ok(descent), Ok(stream), Ok(seeds)) => {
                let in_force = settings::target_to_wire(&target, &api.statistics);
                let settings = wire::in_force(in_force, &descent);
                let named = |a: &Asked| (schema.name(a.attribute), a.absent, a.strength.to_bits());
                let asked: Vec<_> = wish.asked.iter().map(named).collect();
                let kept: Vec<_> = wish.kept.iter().map(|&k| schema.name(k)).collect();
                let image = self.from.as_ref().map(prost::Message::encode_to_vec);
                let image = image.map_or(String::new(), |image| sha256_of([&image[..]]));
                let wishes = format!("{asked:?} {kept:?} {image}");
                let inversion = |seed| Inversion {
                    request: digest("Generate", &settings, seed, wishes.as_bytes()),
                    resumption: None,
                    statistics: api.statistics.clone(),
                    classifier: api.classifier.clone(),
                    network: api.statistics.classifier_digest.clone(),
                    workers: api.workers.clone(),
                    settings: settings.clone(),
                    descent,
                    stream,
                    seed,
                    wish: wish.clone(),
                    arrived,
                };
                let goal = || Attributes {
                    target,
                    from: self.from.clone(),
                };
                let face = |seed| (inversion(seed), goal());
                Ok(seeds.into_iter().map(face).collect())
            }
            (preset, wish, target, descent, stream, seeds) => {
                let wrong = [
                    preset.err(),
                    wish.err(),
                    target.err(),
                    descent.err(),
                    stream.err(),
                    seeds.err(),
                ];
                Err(wrong.into_iter().flatten().collect())
            }
        }
    }
}

/// Most faces of one request.
pub(super) fn most_faces(api: &Generator) -> usize {
    MOST_FACES.min(api.limits.sessions)
}

/// The seed of each face.
fn seeds(api: &Generator, request: &GenerateRequest) -> Result<Vec<u64>, Violations> {
    let most = most_faces(api);
    let count = request.count.unwrap_or(1);
    let valid = usize::try_from(count).ok();
    let Some(faces) = valid.filter(|faces| (1..=most).contains(faces)) else {
        let wrong = format_args!("expected 1 to {most}, got {count}");
        return Err(Violations::one("count", wrong));
    };
    let first = request.seed;
    match first.checked_add(faces as u64 - 1) {
        Some(last) => Ok((first..=last).collect()),
        None => {
            let wrong = format_args!("expected a seed with {faces} seeds from it on, got {first}");
            Err(Violations::one("seed", wrong))
        }
    }
}

/// The goal of showing the requested attributes, by this method.
pub(super) struct Attributes {
    target: Target,
    /// The face to change.
    from: Option<v1::Image>,
}

impl Goal for Attributes {
    async fn objectives(
        self,
        inversion: &Inversion,
        model: &v1::Model,
    ) -> Result<Objectives, Refusal> {
        let fitted = &inversion.statistics.classifier_digest;
        if model.digest != *fitted {
            return Err(Refusal::OtherClassifier {
                fitted: fitted.clone(),
                served: model.digest.clone(),
            });
        }
        match self.target {
            Target::Regression(how) => {
                let mut objectives = match self.from {
                    Some(image) => edit::objectives(inversion, how, image).await?,
                    None => regression(inversion, how).await?,
                };
                let held = hold::terms(inversion, objectives.reference.as_mut()).await?;
                objectives.terms.extend(held);
                Ok(objectives)
            }
            Target::Cgmm(how) => cgmm(inversion, how).await,
            Target::ClassVisualization => {
                let always = (1.0, defaults::NO_END);
                let terms = likelihood(&inversion.statistics, &inversion.wish, 0.0, always);
                let terms = vec![terms];
                Ok(around_the_mean(inversion, terms))
            }
        }
    }
}

async fn regression(inversion: &Inversion, how: Regression) -> Result<Objectives, Refusal> {
    let (workers, statistics) = (&inversion.workers, &inversion.statistics);
    let (wish, seed) = (&inversion.wish, inversion.seed);
    let made = target::regression(workers, statistics, wish, how, seed).await?;
    let weight = (how.likelihood, how.margin);
    let likelihood = likelihood(statistics, wish, how.completeness, weight);
    let target::Described {
        target,
        description,
        variation,
    } = made;
    let terms = terms(target, likelihood);
    if !inversion.descent.conditional {
        return Ok(around_the_mean(inversion, terms));
    }
    let [centre, reference] = centres(inversion, how, description, variation).await?;
    Ok(Objectives {
        terms,
        centre,
        detail: None,
        reference: Some(Reference::at(reference)),
        seen: None,
    })
}

async fn cgmm(inversion: &Inversion, how: Cgmm) -> Result<Objectives, Refusal> {
    let (workers, statistics) = (&inversion.workers, &inversion.statistics);
    let (wish, seed) = (&inversion.wish, inversion.seed);
    let made = target::cgmm(workers, statistics, wish, how, seed).await?;
    let always = (how.likelihood, defaults::NO_END);
    let likelihood = likelihood(statistics, wish, 0.0, always);
    Ok(around_the_mean(inversion, terms(made, likelihood)))
}

/// Objectives for which the image prior expects the mean face.
fn around_the_mean(inversion: &Inversion, terms: Vec<Objective>) -> Objectives {
    let mean = vec![0.0; inversion.prior().components()];
    Objectives {
        terms,
        centre: mean.clone(),
        detail: None,
        reference: Some(Reference::at(mean)),
        seen: None,
    }
}

/// The coordinates that the image prior expects of the described face, and of the reference face: the same seed, no
/// request, completeness 0.
async fn centres(
    inversion: &Inversion,
    how: Regression,
    description: Description,
    variation: Vec<f32>,
) -> Result<[Vec<f32>; 2], Refusal> {
    let (statistics, seed) = (inversion.statistics.clone(), inversion.seed);
    let work = move || {
        let open = Regression {
            completeness: 0.0,
            ..how
        };
        let nothing = statistics.describe(&Wish::default(), &open, seed);
        let other = statistics.variation(&how, &nothing, seed);
        [(description, variation), (nothing, other)].map(|(d, v)| statistics.centre(&how, &d, &v))
    };
    Ok(inversion.workers.run(work).await?)
}

#[cfg(test)]
mod tests {
    use deepface_client::ClassifierClient;
    use deepface_proto::v1::{RequestedAttribute, objective::Term};

    use super::*;
    use crate::api::Limits;
    use crate::gaussian::fixture::statistics;
    use crate::workers::Workers;

    fn api() -> Generator {
        let classifier = ClassifierClient::connect_lazy("localhost:1").unwrap();
        let workers = Workers::new(1).unwrap();
        Generator::new(statistics().into(), classifier, workers, Limits::default())
    }

    fn request(target: v1::TargetSettings) -> GenerateRequest {
        let ask = |name: &str, absent| RequestedAttribute {
            name: name.into(),
            absent,
            strength: Some(2.0),
        };
        GenerateRequest {
            attributes: vec![ask("male", false), ask("smiling", true)],
            settings: Some(v1::GenerationSettings {
                target: Some(target),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    async fn objectives(method: v1::Method, digest: &str) -> Result<Objectives, Refusal> {
        let request = request(v1::TargetSettings {
            method: method.into(),
            ..Default::default()
        });
        let mut faces = check(&api(), request, Instant::now()).unwrap();
        let (inversion, goal) = faces.remove(0);
        let model = v1::Model {
            digest: digest.into(),
            ..Default::default()
        };
        goal.objectives(&inversion, &model).await
    }

    #[tokio::test]
    async fn statistics_of_another_classifier_are_not_used() {
        let fitted = statistics().classifier_digest;
        let Objectives {
            terms,
            centre,
            reference,
            ..
        } = objectives(v1::Method::Regression, &fitted).await.unwrap();
        let terms: Vec<_> = terms.iter().filter_map(|o| o.term.as_ref()).collect();
        assert!(matches!(
            terms[..],
            [Term::SquaredDistance(_), Term::AttributeLikelihood(_)]
        ));
        assert_ne!(Some(Reference::at(centre)), reference);
        let refused = objectives(v1::Method::Regression, "other").await;
        let status = Status::from(refused.unwrap_err());
        assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{status}");
    }

    #[tokio::test]
    async fn class_visualization_maximises_the_likelihood_of_the_requested_attributes() {
        let fitted = statistics().classifier_digest;
        let objectives = objectives(v1::Method::ClassVisualization, &fitted).await;
        let objectives = objectives.unwrap();
        let Some(Term::AttributeLikelihood(likelihood)) = objectives.terms[0].term.clone() else {
            panic!("expected a likelihood, got {objectives:?}");
        };
        let targets: Vec<_> = likelihood
            .targets
            .iter()
            .map(|t| (t.attribute.as_str(), t.absent, t.weight))
            .collect();
        assert_eq!(
            targets,
            [("Male", false, Some(1.0)), ("Smiling", true, Some(1.0))]
        );
    }

    #[tokio::test]
    async fn class_visualization_takes_absent_attributes_but_no_completeness() {
        let check = |completeness| {
            let request = request(v1::TargetSettings {
                method: v1::Method::ClassVisualization.into(),
                completeness,
                ..Default::default()
            });
            check(&api(), request, Instant::now()).map(|_| ())
        };
        assert!(check(None).is_ok());
        let violations = check(Some(0.5)).unwrap_err();
        let said: Vec<_> = violations.iter().collect();
        let expected = (
            "settings.target.completeness",
            "`completeness` applies only to METHOD_REGRESSION",
        );
        assert_eq!(said, [expected]);
    }

    #[tokio::test]
    async fn the_settings_in_force_spell_a_preset_out() {
        let request = GenerateRequest {
            attributes: vec![RequestedAttribute {
                name: "Male".into(),
                ..Default::default()
            }],
            settings: Some(v1::GenerationSettings {
                preset: v1::Preset::Paper.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let mut faces = check(&api(), request, Instant::now()).unwrap();
        let settings = faces.remove(0).0.settings;
        assert_eq!(settings.preset(), v1::Preset::Unspecified);
        assert_eq!(settings.target.unwrap().method(), v1::Method::CgmmMean);
        let regularizers = settings.inversion.unwrap().regularizers.unwrap();
        assert_eq!(regularizers.blur_every, Some(4));
    }

    #[tokio::test]
    async fn each_face_of_a_count_is_that_of_a_request_of_its_own() {
        let request = |seed, count| GenerateRequest {
            seed,
            count: Some(count),
            ..GenerateRequest::of(["Male"])
        };
        let faces = |seed, count| check(&api(), request(seed, count), Instant::now());
        let together = faces(7, 3).unwrap();
        let digests = |faces: &[Face]| -> Vec<String> {
            let digest = |(inversion, _): &Face| inversion.request.clone();
            faces.iter().map(digest).collect()
        };
        let alone: Vec<_> = (7..10).flat_map(|seed| faces(seed, 1).unwrap()).collect();
        assert_eq!(digests(&together), digests(&alone));
        for (seed, count, field) in [
            (0, 0, "count"),
            (0, 17, "count"),
            (0, -1, "count"),
            (0, i32::MAX, "count"),
            (u64::MAX, 2, "seed"),
        ] {
            let violations = faces(seed, count).map(|_| ()).unwrap_err();
            let fields: Vec<_> = violations.iter().map(|(field, _)| field).collect();
            assert_eq!(fields, [field], "{seed} {count}");
        }
        assert_eq!(faces(u64::MAX, 1).unwrap().len(), 1);
        let refused = resumed(faces(0, 2).unwrap(), &vec![Vec::new(); 3]);
        assert!(refused.map(|_| ()).is_err());
    }
}
