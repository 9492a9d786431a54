use serde::Serialize;

use crate::{
    args::{CompareArgs, ServiceArgs},
    exit::Usage,
    files,
    pair::Pair,
    printer,
};

/// What is printed for programs.
#[derive(Debug, Serialize)]
struct Line<'a> {
    first: &'a std::path::Path,
    second: &'a std::path::Path,
    similarity_percent: f32,
    cosine: f32,
}

pub(crate) async fn run(services: &ServiceArgs, args: &CompareArgs) -> anyhow::Result<()> {
    if args.first == args.second && args.first.as_os_str() == "-" {
        return Err(Usage("standard input holds one image, not two".to_owned()).into());
    }
    let first = files::read_image(&args.first, args.framing)?;
    let second = files::read_image(&args.second, args.framing)?;
    let pair = Pair::with_classifier(services).await?;
    let response = pair.classifier()?.compare(first, second).await?;
    pair.stop().await;
    let (similarity_percent, cosine) = (response.similarity_percent, response.cosine);
    if args.json {
        return printer::print_json(&Line {
            first: &args.first,
            second: &args.second,
            similarity_percent,
            cosine,
        });
    }
    printer::print(&format!(
        "{similarity_percent:.1} % alike (cosine {cosine:.3})\n"
    ))
}
