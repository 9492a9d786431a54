//! `deepface compare`: the similarity of two faces, and whether they are the same person.

use deepface_client::v1;
use serde::Serialize;

use crate::{
    args::{CompareArgs, ServiceArgs},
    fields::Typed,
    file_names::FileName,
    files::{self, Faces},
    pair::Pair,
    place::Place,
    printer,
    usage::Usage,
    warnings::{self, Warning},
};

/// What is printed for programs.
#[derive(Debug, Serialize)]
struct Line<'a> {
    first: FileName<'a>,
    second: FileName<'a>,
    similarity_percent: f32,
    cosine: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    same_person: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_face: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_face: Option<Place>,
    /// All pairs, the most similar first, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pairs: Vec<PairLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    first_warnings: Vec<Warning>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    second_warnings: Vec<Warning>,
}

/// One of several pairs of faces.
#[derive(Debug, Serialize)]
struct PairLine {
    /// Number of the face in the first image, from 1.
    first: i32,
    second: i32,
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
    let request = request(args)?;
    let pair = Pair::with_classifier(services).await?;
    let response = pair.classifier()?.compare_request(request).await;
    let typed = Typed::images(&[&args.first, &args.second]);
    let response = response.map_err(|error| typed.explain(error.into()))?;
    pair.stop().await;
    if args.json {
        return printer::print_json(&line(args, &response));
    }
    warnings::print(&args.first.display().to_string(), &response.first_warnings);
    warnings::print(
        &args.second.display().to_string(),
        &response.second_warnings,
    );
    printer::print(&text(args, &response))
}

fn request(args: &CompareArgs) -> anyhow::Result<v1::CompareRequest> {
    let mut request = v1::CompareRequest::default();
    match files::read_faces(&args.first, args.framing)? {
        Faces::Image(image) => request.first = Some(image),
        Faces::Embeddings { tensor, digest } => {
            request.first_embeddings = Some(tensor);
            request.embeddings_digest = digest;
        }
    }
    match files::read_faces(&args.second, args.framing)? {
        Faces::Image(image) => request.second = Some(image),
        Faces::Embeddings { tensor, digest } => {
            let first = &request.embeddings_digest;
            if !first.is_empty() && !digest.is_empty() && *first != digest {
                return Err(Usage(format!(
                    "the embeddings are those of two networks: {first} and {digest}"
                ))
                .into());
            }
            request.second_embeddings = Some(tensor);
            if !digest.is_empty() {
                request.embeddings_digest = digest;
            }
        }
    }
    Ok(request)
}

fn line<'a>(args: &'a CompareArgs, response: &v1::CompareResponse) -> Line<'a> {
    let several = response.pairs.len() > 1;
    let pairs = response.pairs.iter().filter(|_| several);
    let pairs = pairs.map(|pair| PairLine {
        first: pair.first + 1,
        second: pair.second + 1,
        cosine: pair.cosine,
        first_face: pair.first_face.map(Place::from),
        second_face: pair.second_face.map(Place::from),
    });
    Line {
        first: FileName(&args.first),
        second: FileName(&args.second),
        similarity_percent: response.similarity_percent,
        cosine: response.cosine,
        same_person: response.same_person,
        threshold: response.verification.map(|v| v.threshold),
        accuracy: response.verification.map(|v| v.accuracy),
        first_face: response.first_face.map(Place::from),
        second_face: response.second_face.map(Place::from),
        pairs: pairs.collect(),
        first_warnings: warnings::for_programs(&response.first_warnings),
        second_warnings: warnings::for_programs(&response.second_warnings),
    }
}

fn text(args: &CompareArgs, response: &v1::CompareResponse) -> String {
    let mut text = format!(
        "{:.1} % alike in attributes (cosine {:.3})",
        response.similarity_percent, response.cosine
    );
    if let (Some(same), Some(v)) = (response.same_person, response.verification) {
        let verdict = match same {
            true => "probably the same person",
            false => "probably different people",
        };
        text += &format!(
            ": {verdict}\n  Above {:.3} two faces are taken for the same person, which is right for {:.0} % of pairs.",
            v.threshold,
            100.0 * v.accuracy
        );
    }
    text.push('\n');
    if response.pairs.len() > 1 {
        text += &format!(
            "  The most similar of {} pairs of faces.\n",
            response.pairs.len()
        );
    }
    for (path, face) in [
        (&args.first, response.first_face),
        (&args.second, response.second_face),
    ] {
        if let Some(face) = face.map(Place::from) {
            text += &format!("{}  face {face}\n", path.display());
        }
    }
    text
}
