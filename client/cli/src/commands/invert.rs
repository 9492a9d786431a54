//! `deepface invert`: an image reconstructed from the activations of a layer.

use std::path::{Path, PathBuf};

use crate::{
    args::{InvertArgs, ServiceArgs},
    fields::Typed,
    files,
    follow::follow,
    pair::Pair,
    place::Place,
    printer, requests,
};

pub(crate) async fn run(services: &ServiceArgs, args: &InvertArgs) -> anyhow::Result<()> {
    let image = files::read_image(&args.image, args.framing)?;
    let pair = Pair::with_generator(services).await?;
    let file = args
        .output
        .output
        .clone()
        .unwrap_or_else(|| default_file(&args.image));
    let request = requests::invert_request(args, image);
    let finished = follow(pair.generator()?.invert(request), &args.output, file).await;
    let typed = Typed::images(&[&args.image]);
    let finished = finished.map_err(|error| typed.explain(error))?;
    pair.stop().await;
    if args.output.json {
        return printer::print_json(&finished.report(&args.output, args.seed));
    }
    let mut text = finished.headline(args.seed);
    if let Some(face) = finished.started.face.map(Place::from) {
        text += &format!("{}  face {face}\n", args.image.display());
    }
    printer::print(&(text + &finished.table()))
}

/// `portrait-inverted.png` in the current folder for `photographs/portrait.jpg`.
fn default_file(image: &Path) -> PathBuf {
    let stem = image.file_stem().filter(|stem| *stem != "-");
    let stem = stem.map_or("image".into(), |stem| stem.to_string_lossy());
    PathBuf::from(format!("{stem}-inverted.png"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_photograph_is_not_overwritten() {
        assert_eq!(
            default_file(Path::new("a/portrait.png")),
            Path::new("portrait-inverted.png")
        );
        assert_eq!(
            default_file(Path::new("-")),
            Path::new("image-inverted.png")
        );
    }
}
