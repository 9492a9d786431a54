//! Follows the stream of an inversion to its result, writes the pictures, and reports.

use std::path::PathBuf;

use deepface_client::{ClientError, EventStream, SettingsInForce, v1};
use deepface_images::PictureFormat;
use serde::Serialize;

use crate::{
    args::OutputArgs,
    faces::{Face, read},
    file_names::FileName,
    output::{self, Output},
    pictures,
    place::Place,
    printer,
    progress::Progress,
    provenance::Recipe,
    show::Screen,
};

/// Where the pictures of one inversion go.
#[derive(Clone, Debug)]
pub(crate) struct Outputs {
    image: Output,
    sheet: Option<Output>,
    gif: Option<Output>,
    screen: Option<Screen>,
}

impl Outputs {
    /// Checks the places before the work; `name` is the default name of the image.
    ///
    /// # Errors
    /// One of them cannot be written to, has a name with another ending, or is the place of another.
    pub(crate) fn check(args: &OutputArgs, name: impl FnOnce() -> PathBuf) -> anyhow::Result<Self> {
        let typed = |flag, path: &Option<PathBuf>, endings| {
            let path = path.as_deref();
            let output = path.map(|path| Output::typed(flag, path, endings, args.force));
            output.transpose()
        };
        let pictures = PictureFormat::ENDINGS;
        let outputs = Self {
            image: Output::or_named(args.output.as_ref(), name, pictures, args.force)?,
            sheet: typed("--sheet", &args.sheet, pictures)?,
            gif: typed("--gif", &args.gif, output::ANIMATION)?,
            screen: Screen::wanted(args.show)?,
        };
        output::distinct(&outputs.all())?;
        Ok(outputs)
    }

    fn all(&self) -> [Option<&Output>; 3] {
        [Some(&self.image), self.sheet.as_ref(), self.gif.as_ref()]
    }

    /// Prints a summary, where it does not mix with a picture.
    pub(crate) fn summarise(&self, text: &str) -> anyhow::Result<()> {
        output::summarise(&self.all(), text)
    }
}

/// A finished inversion, its pictures written.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) started: v1::Started,
    pub(crate) result: v1::Result,
    pub(crate) file: PathBuf,
    /// Size of the written image, in pixels.
    pub(crate) size: (u32, u32),
}

/// Opens a stream, shows its progress, and writes image, sheet and animation. `scale`
/// enlarges them.
pub(crate) async fn follow(
    open: impl Future<Output = Result<EventStream, ClientError>>,
    outputs: &Outputs,
    recipe: &Recipe,
    scale: Option<u32>,
) -> anyhow::Result<Finished> {
    let progress = Progress::new("starting");
    let face = read(open, |event| progress.event(event)).await?;
    drop(progress);
    let image = pictures::decode(face.result.image.as_ref())?;
    let scale = scale.unwrap_or_else(|| pictures::comfortable_scale(image.width()));
    let image = pictures::enlarge(&image, scale);
    let size = image.dimensions();
    let about = recipe.about(&face.started, scale)?;
    let file = outputs.image.write_picture(&image, &about).await?;
    if outputs.sheet.is_some() || outputs.gif.is_some() {
        let mut all: Vec<_> = face
            .iterates
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
        if let Some(sheet) = &outputs.sheet {
            let picture = pictures::contact_sheet(&all)?;
            sheet.write_picture(&picture, &about).await?;
        }
        if let Some(gif) = &outputs.gif {
            gif.write(pictures::iterates(&all)?).await?;
        }
    }
    if let Some(screen) = outputs.screen {
        screen.show(&image)?;
    }
    let Face {
        started, result, ..
    } = face;
    Ok(Finished {
        started,
        result,
        file,
        size,
    })
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
    /// With `--from`: the cosine with the face that was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    similarity: Option<f32>,
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
            similarity: self.result.similarity,
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
        let similarity = self.result.similarity;
        let similarity =
            similarity.map(|cosine| format!(", cosine with the photograph {cosine:.2}"));
        format!(
            "{}  {}x{} pixels, seed {seed}, {} steps in {:.1} s, loss {:.4}{}\n",
            self.file.display(),
            self.size.0,
            self.size.1,
            self.result.steps,
            seconds(self.result.elapsed_us),
            self.result.loss.unwrap_or_default().total,
            similarity.unwrap_or_default(),
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
