//! Generate: a face from attributes.

use std::time::Instant;

use deepface_dataset::attributes as names;
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
    let climbs = method == v1::Method::ClassVisualization;
    let asked = attributes::asked(&request.attributes, method, "attributes");
    let choice = settings::target(&api.statistics, wire.target.as_ref(), "settings.target");
    let inversion = settings::inversion(wire.inversion.as_ref(), climbs, "settings.inversion");
    let carries = settings::stream(request.stream.as_ref());
    match (asked, choice, inversion, carries) {
        (Ok(asked), Ok(choice), Ok(inversion), Ok(carries)) => {
            let job = Job {
                statistics: api.statistics.clone(),
                classifier: api.classifier.clone(),
                workers: api.workers.clone(),
                settings: stream::in_force(choice.to_wire(), &inversion),
                inversion,
                carries,
                seed: request.seed,
                asked,
                arrived,
            };
            Ok((choice, job))
        }
        (asked, choice, inversion, carries) => {
            let mut all = Violations::new();
            let wrong = [asked.err(), choice.err(), inversion.err(), carries.err()];
            wrong.into_iter().flatten().for_each(|v| all.extend(v));
            Err(all)
        }
    }
}

/// The goal of showing attributes.
struct Attributes(TargetChoice);

impl Goal for Attributes {
    async fn objective(self, job: &Job, model: &v1::Model) -> Result<Aim, Refusal> {
        if model.digest != job.statistics.classifier_digest {
            return Err(Refusal::OtherClassifier {
                fitted: job.statistics.classifier_digest.clone(),
                served: model.digest.clone(),
            });
        }
        let term = match self.0.settings(job.seed) {
            None => Term::AttributeLikelihood(likelihood(job)),
            Some(how) => {
                let (statistics, layer) = (&job.statistics, self.0.layer.clone());
                let made = target::make(&job.workers, statistics, layer, &job.asked, how).await?;
                Term::SquaredDistance(SquaredDistance {
                    layer: self.0.layer,
                    target: Some(made.tensor),
                    normalized: true,
                })
            }
        };
        let objective = Objective {
            weight: 1.0,
            term: Some(term),
        };
        Ok((objective, None))
    }
}

/// The mean log-likelihood, so that rates and weights do not depend on how much was asked for.
fn likelihood(job: &Job) -> AttributeLikelihood {
    let share = 1.0 / job.asked.len() as f64;
    let targets = job.asked.iter().map(|a| AttributeTarget {
        attribute: names().nth(a.attribute).unwrap_or_default().into(),
        absent: a.absent,
        // A weight of 0 would be read as 1.
        weight: (share * a.strength).max(f64::MIN_POSITIVE),
    });
    AttributeLikelihood {
        targets: targets.collect(),
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

    async fn objective(method: v1::Method, digest: &str) -> Result<Objective, Refusal> {
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
        let aim = Attributes(choice).objective(&job, &model).await?;
        Ok(aim.0)
    }

    #[tokio::test]
    async fn statistics_of_another_classifier_are_not_used() {
        let fitted = statistics().classifier_digest;
        assert!(objective(v1::Method::Regression, &fitted).await.is_ok());
        let refusal = objective(v1::Method::Regression, "other")
            .await
            .unwrap_err();
        let status = Status::from(refusal);
        assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{status}");
    }

    #[tokio::test]
    async fn class_visualisation_climbs_what_was_asked() {
        let fitted = statistics().classifier_digest;
        let objective = objective(v1::Method::ClassVisualization, &fitted)
            .await
            .unwrap();
        let Some(Term::AttributeLikelihood(likelihood)) = objective.term else {
            panic!("expected a likelihood, got {objective:?}");
        };
        let targets: Vec<_> = likelihood
            .targets
            .iter()
            .map(|t| (t.attribute.as_str(), t.absent, t.weight))
            .collect();
        assert_eq!(targets, [("Male", false, 1.0), ("Smiling", true, 1.0)]);
    }
}
