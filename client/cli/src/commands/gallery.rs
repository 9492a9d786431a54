//! `deepface gallery`: a page of faces, a request and its variations by seed.

use std::path::Path;

use anyhow::Context;
use deepface_client::{GeneratorClient, v1};
use serde::Serialize;

use crate::{
    args::{GalleryArgs, ServiceArgs},
    faces::{self, Job},
    fields::Typed,
    file_names::FileName,
    gallery::{Cell, Page, Plan, Row, default_sweep, mean},
    names,
    output::{self, Output},
    pair::Pair,
    printer, requests,
    usage::Usage,
    wishes::{Asked, Catalogue, check, say_all, sums_what_is_present},
};

pub(crate) async fn run(services: &ServiceArgs, args: &GalleryArgs) -> anyhow::Result<()> {
    let seeds = seeds(args)?;
    let settings = requests::generation(&args.target, &args.inversion);
    let wanted = |attributes, absent| requests::requested(attributes, absent);
    let base = wanted(&args.present, false).chain(wanted(&args.absent, true));
    let (base, sweep): (Vec<_>, Vec<_>) = (base.collect(), wanted(&args.sweep, false).collect());
    let ends = (args.seed, args.seed + (args.seeds - 1));
    let name = || names::gallery([&base, &sweep], &args.keep, &settings, ends);
    let output = Output::or_named(args.output.as_ref(), name, output::PAGE, args.force)?;
    let pair = Pair::with_generator(services).await?;
    let client = pair.generator()?;
    let plan = plan(&client, args, &settings).await?;
    let jobs = jobs(&plan, &seeds, args, &settings);
    let faces = faces::generate_all(&client, jobs, "faces", Cell::of).await?;
    pair.stop().await;
    let cells: Vec<_> = faces.chunks(seeds.len()).map(<[Cell]>::to_vec).collect();
    let page = Page {
        plan: &plan,
        seeds: &seeds,
        cells: &cells,
        command: &command_line(std::env::args_os().skip(1)),
    };
    let html = page.html();
    let bytes = html.len();
    let file = output.write(html.into_bytes()).await?;
    let summary = match args.json {
        true => printer::json_line(&report(&file, &page))?,
        false => headline(&file, &page, bytes) + &table(&page),
    };
    output::summarise(&[Some(&output)], &summary)
}

fn seeds(args: &GalleryArgs) -> Result<Vec<u64>, Usage> {
    let last = args.seed.checked_add(args.seeds - 1);
    let last = last.ok_or_else(|| {
        let message = format!(
            "--seeds: expected at most {} from --seed {} on, got {}",
            u64::MAX - args.seed + 1,
            args.seed,
            args.seeds
        );
        Usage(message)
    })?;
    Ok((args.seed..=last).collect())
}

/// Plans the rows. Each is checked before the first face begins.
async fn plan(
    client: &GeneratorClient,
    args: &GalleryArgs,
    settings: &v1::GenerationSettings,
) -> anyhow::Result<Plan> {
    let catalogue = Catalogue::of(client).await?;
    let present = requests::requested(&args.present, false);
    let mut base = catalogue.name(present, Asked::Present)?;
    base.extend(catalogue.name(requests::requested(&args.absent, true), Asked::Absent)?);
    let sweep = if args.sweep.is_empty() {
        default_sweep(&catalogue, &base)
    } else {
        catalogue.name(requests::requested(&args.sweep, false), Asked::Sweep)?
    };
    let keep = catalogue.keep(&args.keep)?;
    let plan = Plan::new(base, &sweep, &keep, !sums_what_is_present(settings));
    for row in &plan.rows {
        let checked = check(client, &row.wishes, &row.keep, settings).await;
        let typed = Typed::wishes(&row.wishes);
        let checked = checked.map_err(|error| typed.explain(error.into()));
        checked.with_context(|| format!("row \"{}\" ({})", row.label(), say_all(&row.wishes)))?;
    }
    Ok(plan)
}

fn jobs(
    plan: &Plan,
    seeds: &[u64],
    args: &GalleryArgs,
    settings: &v1::GenerationSettings,
) -> Vec<Job> {
    let job = |row: &Row, seed| Job {
        name: format!("row \"{}\", seed {seed}", row.label()),
        request: v1::GenerateRequest {
            attributes: row.wishes.clone(),
            settings: Some(settings.clone()),
            keep: row.keep.clone(),
            seed,
            stream: Some(v1::StreamSettings {
                every: Some(args.every),
                format: v1::ImageFormat::Png.into(),
                ..Default::default()
            }),
            ..Default::default()
        },
    };
    let row = |row| seeds.iter().map(move |&seed| job(row, seed));
    plan.rows.iter().flat_map(row).collect()
}

/// The command line, quoted so that it can be typed again.
fn command_line(arguments: impl Iterator<Item = std::ffi::OsString>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
    let quoted = |argument: std::ffi::OsString| {
        let argument = argument.to_string_lossy();
        if !argument.is_empty() && argument.chars().all(plain) {
            argument.into_owned()
        } else {
            format!("'{}'", argument.replace('\'', r"'\''"))
        }
    };
    let words = std::iter::once("deepface".to_owned()).chain(arguments.map(quoted));
    words.collect::<Vec<_>>().join(" ")
}

fn headline(file: &Path, page: &Page<'_>, bytes: usize) -> String {
    let (rows, seeds) = (page.plan.rows.len(), page.seeds.len());
    format!(
        "{}  {} faces: {rows} {} of {seeds} {}, {:.1} MB\n",
        file.display(),
        rows * seeds,
        plural(rows, "row"),
        plural(seeds, "seed"),
        bytes as f64 / 1e6,
    )
}

fn plural(n: usize, thing: &str) -> String {
    if n == 1 {
        thing.to_owned()
    } else {
        format!("{thing}s")
    }
}

/// The average probability of each attribute that was varied.
fn table(page: &Page<'_>) -> String {
    let mut table = String::new();
    for (row, cells) in page.plan.rows.iter().zip(page.cells) {
        if let Some(varied) = &row.varied {
            let probability = mean(cells, &varied.name);
            table += &printer::score_line(&row.label(), probability, "");
        }
    }
    if table.is_empty() {
        return table;
    }
    format!("\naverage probability\n{table}")
}

/// The page as one line of JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    file: FileName<'a>,
    rows: Vec<RowLine<'a>>,
}

#[derive(Debug, Serialize)]
struct RowLine<'a> {
    label: String,
    faces: Vec<FaceLine<'a>>,
}

#[derive(Debug, Serialize)]
struct FaceLine<'a> {
    seed: u64,
    loss: f64,
    asked: Vec<Judged<'a>>,
}

/// A requested attribute, and what the classifier sees.
#[derive(Debug, Serialize)]
struct Judged<'a> {
    name: &'a str,
    requested: bool,
    probability: f32,
    present: bool,
}

fn report<'a>(file: &'a Path, page: &Page<'a>) -> Report<'a> {
    let judged = |attribute: &'a v1::ResultAttribute| Judged {
        name: &attribute.name,
        requested: attribute.requested.unwrap_or_default(),
        probability: attribute.probability,
        present: attribute.present,
    };
    let face = |(&seed, cell): (&u64, &'a Cell)| FaceLine {
        seed,
        loss: cell.loss,
        asked: cell.asked().map(judged).collect(),
    };
    let row = |(row, cells): (&Row, &'a Vec<Cell>)| RowLine {
        label: row.label(),
        faces: page.seeds.iter().zip(cells).map(face).collect(),
    };
    Report {
        file: FileName(file),
        rows: page.plan.rows.iter().zip(page.cells).map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_typed_again() {
        let words = [
            "gallery",
            "5 o' Clock Shadow",
            "",
            "Smiling=2",
            "--output",
            "a.html",
        ];
        assert_eq!(
            command_line(words.into_iter().map(Into::into)),
            r"deepface gallery '5 o'\'' Clock Shadow' '' Smiling=2 --output a.html"
        );
    }
}
