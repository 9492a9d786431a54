//! `deepface generate`: a face that has the attributes.

use anyhow::bail;
use deepface_client::{GeneratorClient, v1};

use crate::{
    args::{FramingArgs, GenerateArgs, ServiceArgs},
    fields::Typed,
    files,
    follow::{Outputs, follow},
    names,
    pair::Pair,
    printer,
    provenance::Recipe,
    requests,
    revived::Revived,
    usage::Usage,
};

pub(crate) async fn run(services: &ServiceArgs, args: &GenerateArgs) -> anyhow::Result<()> {
    let typed = requests::generate_request(args);
    let like = match &args.like {
        Some(path) => Some(Revived::read(path).await?),
        None => None,
    };
    let mut request = match &like {
        Some(like) => like.overridden(args, typed),
        None => typed,
    };
    request.from = match &args.from {
        Some(file) => Some(files::read_image(file, args.framing)?),
        None if args.framing != FramingArgs::default() => {
            let message = "--detect, --aligned, --face and --only say where the face is in --from";
            return Err(Usage(message.to_owned()).into());
        }
        None => None,
    };
    let mut recipe = Recipe::new(generator_svc::provenance::Recipe::generated(&request)?);
    if let Some(like) = like.as_ref().filter(|_| !overrides(args)) {
        recipe = recipe.expecting(like.settings());
    }
    let outputs = Outputs::check(&args.output, || names::face(&request, args.from.as_deref()))?;
    let scale = args.output.scale;
    let scale = scale.or_else(|| like.as_ref().and_then(Revived::scale));
    let pair = Pair::with_generator(services).await?;
    let client = pair.generator()?;
    if let Some(like) = &like {
        check_models(&client, like).await?;
    }
    let (seed, attributes) = (request.seed, request.attributes.clone());
    let finished = follow(client.generate(request), &outputs, &recipe, scale).await;
    let typed = match &like {
        Some(_) => Typed::wishes(&attributes),
        None => Typed::attributes(&args.present, &args.absent).with_image(args.from.as_ref()),
    };
    let finished = finished.map_err(|error| typed.explain(error))?;
    pair.stop().await;
    let summary = match args.output.json {
        true => printer::json_line(&finished.report(&args.output, seed))?,
        false => finished.headline(seed) + &finished.table(),
    };
    outputs.summarise(&summary)
}

/// Whether options decide the settings in force, and not only the picture that is made again.
fn overrides(args: &GenerateArgs) -> bool {
    let settings = requests::generation(&args.target, &args.inversion);
    let nothing = requests::generation(&Default::default(), &Default::default());
    settings != nothing
        || !(args.present.is_empty() && args.absent.is_empty() && args.keep.is_empty())
}

/// Checks that the services have the models that the picture was made with.
async fn check_models(client: &GeneratorClient, like: &Revived) -> anyhow::Result<()> {
    let v1::ListAttributesResponse {
        digest,
        classifier_digest,
        ..
    } = client.list_attributes().await?;
    let [statistics, classifier] = like.digests();
    for (what, made, here) in [
        ("statistics", statistics, &digest),
        ("the classifier", classifier, &classifier_digest),
    ] {
        if made != here {
            bail!(
                "--like: {} was made with {what} {made}, but the generator has {here}; it would be another face",
                like.path().display()
            );
        }
    }
    Ok(())
}
