//! Default names of files, which say what made them: attributes, method and seed.

use std::path::{Path, PathBuf};

use deepface_client::v1::{self, GenerationSettings, Method, Preset, RequestedAttribute};

/// Longest part of a name that says what was requested, in bytes; all are ASCII.
const LONGEST: usize = 80;

/// `male-not-bald-keep-youth-paper-seed-3.png`, or `portrait-smiling-seed-0.png` for a change of `portrait.jpg`.
pub(crate) fn face(request: &v1::GenerateRequest, from: Option<&Path>) -> PathBuf {
    let wanted = from
        .map(stem)
        .into_iter()
        .chain(wanted(&request.attributes))
        .chain(kept(&request.keep));
    let settings = request.settings.as_ref();
    let end = [method(settings), Some(format!("seed-{}", request.seed))];
    named(wanted, end, "face", "png")
}

/// `male-to-bald-seed-0.gif`.
pub(crate) fn morph(
    [from, to]: [&[RequestedAttribute]; 2],
    keep: &[String],
    settings: &GenerationSettings,
    seed: u64,
) -> PathBuf {
    let to = std::iter::once("to".to_owned()).chain(wanted(to));
    let parts = wanted(from).into_iter().chain(to).chain(kept(keep));
    let end = [method(Some(settings)), Some(format!("seed-{seed}"))];
    named(parts, end, "morph", "gif")
}

/// `gallery-male-with-smiling-paper-seeds-0-3.html`.
pub(crate) fn gallery(
    [base, sweep]: [&[RequestedAttribute]; 2],
    keep: &[String],
    settings: &GenerationSettings,
    (first, last): (u64, u64),
) -> PathBuf {
    let sweep = wanted(sweep).into_iter().map(|name| format!("with-{name}"));
    let parts = std::iter::once("gallery".to_owned())
        .chain(wanted(base))
        .chain(sweep)
        .chain(kept(keep));
    let end = [
        method(Some(settings)),
        Some(format!("seeds-{first}-{last}")),
    ];
    named(parts, end, "gallery", "html")
}

/// `portrait-inverted-conv3_3-seed-0.png` in the current folder for `photographs/portrait.jpg`.
pub(crate) fn inverted(image: &Path, layer: Option<&str>, seed: u64) -> PathBuf {
    let stem = stem(image);
    let layer =
        layer.map(|layer| layer.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', ""));
    let layer = layer.map_or(String::new(), |layer| format!("-{layer}"));
    PathBuf::from(format!("{stem}-inverted{layer}-seed-{seed}.png"))
}

/// The name of an image without its ending.
fn stem(image: &Path) -> String {
    let stem = image.file_stem().filter(|stem| *stem != "-");
    stem.map_or("image".into(), |stem| stem.to_string_lossy())
        .into_owned()
}

fn named(
    parts: impl Iterator<Item = String>,
    end: [Option<String>; 2],
    nameless: &str,
    ending: &str,
) -> PathBuf {
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    let mut name = parts.join("-");
    // The name of a photograph may be any text.
    name.truncate(name.floor_char_boundary(LONGEST));
    if name.is_empty() {
        name.push_str(nameless);
    }
    let all: Vec<_> = std::iter::once(name)
        .chain(end.into_iter().flatten())
        .collect();
    PathBuf::from(format!("{}.{ending}", all.join("-")))
}

/// `keep-youth`.
fn kept(names: &[String]) -> impl Iterator<Item = String> {
    names.iter().map(|name| format!("keep-{}", slug(name)))
}

/// `smiling=2`, `not-bald`.
fn wanted(attributes: &[RequestedAttribute]) -> Vec<String> {
    let one = |attribute: &RequestedAttribute| {
        let not = if attribute.absent { "not-" } else { "" };
        let strength = attribute.strength.filter(|&strength| strength != 1.0);
        let strength = strength.map_or(String::new(), |strength| format!("={strength}"));
        format!("{not}{}{strength}", slug(&attribute.name))
    };
    attributes.iter().map(one).collect()
}

/// The preset or the method, if one was chosen.
fn method(settings: Option<&GenerationSettings>) -> Option<String> {
    let settings = settings?;
    let method = settings.target.as_ref().map(v1::TargetSettings::method);
    let method = method.filter(|&method| method != Method::Unspecified);
    let method = method.map(|method| slug(method.as_str_name().trim_start_matches("METHOD_")));
    match (settings.preset(), method) {
        (Preset::Paper, Some(method)) => Some(format!("paper-{method}")),
        (Preset::Paper, None) => Some("paper".to_owned()),
        (Preset::Unspecified, method) => method,
    }
}

/// Letters and digits in lower case, everything between them one hyphen.
fn slug(name: &str) -> String {
    let words = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words
        .map(str::to_ascii_lowercase)
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wishes::tests::wishes;

    #[test]
    fn requests_become_safe_names() {
        assert_eq!(slug("5 o' Clock Shadow"), "5-o-clock-shadow");
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert_eq!(slug("é"), "");
        let long = vec![RequestedAttribute::present("x".repeat(300))];
        let request = v1::GenerateRequest {
            attributes: long,
            ..v1::GenerateRequest::of(["é"]).with_seed(7)
        };
        assert_eq!(
            face(&request, None),
            Path::new(&format!("{}-seed-7.png", "x".repeat(80)))
        );
        let request = v1::GenerateRequest::of(["é"]);
        assert_eq!(face(&request, None), Path::new("face-seed-0.png"));
    }

    #[test]
    fn a_name_says_attributes_method_and_seed() {
        let mut request = v1::GenerateRequest {
            attributes: wishes("Male, Smiling=0.5, not Bald"),
            ..Default::default()
        };
        assert_eq!(
            face(&request, None),
            Path::new("male-smiling=0.5-not-bald-seed-0.png")
        );
        request.keep = vec!["Youth".to_owned()];
        request.seed = 3;
        let mut settings = GenerationSettings {
            preset: Preset::Paper.into(),
            ..Default::default()
        };
        request.settings = Some(settings.clone());
        let expected = "male-smiling=0.5-not-bald-keep-youth-paper-seed-3.png";
        assert_eq!(face(&request, None), Path::new(expected));
        settings.preset = Preset::Unspecified.into();
        settings.target.get_or_insert_default().method = Method::CgmmSample.into();
        let (from, to) = (wishes("Male"), wishes("not Bald=2"));
        let name = morph([&from, &to], &[], &settings, 1);
        assert_eq!(name, Path::new("male-to-not-bald=2-cgmm-sample-seed-1.gif"));
        let name = gallery(
            [&from, &to],
            &request.keep,
            &GenerationSettings::default(),
            (4, 7),
        );
        assert_eq!(
            name,
            Path::new("gallery-male-with-not-bald=2-keep-youth-seeds-4-7.html")
        );
    }

    #[test]
    fn a_reconstruction_is_named_after_its_photograph() {
        let name = inverted(Path::new("a/portrait.png"), Some("../conv3_3"), 2);
        assert_eq!(name, Path::new("portrait-inverted-conv3_3-seed-2.png"));
        let name = inverted(Path::new("-"), None, 0);
        assert_eq!(name, Path::new("image-inverted-seed-0.png"));
    }
}
