//! Generate: a face from attributes.

use std::time::Instant;

use deepface_attributes::{ATTRIBUTE_COUNT, AttributeId};
use deepface_proto::v1::{
    self, AttributeLikelihood, AttributeTarget, GenerateRequest, GenerateResponse, Objective,
    SquaredDistance, objective::Term,
};
use deepface_serve::{Deadline, Violations};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};

use super::settings::{self, TargetChoice};
use super::status::Refusal;
use super::stream::{self, Aim, Goal, Job};
use super::{Generator, attributes, target};
use crate::gaussian::Wish;

/// Checks the request and starts the work.
pub(super) fn generate(
    api: &Generator,
    request: Request<GenerateRequest>,
) -> Result<ReceiverStream<Result<GenerateResponse, Status>>, Refusal> {
    let arrived = Instant::now();
    let deadline = Deadline::of(&request, api.limits.call);
    let request = request.into_inner();
    let (choice, job) = check(api, &request, arrived)?;
    stream::start(api, deadline, job, Attributes(choice))
}

/// Everything that is wrong with the request is said at once.
fn check(
    api: &Generator,
    request: &GenerateRequest,
    arrived: Instant,
) -> Result<(TargetChoice, Job), Violations> {
    let wire = request.settings.clone().unwrap_or_default();
    let method = wire
        .target
        .as_ref()
        .map_or_else(v1::Method::default, |t| t.method());
    let wish = attributes::wish(&request.attributes, &request.keep, method);
    let choice = settings::target(
        &api.statistics,
        wire.target.as_ref(),
        wish.as_ref().map_or(&[], |w| &w.asked),
        "settings.target",
    );
    let inversion = wire.inversion.as_ref();
    let inversion = settings::inversion(inversion, Some(method), "settings.inversion");
    let carries = settings::stream(request.stream.as_ref());
    match (wish, choice, inversion, carries) {
        (Ok(mut wish), Ok(choice), Ok(inversion), Ok(carries)) => {
            wish.completeness = choice.completeness;
            let job = Job {
                statistics: api.statistics.clone(),
                classifier: api.classifier.clone(),
                workers: api.workers.clone(),
                settings: stream::in_force(choice.to_wire(), &inversion),
                inversion,
                carries,
                seed: request.seed,
                wish,
                arrived,
            };
            Ok((choice, job))
        }
        (wish, choice, inversion, carries) => {
            let wrong = [wish.err(), choice.err(), inversion.err(), carries.err()];
            Err(wrong.into_iter().flatten().collect())
        }
    }
}

/// The goal of showing attributes.
struct Attributes(TargetChoice);

impl Goal for Attributes {
    async fn aim(self, job: &Job, model: &v1::Model) -> Result<Aim, Refusal> {
        if model.digest != job.statistics.classifier_digest {
            return Err(Refusal::OtherClassifier {
                fitted: job.statistics.classifier_digest.clone(),
                served: model.digest.clone(),
            });
        }
        let components = job.statistics.prior.components();
        let nothing = || vec![0.0; components];
        let Some(how) = self.0.settings(job.seed) else {
            return Ok(Aim {
                objectives: vec![likelihood(job, 1.0)],
                centre: nothing(),
                reference: Some(nothing()),
                face: None,
            });
        };
        let (statistics, layer) = (&job.statistics, self.0.layer.clone());
        let made = target::make(&job.workers, statistics, layer, &job.wish, how).await?;
        let distance = Term::SquaredDistance(SquaredDistance {
            layer: self.0.layer.clone(),
            target: Some(made.tensor),
            normalized: true,
        });
        let mut objectives = vec![Objective {
            weight: 1.0,
            term: Some(distance),
        }];
        if self.0.likelihood > 0.0 {
            objectives.push(likelihood(job, self.0.likelihood));
        }
        let (centre, reference) = if job.inversion.conditional {
            let (statistics, asked) = (statistics.clone(), made.description);
            let expected = move || {
                let nothing = statistics.describe(&Wish::default(), &how);
                [asked, nothing].map(|d| statistics.centre(&d, &how))
            };
            job.workers.run(expected).await?.into()
        } else {
            (nothing(), nothing())
        };
        Ok(Aim {
            objectives,
            centre,
            reference: Some(reference),
            face: None,
        })
    }
}

/// The mean log-likelihood, so that rates and weights do not depend on how much was asked for. A complete description
/// counts what it does not name as absent.
fn likelihood(job: &Job, weight: f64) -> Objective {
    let wish = &job.wish;
    let asked = wish
        .asked
        .iter()
        .map(|a| (a.attribute, a.absent, a.strength));
    let open = (0..ATTRIBUTE_COUNT).filter(|&a| wish.completeness > 0.0 && wish.leaves_open(a));
    let open = open.map(|a| (a, true, wish.completeness));
    let all: Vec<_> = asked.chain(open).collect();
    let total = all.len() as f64;
    let targets = all
        .iter()
        .map(|&(attribute, absent, weight)| AttributeTarget {
            attribute: AttributeId::names()
                .nth(attribute)
                .unwrap_or_default()
                .into(),
            absent,
            // A weight of 0 would be read as 1.
            weight: (weight / total).max(f64::MIN_POSITIVE),
        });
    Objective {
        weight,
        term: Some(Term::AttributeLikelihood(AttributeLikelihood {
            targets: targets.collect(),
        })),
    }
}

#[cfg(test)]
mod tests {
    use deepface_client::ClassifierClient;
    use deepface_proto::v1::RequestedAttribute;

    use super::*;
    use crate::api::Limits;
    use crate::gaussian::tests::statistics;
    use crate::workers::Workers;

    async fn aim(method: v1::Method, digest: &str) -> Result<Aim, Refusal> {
        let classifier = ClassifierClient::connect_lazy("localhost:1").unwrap();
        let workers = Workers::new(1).unwrap();
        let api = Generator::new(statistics().into(), classifier, workers, Limits::default());
        let ask = |name: &str, absent| RequestedAttribute {
            name: name.into(),
            absent,
            strength: Some(2.0),
        };
        let target = v1::TargetSettings {
            method: method.into(),
            ..Default::default()
        };
        let request = GenerateRequest {
            attributes: vec![ask("male", false), ask("smiling", true)],
            settings: Some(v1::GenerationSettings {
                target: Some(target),
                inversion: None,
            }),
            ..Default::default()
        };
        let (choice, job) = check(&api, &request, Instant::now()).unwrap();
        let model = v1::Model {
            digest: digest.into(),
            ..Default::default()
        };
        Attributes(choice).aim(&job, &model).await
    }

    #[tokio::test]
    async fn statistics_of_another_classifier_are_not_used() {
        let fitted = statistics().classifier_digest;
        let Aim {
            objectives,
            centre,
            reference,
            ..
        } = aim(v1::Method::Regression, &fitted).await.unwrap();
        let terms: Vec<_> = objectives.iter().filter_map(|o| o.term.as_ref()).collect();
        assert!(matches!(
            terms[..],
            [Term::SquaredDistance(_), Term::AttributeLikelihood(_)]
        ));
        assert_ne!(Some(centre), reference);
        let refusal = aim(v1::Method::Regression, "other").await.unwrap_err();
        let status = Status::from(refusal);
        assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{status}");
    }

    #[tokio::test]
    async fn class_visualisation_climbs_what_was_asked() {
        let fitted = statistics().classifier_digest;
        let aim = aim(v1::Method::ClassVisualization, &fitted).await.unwrap();
        let Some(Term::AttributeLikelihood(likelihood)) = aim.objectives[0].term.clone() else {
            panic!("expected a likelihood, got {aim:?}");
        };
        let targets: Vec<_> = likelihood
            .targets
            .iter()
            .map(|t| (t.attribute.as_str(), t.absent, t.weight))
            .collect();
        assert_eq!(targets, [("Male", false, 1.0), ("Smiling", true, 1.0)]);
    }
}
