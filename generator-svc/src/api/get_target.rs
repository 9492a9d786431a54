//! GetTarget: the target activation for a set of attributes.

use deepface_attributes::Schema;
use deepface_proto::v1::{CompletedAttribute, GetTargetRequest, GetTargetResponse};
use deepface_serve::Violations;

use super::check::Check;
use super::method::Method;
use super::status::Refusal;
use super::target::{self, WireTarget};
use super::{Generator, attributes, settings};
use crate::gaussian::{Description, Target, Wish};

/// Checks the request and answers from the statistics alone.
pub(super) async fn get_target(
    api: &Generator,
    request: &GetTargetRequest,
) -> Result<GetTargetResponse, Refusal> {
    let how = request.target.as_ref();
    let wish = attributes::wish(
        &api.statistics.schema,
        &request.attributes,
        &request.keep,
        Method::of(how),
    );
    let asked = wish.as_ref().map_or(&[][..], |w| &w.asked);
    let mut check = Check::new("");
    let aim = settings::Aim::face(Method::of(how));
    let basis = settings::basis(&mut check, &api.statistics, request.parametrization, aim);
    let subject = aim.subject(basis.coordinates());
    let target = settings::target(&api.statistics, how, asked, subject, "target");
    let (wish, how) = match (target, wish, check.or(())) {
        (Ok(how), Ok(wish), Ok(())) => (wish, how),
        (how, wish, basis) => {
            let wrong = [wish.err(), how.err(), basis.err()];
            let wrong = wrong.into_iter().flatten();
            return Err(wrong.collect::<Violations>().into());
        }
    };
    let (workers, statistics, seed) = (&api.workers, &api.statistics, request.seed);
    let schema = &statistics.schema;
    match how {
        Target::Regression(how) => {
            let made = target::regression(workers, statistics, &wish, how, seed).await?;
            Ok(response(
                made.target,
                completed(schema, &wish, &made.description),
            ))
        }
        Target::Cgmm(how) => {
            let made = target::cgmm(workers, statistics, &wish, how, seed).await?;
            Ok(response(made, Vec::new()))
        }
        Target::ClassVisualization => {
            let name = Method::ClassVisualization.name();
            let others = Method::names(Method::has_target);
            let problem = format!("{name} has no target; expected one of {others}");
            Err(Violations::one("target.method", problem).into())
        }
    }
}

fn response(made: WireTarget, completed: Vec<CompletedAttribute>) -> GetTargetResponse {
    GetTargetResponse {
        layer: made.layer,
        target: Some(made.tensor),
        relative_deviation: made.relative_deviation,
        completed,
    }
}

/// What the wish means for every attribute.
fn completed(schema: &Schema, wish: &Wish, description: &Description) -> Vec<CompletedAttribute> {
    let completed = schema.all().zip(&description.values);
    let completed = completed.map(|(attribute, &value)| CompletedAttribute {
        name: schema.name(attribute).into(),
        value,
        requested: wish.of(attribute).is_some(),
        kept: wish.keeps(attribute),
    });
    completed.collect()
}
