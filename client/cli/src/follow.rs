//! Follows the stream of an inversion to its result, writes the pictures, and reports.

use std::path::{Path, PathBuf};

use deepface_client::{ClientError, EventStream, SettingsInForce, v1};
use image::RgbImage;
use serde::Serialize;

use crate::{
    args::OutputArgs,
    faces::{Face, read},
    file_names::FileName,
    files, pictures,
    place::Place,
    printer,
    progress::Progress,
    show::Screen,
};

/// A finished inversion, its pictures written.
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
    let screen = Screen::wanted(output.show)?;
    let progress = Progress::new("starting");
    let Face {
        started,
        iterates,
        result,
    } = read(open, |event| progress.event(event)).await?;
    drop(progress);
    let image = write_pictures(output, &file, &result, &iterates)?;
    if let Some(screen) = screen {
        screen.show(&image)?;
    }
    Ok(Finished {
        started,
        result,
        file,
        size: image.dimensions(),
    })
}

/// Writes the pictures, and returns the image as it was written.
fn write_pictures(
    output: &OutputArgs,
    file: &Path,
    result: &v1::Result,
    iterates: &[v1::Iterate],
) -> anyhow::Result<RgbImage> {
    let image = pictures::decode(result.image.as_ref())?;
    let scale = output
        .scale
        .unwrap_or_else(|| pictures::comfortable_scale(image.width()));
    let image = pictures::enlarge(&image, scale);
    files::write_atomically(file, &deepface_images::png(&image)?)?;
    if output.wants_iterates() {
        let mut all: Vec<_> = iterates
            .iter()
            .map(|iterate| {
                let image = pictures::decode(iterate.image.as_ref())?;
                Ok(pictures::enlarge(&image, scale))
            })
            .collect::<anyhow::Result<_>>()?;
        // The last iterate may be the result, which is shown once.
        if all.last() != Some(&image) {
            all.push(image.clone());
        }
        if let Some(path) = &output.sheet {
            files::write_atomically(
                path,
                &deepface_images::png(&pictures::contact_sheet(&all)?)?,
            )?;
        }
        if let Some(path) = &output.gif {
            files::write_atomically(path, &pictures::iterates(&all)?)?;
        }
    }
    Ok(image)
}

/// The result as one line of JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    file: FileName<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sheet: Option<FileName<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gif: Option<FileName<'a>>,
    seed: u64,
    /// Where the inverted face was found, with `--detect`.
    #[serde(skip_serializing_if = "Option::is_none")]
    face: Option<Place>,
    attributes: Vec<Judged<'a>>,
    moved: &'a [String],
    loss: Loss,
    steps: i32,
    seconds: f64,
    classifier_seconds: f64,
    image_size: i32,
    settings: SettingsInForce,
    digest: &'a str,
    classifier_digest: &'a str,
}

/// An attribute of the result: what the classifier sees, and what was requested, if anything.
#[derive(Debug, Serialize)]
struct Judged<'a> {
    name: &'a str,
    probability: f32,
    present: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_probability: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Loss {
    total: f64,
    objective: f64,
    likelihood: f64,
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
            reference_probability: attribute.reference_probability,
            change: attribute.change,
        };
        Report {
            file: FileName(&self.file),
            sheet: output.sheet.as_deref().map(FileName),
            gif: output.gif.as_deref().map(FileName),
            seed,
            face: self.started.face.map(Place::from),
            attributes: self.result.attributes.iter().map(judged).collect(),
            moved: &self.result.moved,
            loss: Loss {
                total: loss.total,
                objective: loss.objective,
                likelihood: loss.likelihood,
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

    /// One line for people: the file, and the effort.
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

    /// What the classifier sees: the attributes requested, those kept, those that changed without being requested, and
    /// other present ones, likeliest first.
    pub(crate) fn table(&self) -> String {
        let all = &self.result.attributes;
        let moved = |a: &v1::ResultAttribute| self.result.moved.contains(&a.name);
        let mut table = String::new();
        let mut part = |title: &str, lines: Vec<String>| {
            if !lines.is_empty() {
                table += &format!("\n{title}\n{}", lines.concat());
            }
        };
        let asked = all.iter().filter(|a| a.requested.is_some());
        part("requested", asked.map(asked_line).collect());
        let kept = all.iter().filter(|a| a.kept);
        part("kept", kept.map(|a| moved_line(a, moved(a))).collect());
        let changed = all.iter().filter(|a| !a.kept && moved(a));
        part(
            "changed without being requested",
            changed.map(|a| moved_line(a, true)).collect(),
        );
        let mut seen: Vec<_> = all
            .iter()
            .filter(|a| a.requested.is_none() && !a.kept && a.present && !moved(a))
            .collect();
        seen.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        let line = |a: &v1::ResultAttribute| printer::score_line(&a.name, a.probability, "");
        part(
            "also present",
            seen.into_iter().take(12).map(line).collect(),
        );
        table
    }
}

fn moved_line(attribute: &v1::ResultAttribute, moved: bool) -> String {
    let remark = match (moved, attribute.present) {
        (false, _) => "unchanged",
        (true, true) => "now present",
        (true, false) => "now absent",
    };
    printer::score_line(&attribute.name, attribute.probability, remark)
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
