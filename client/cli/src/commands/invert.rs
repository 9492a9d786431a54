//! `deepface invert`: an image reconstructed from the activations of a layer.

use crate::{
    args::{InvertArgs, ServiceArgs},
    fields::Typed,
    files,
    follow::{Outputs, follow},
    names,
    pair::Pair,
    place::Place,
    printer,
    provenance::Recipe,
    requests,
};

pub(crate) async fn run(services: &ServiceArgs, args: &InvertArgs) -> anyhow::Result<()> {
    let name = || names::inverted(&args.image, args.layer.as_deref(), args.seed);
    let outputs = Outputs::check(&args.output, name)?;
    let image = files::read_image(&args.image, args.framing)?;
    let pair = Pair::with_generator(services).await?;
    let request = requests::invert_request(args, image);
    let recipe = Recipe::new(generator_svc::provenance::Recipe::inverted(&request)?);
    let scale = args.output.scale;
    let finished = follow(pair.generator()?.invert(request), &outputs, &recipe, scale).await;
    let typed = Typed::images(&[&args.image]);
    let finished = finished.map_err(|error| typed.explain(error))?;
    pair.stop().await;
    if args.output.json {
        let report = finished.report(&args.output, args.seed);
        return outputs.summarise(&printer::json_line(&report)?);
    }
    let mut text = finished.headline(args.seed);
    if let Some(face) = finished.started.face.map(Place::from) {
        text += &format!("{}  face {face}\n", args.image.display());
    }
    outputs.summarise(&(text + &finished.table()))
}
