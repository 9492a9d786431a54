//! `deepface evaluate`: the quality of the faces of every method.

use std::{collections::HashSet, fs};

use anyhow::Context;
use deepface_client::{ClassifierClient, GeneratorClient};
use deepface_evaluate::{Files, Mover, Settings, Split, method};
use deepface_files::check_folder;

use crate::{
    args::{EvaluateArgs, ServiceArgs},
    moved::Movement,
    pair::Pair,
    printer,
    requests::generation,
    stages::Stages,
    usage::Usage,
};

pub(crate) async fn run(services: &ServiceArgs, args: &EvaluateArgs) -> anyhow::Result<()> {
    if args.output.as_os_str() == "-" {
        let message = "--output: expected a folder, got - (standard output)";
        return Err(Usage(message.to_owned()).into());
    }
    // Now, not after the services have started.
    let new = !args.output.exists();
    check_folder(&args.output).context("--output")?;
    let settings = settings(args);
    let pair = Pair::with_both(services).await?;
    let stages = Stages::new();
    let (generator, classifier) = (pair.generator()?, pair.classifier()?);
    let mover = mover(&generator, &classifier, &settings).await?;
    let watch = stages.watch();
    let evaluated = deepface_evaluate::evaluate(
        &generator,
        &classifier,
        &settings,
        &[],
        mover.as_ref().map(|mover| mover as &dyn Mover),
        &watch,
    );
    let evaluated = evaluated.await;
    drop(stages);
    if new && evaluated.is_err() {
        // Only where nothing was written: a folder that is not empty stays.
        fs::remove_dir(&args.output).ok();
    }
    let (report, files) = evaluated?;
    pair.stop().await;
    if args.json {
        return printer::print_json(&report);
    }
    printer::print(&format!("{report}\n{}", written(&files)))
}

/// What moves activations, where photographs are changed with the statistics that are built in.
async fn mover(
    generator: &GeneratorClient,
    classifier: &ClassifierClient,
    settings: &Settings,
) -> anyhow::Result<Option<Movement>> {
    if settings.edits == 0 {
        return Ok(None);
    }
    let list = generator.list_attributes().await?;
    let load = move |classifier| Movement::like(classifier, &list.digest);
    let classifier = classifier.clone();
    tokio::task::spawn_blocking(move || load(classifier)).await?
}

fn settings(args: &EvaluateArgs) -> Settings {
    let mut seen = HashSet::new();
    let named = args.methods.iter().filter_map(|name| method(name));
    Settings {
        data: args.data.clone(),
        labels: args.labels.clone(),
        crop: args.crop,
        split: match args.split.as_str() {
            "validation" => Split::Validation,
            _ => Split::Test,
        },
        sets: args.sets as usize,
        seeds: args.seeds,
        variety_seeds: args.variety_seeds,
        changes: generation(&args.target, &args.inversion),
        // A method that is named twice is run once.
        methods: named.filter(|method| seen.insert(method.name)).collect(),
        with_negatives: args.with_negatives,
        probes: !args.no_probes,
        edits: args.edits as usize,
        seed: args.seed,
        skip_unreadable: args.skip_unreadable,
        output: args.output.clone(),
    }
}

fn written(files: &Files) -> String {
    let pictures = [&files.sheet, &files.variety, &files.edits];
    let all = [&files.page, &files.report].into_iter();
    let all = all.chain(pictures.into_iter().flatten());
    all.map(|file| format!("{}\n", file.display())).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use deepface_evaluate::METHODS;

    use super::*;
    use crate::args::{Cli, Command, Work};

    fn parsed(line: &str) -> Command {
        let words = line.split_whitespace();
        Cli::try_parse_from(words).unwrap().command
    }

    #[test]
    fn all_methods_run_unless_some_are_named() {
        let Command::Work(Work::Evaluate(args)) = parsed("deepface evaluate --data LFW") else {
            panic!("expected evaluate");
        };
        let all = settings(&args);
        assert_eq!(all.methods.len(), METHODS.len());
        assert_eq!((all.sets, all.seeds, all.variety_seeds), (128, 3, 16));
        assert_eq!(all.edits, 64);
        let line = "deepface evaluate --data LFW --methods paper,default,paper";
        let Command::Work(Work::Evaluate(args)) = parsed(line) else {
            panic!("expected evaluate");
        };
        let names: Vec<_> = settings(&args).methods.iter().map(|m| m.name).collect();
        assert_eq!(names, ["paper", "default"]);
        let line = "deepface evaluate --data LFW --methods none";
        let Command::Work(Work::Evaluate(args)) = parsed(line) else {
            panic!("expected evaluate");
        };
        assert!(settings(&args).methods.is_empty());
    }
}
