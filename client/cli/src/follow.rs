//! Follows the stream of an inversion to its result, and writes the pictures.

use std::path::{Path, PathBuf};

use anyhow::Context;
use deepface_client::{ClientError, Event, EventStream, v1};
use image::RgbImage;
use serde::Serialize;

use crate::{
    args::OutputArgs, files, pictures, place::Place, printer, progress::Progress,
    settings::SettingsInForce,
};

/// An inversion that is done, its pictures written.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) started: v1::Started,
    pub(crate) result: v1::Result,
    pub(crate) file: PathBuf,
    /// Size of the written image, in pixels.
    pub(crate) size: (u32, u32),
}

/// Opens a stream, shows its progress, and writes image, sheet and animation.
pub(crate) async fn follow(
    open: impl Future<Output = Result<EventStream, ClientError>>,
    output: &OutputArgs,
    file: PathBuf,
) -> anyhow::Result<Finished> {
    let progress = Progress::new("starting");
    let mut events = open.await?;
    let mut started = None;
    let mut iterates = Vec::new();
    let mut result = None;
    while let Some(event) = events.next().await? {
        match event {
            Event::Started(event) => {
                let inversion = event
                    .settings
                    .as_ref()
                    .and_then(|settings| settings.inversion);
                progress.started(
                    inversion
                        .and_then(|inversion| inversion.steps)
                        .unwrap_or_default(),
                );
                started = Some(event);
            }
            Event::Iterate(iterate) => {
                progress.step(&iterate);
                if output.wants_iterates() {
                    iterates.push(pictures::decode(iterate.image.as_ref())?);
                }
            }
            Event::Result(event) => result = Some(event),
        }
    }
    drop(progress);
    let result = result.context("the stream ended without a result")?;
    let size = write_pictures(output, &file, &result, iterates)?;
    Ok(Finished {
        started: started.unwrap_or_default(),
        result,
        file,
        size,
    })
}

fn write_pictures(
    output: &OutputArgs,
    file: &Path,
    result: &v1::Result,
    iterates: Vec<RgbImage>,
) -> anyhow::Result<(u32, u32)> {
    let image = pictures::decode(result.image.as_ref())?;
    let scale = output
        .scale
        .unwrap_or_else(|| pictures::comfortable_scale(image.width()));
    let image = pictures::enlarge(&image, scale);
    files::write_atomically(file, &pictures::png(&image)?)?;
    let size = image.dimensions();
    if output.wants_iterates() {
        let mut all: Vec<_> = iterates
            .iter()
            .map(|iterate| pictures::enlarge(iterate, scale))
            .collect();
        // The last iterate may be the result; shown twice it would say nothing.
        if all.last() != Some(&image) {
            all.push(image);
        }
        if let Some(path) = &output.sheet {
            files::write_atomically(path, &pictures::png(&pictures::contact_sheet(&all)?)?)?;
        }
        if let Some(path) = &output.gif {
            files::write_atomically(path, &pictures::animation(&all)?)?;
        }
    }
    Ok(size)
}

/// The result as one line of JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    file: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    sheet: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gif: Option<&'a Path>,
    seed: u64,
    /// Where the face was found that was inverted, if it had to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    face: Option<Place>,
    attributes: Vec<Judged<'a>>,
    loss: Loss,
    steps: i32,
    seconds: f64,
    classifier_seconds: f64,
    image_size: i32,
    settings: SettingsInForce,
    digest: &'a str,
    classifier_digest: &'a str,
}

/// An attribute of the result: what the classifier sees, and what was asked for (absent where nothing was).
#[derive(Debug, Serialize)]
struct Judged<'a> {
    name: &'a str,
    probability: f32,
    present: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Loss {
    total: f64,
    objective: f64,
    prior: f64,
    total_variation: f64,
    l2: f64,
}

impl Finished {
    /// The result for programs.
    pub(crate) fn report<'a>(&'a self, output: &'a OutputArgs, seed: u64) -> Report<'a> {
        let loss = self.result.loss.unwrap_or_default();
        let judged = |attribute: &'a v1::ResultAttribute| Judged {
            name: &attribute.name,
            probability: attribute.probability,
            present: attribute.present,
            requested: attribute.requested,
        };
        Report {
            file: &self.file,
            sheet: output.sheet.as_deref(),
            gif: output.gif.as_deref(),
            seed,
            face: self.started.face.map(Place::from),
            attributes: self.result.attributes.iter().map(judged).collect(),
            loss: Loss {
                total: loss.total,
                objective: loss.objective,
                prior: loss.prior,
                total_variation: loss.total_variation,
                l2: loss.l2,
            },
            steps: self.result.steps,
            seconds: seconds(self.result.elapsed_us),
            classifier_seconds: seconds(self.result.classifier_us),
            image_size: self.started.image_size,
            settings: self
                .started
                .settings
                .as_ref()
                .map(SettingsInForce::from)
                .unwrap_or_default(),
            digest: &self.started.digest,
            classifier_digest: &self.started.classifier_digest,
        }
    }

    /// One line for people: what was written and what it took.
    pub(crate) fn headline(&self, seed: u64) -> String {
        format!(
            "{}  {}x{} pixels, seed {seed}, {} steps in {:.1} s, loss {:.4}\n",
            self.file.display(),
            self.size.0,
            self.size.1,
            self.result.steps,
            seconds(self.result.elapsed_us),
            self.result.loss.unwrap_or_default().total,
        )
    }

    /// A table of what the classifier sees: what was asked for, then what it sees besides, likeliest first.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        let (asked, others): (Vec<_>, Vec<_>) = self
            .result
            .attributes
            .iter()
            .partition(|attribute| attribute.requested.is_some());
        if !asked.is_empty() {
            table.push_str("\nasked for\n");
            table.extend(asked.into_iter().map(asked_line));
        }
        let mut seen: Vec<_> = others
            .into_iter()
            .filter(|attribute| attribute.present)
            .collect();
        seen.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        if !seen.is_empty() {
            table.push_str("\nalso seen\n");
            let line = |attribute: &v1::ResultAttribute| {
                printer::score_line(&attribute.name, attribute.probability, "")
            };
            table.extend(seen.into_iter().take(12).map(line));
        }
        table
    }
}

fn asked_line(attribute: &v1::ResultAttribute) -> String {
    let remark = match (attribute.requested.unwrap_or_default(), attribute.present) {
        (true, true) => "present",
        (true, false) => "NOT PRESENT",
        (false, true) => "NOT ABSENT",
        (false, false) => "absent",
    };
    printer::score_line(&attribute.name, attribute.probability, remark)
}

fn seconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1e6
}
