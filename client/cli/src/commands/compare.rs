//! `deepface compare`: the similarity of two faces.

use serde::Serialize;

use crate::{
    args::{CompareArgs, ServiceArgs},
    fields::Typed,
    files,
    pair::Pair,
    place::Place,
    printer,
    usage::Usage,
};

/// What is printed for programs.
#[derive(Debug, Serialize)]
struct Line<'a> {
    first: &'a std::path::Path,
    second: &'a std::path::Path,
    similarity_percent: f32,
    cosine: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_face: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_face: Option<Place>,
}

pub(crate) async fn run(services: &ServiceArgs, args: &CompareArgs) -> anyhow::Result<()> {
    if args.first == args.second && args.first.as_os_str() == "-" {
        return Err(Usage("standard input holds one image, not two".to_owned()).into());
    }
    let first = files::read_image(&args.first, args.framing)?;
    let second = files::read_image(&args.second, args.framing)?;
    let pair = Pair::with_classifier(services).await?;
    let response = pair.classifier()?.compare(first, second).await;
    let typed = Typed::images(&[&args.first, &args.second]);
    let response = response.map_err(|error| typed.explain(error.into()))?;
    pair.stop().await;
    let (similarity_percent, cosine) = (response.similarity_percent, response.cosine);
    let first_face = response.first_face.map(Place::from);
    let second_face = response.second_face.map(Place::from);
    if args.json {
        return printer::print_json(&Line {
            first: &args.first,
            second: &args.second,
            similarity_percent,
            cosine,
            first_face,
            second_face,
        });
    }
    let mut text = format!("{similarity_percent:.1} % alike (cosine {cosine:.3})\n");
    for (path, face) in [(&args.first, first_face), (&args.second, second_face)] {
        if let Some(face) = face {
            text += &format!("{}  face {face}\n", path.display());
        }
    }
    printer::print(&text)
}
