//! `deepface morph`: an animation that leads from one request to another.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context;
use deepface_client::{ClientError, Code, GeneratorClient, v1};
use deepface_images::PictureFormat;
use generator_svc::provenance::about_many;
use image::RgbImage;
use serde::Serialize;

use crate::{
    args::{MorphArgs, ServiceArgs, WishList},
    faces::{self, Face, Job},
    fields::Typed,
    file_names::FileName,
    morph::{Journey, signed},
    names,
    output::{self, Output},
    pair::Pair,
    pictures, printer, requests,
    show::Screen,
    usage::Usage,
    wishes::{Asked, Catalogue, check, say_all, sums_what_is_present},
};

/// How long the animation shows the first and the last frame, in hundredths of a second.
const REST: u16 = 80;
/// Most frames in a line of the table.
const MOST_BARS: usize = 32;

pub(crate) async fn run(services: &ServiceArgs, args: &MorphArgs) -> anyhow::Result<()> {
    let settings = requests::generation(&args.target, &args.inversion);
    refuse(&settings)?;
    let screen = Screen::wanted(args.show)?;
    let outputs = Outputs::check(args, &settings)?;
    let pair = Pair::with_generator(services).await?;
    let client = pair.generator()?;
    let (journey, keep) = plan(&client, args, &settings).await?;
    let jobs = jobs(&journey, &keep, args, &settings);
    let requests: Vec<_> = jobs
        .iter()
        .map(|job| job.request.attributes.clone())
        .collect();
    let frames = faces::generate_all(&client, jobs, "frames", Frame::of).await?;
    pair.stop().await;
    let all = enlarged(args, &frames);
    let file = write(args, &outputs, &all).await?;
    if let Some(screen) = screen {
        screen.show(&pictures::contact_sheet(&all)?)?;
    }
    let size = all.first().map_or((0, 0), RgbImage::dimensions);
    let summary = match args.json {
        true => printer::json_line(&Report::new(&file, args, &requests, &frames))?,
        false => headline(&file, args, size) + &table(&journey, &frames),
    };
    output::summarise(&outputs.all(), &summary)
}

/// Where the results go.
struct Outputs {
    animation: Output,
    sheet: Option<Output>,
}

impl Outputs {
    /// Checks the places before the work.
    fn check(args: &MorphArgs, settings: &v1::GenerationSettings) -> anyhow::Result<Self> {
        let [from, to] = [&args.from, &args.to].map(|list| messages(list).collect::<Vec<_>>());
        let name = || names::morph([&from, &to], &args.keep, settings, args.seed);
        let typed = args.output.as_ref();
        let sheet = args.sheet.as_deref();
        let sheet =
            sheet.map(|path| Output::typed("--sheet", path, PictureFormat::ENDINGS, args.force));
        let outputs = Self {
            animation: Output::or_named(typed, name, output::ANIMATION, args.force)?,
            sheet: sheet.transpose()?,
        };
        output::distinct(&outputs.all())?;
        Ok(outputs)
    }

    fn all(&self) -> [Option<&Output>; 2] {
        [Some(&self.animation), self.sheet.as_ref()]
    }
}

/// Finds wrong usage before a service starts.
fn refuse(settings: &v1::GenerationSettings) -> Result<(), Usage> {
    if sums_what_is_present(settings) {
        let message = "morph varies strengths, which --paper and --method cgmm-mean and cgmm-sample do not support";
        return Err(Usage(message.to_owned()));
    }
    Ok(())
}

/// Checks both ends, and finds the attributes that no face between them can show at once; and names what is kept.
async fn plan(
    client: &GeneratorClient,
    args: &MorphArgs,
    settings: &v1::GenerationSettings,
) -> anyhow::Result<(Journey, Vec<String>)> {
    let catalogue = Catalogue::of(client).await?;
    let from = catalogue.name(messages(&args.from), Asked::List("--from"))?;
    let to = catalogue.name(messages(&args.to), Asked::List("--to"))?;
    let keep = catalogue.keep(&args.keep)?;
    for (wishes, flag) in [(&from, "--from"), (&to, "--to")] {
        let checked = check(client, wishes, &keep, settings).await;
        let typed = Typed::wishes(wishes);
        checked
            .map_err(|error| typed.explain(error.into()))
            .context(flag)?;
    }
    let mut journey = Journey::new(from, to);
    if refused(check(client, &journey.everything(), &keep, settings).await)? {
        for pair in journey.candidates() {
            if refused(check(client, &journey.both(pair), &keep, settings).await)? {
                journey.separate(pair);
            }
        }
    }
    Ok((journey, keep))
}

fn messages(list: &WishList) -> impl Iterator<Item = v1::RequestedAttribute> {
    list.0
        .iter()
        .flat_map(|wish| requests::requested(std::slice::from_ref(&wish.attribute), wish.absent))
}

/// Whether the generator refused a request; other errors are errors.
fn refused(result: Result<(), ClientError>) -> Result<bool, ClientError> {
    match result {
        Ok(()) => Ok(false),
        Err(error) if error.code() == Code::InvalidArgument => Ok(true),
        Err(error) => Err(error),
    }
}

fn jobs(
    journey: &Journey,
    keep: &[String],
    args: &MorphArgs,
    settings: &v1::GenerationSettings,
) -> Vec<Job> {
    let frames = usize::from(args.frames);
    let job = |i| {
        let attributes = journey.frame(i, frames);
        Job {
            name: format!("frame {} ({})", i + 1, say_all(&attributes)),
            request: v1::GenerateRequest {
                attributes,
                settings: Some(settings.clone()),
                keep: keep.to_vec(),
                seed: args.seed,
                stream: Some(v1::StreamSettings {
                    every: Some(1),
                    losses_only: true,
                    ..Default::default()
                }),
                ..Default::default()
            },
        }
    };
    (0..frames).map(job).collect()
}

/// A finished frame.
#[derive(Debug)]
struct Frame {
    picture: RgbImage,
    loss: f64,
    seen: Vec<v1::ResultAttribute>,
}

impl Frame {
    fn of(face: Face) -> anyhow::Result<Self> {
        Ok(Self {
            picture: pictures::decode(face.result.image.as_ref())?,
            loss: face.result.loss.unwrap_or_default().total,
            seen: face.result.attributes,
        })
    }

    fn probability(&self, name: &str) -> f32 {
        let seen = self.seen.iter().find(|attribute| attribute.name == name);
        seen.map_or(f32::NAN, |attribute| attribute.probability)
    }
}

/// The frames as they are written.
fn enlarged(args: &MorphArgs, frames: &[Frame]) -> Vec<RgbImage> {
    let width = frames.first().map_or(1, |frame| frame.picture.width());
    let scale = args
        .scale
        .unwrap_or_else(|| pictures::comfortable_scale(width));
    let picture = |frame: &Frame| pictures::enlarge(&frame.picture, scale);
    frames.iter().map(picture).collect()
}

/// Writes the animation and the sheet, and returns the path of the animation.
async fn write(args: &MorphArgs, outputs: &Outputs, all: &[RgbImage]) -> anyhow::Result<PathBuf> {
    if let Some(sheet) = &outputs.sheet {
        let about = about_many(&format!("a morph, seed {}", args.seed));
        let picture = pictures::contact_sheet(all)?;
        sheet.write_picture(&picture, &about).await?;
    }
    let showing = showing(all.len(), args.fps, args.boomerang);
    let animation = pictures::animation(all, &showing)?;
    outputs.animation.write(animation).await
}

/// The frames in the order shown, each with its time in hundredths of a second.
fn showing(frames: usize, fps: u16, boomerang: bool) -> Vec<(u16, usize)> {
    let last = frames.saturating_sub(1);
    let between = (100 + fps / 2) / fps;
    let shown = |i| {
        let rests = i == 0 || i == last;
        (if rests { REST.max(between) } else { between }, i)
    };
    let back = if boomerang { last } else { 0 };
    (0..frames).chain((1..back).rev()).map(shown).collect()
}

fn headline(file: &Path, args: &MorphArgs, (width, height): (u32, u32)) -> String {
    format!(
        "{}  {} frames of {width}x{height} pixels, {} a second, seed {}\n",
        file.display(),
        showing(args.frames.into(), args.fps, args.boomerang).len(),
        args.fps,
        args.seed,
    )
}

/// The probability of each attribute, from the first frame to the last.
fn table(journey: &Journey, frames: &[Frame]) -> String {
    let mut table = "\nprobability, from the first frame to the last\n".to_owned();
    for name in journey.names() {
        let curve: Vec<f32> = frames.iter().map(|frame| frame.probability(name)).collect();
        let ends = [curve.first(), curve.last()].map(|p| 100.0 * p.copied().unwrap_or(f32::NAN));
        let bars: String = pictures::evenly_spaced(&curve, MOST_BARS)
            .into_iter()
            .map(|&probability| printer::column(probability))
            .collect();
        table += &format!(
            "  {name:<28} {:>6.1} %  {bars}  {:.1} %\n",
            ends[0], ends[1]
        );
    }
    table
}

/// The animation as one line of JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    file: FileName<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sheet: Option<FileName<'a>>,
    seed: u64,
    frames: Vec<FrameLine<'a>>,
}

/// What was requested for a frame, and what the classifier sees in it.
#[derive(Debug, Serialize)]
struct FrameLine<'a> {
    /// Strengths by name; below 0 for attributes that should be absent.
    requested: BTreeMap<&'a str, f64>,
    attributes: BTreeMap<&'a str, f32>,
    loss: f64,
}

impl<'a> Report<'a> {
    fn new(
        file: &'a Path,
        args: &'a MorphArgs,
        requests: &'a [Vec<v1::RequestedAttribute>],
        frames: &'a [Frame],
    ) -> Self {
        let line = |(request, frame): (&'a Vec<v1::RequestedAttribute>, &'a Frame)| FrameLine {
            requested: request
                .iter()
                .map(|wish| (wish.name.as_str(), signed(wish)))
                .collect(),
            attributes: frame
                .seen
                .iter()
                .map(|attribute| (attribute.name.as_str(), attribute.probability))
                .collect(),
            loss: frame.loss,
        };
        Self {
            file: FileName(file),
            sheet: args.sheet.as_deref().map(FileName),
            seed: args.seed,
            frames: requests.iter().zip(frames).map(line).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_animation_rests_at_both_ends() {
        let there = [(REST, 0), (10, 1), (10, 2), (REST, 3)];
        assert_eq!(showing(4, 10, false), there);
        let and_back = [&there[..], &[(10, 2), (10, 1)]].concat();
        assert_eq!(showing(4, 10, true), and_back);
        assert_eq!(showing(2, 50, true), [(REST, 0), (REST, 1)]);
        assert_eq!(showing(3, 1, false)[1], (100, 1));
    }
}
