//! `deepface paper`: the tables and figures of the paper.

use std::thread::available_parallelism;

use anyhow::Context;
use classifier_svc::source::ModelSource;
use deepface_files::check_folder;
use deepface_paper::{Settings, reproduce};
use generator_svc::source::StatisticsSource;

use crate::{
    args::{PaperArgs, ServiceArgs},
    pair::Pair,
    printer,
    stages::Stages,
    usage::Usage,
};

pub(crate) async fn run(services: &ServiceArgs, args: &PaperArgs) -> anyhow::Result<()> {
    if args.output.as_os_str() == "-" {
        let message = "--output: expected a folder, got - (standard output)";
        return Err(Usage(message.to_owned()).into());
    }
    // Now, not after the services have started.
    check_folder(&args.output).context("--output")?;
    let settings = settings(args);
    let pair = Pair::with_both(services).await?;
    let stages = Stages::new();
    let (generator, classifier) = (pair.generator()?, pair.classifier()?);
    let done = reproduce(&generator, &classifier, &settings, &stages.watch()).await;
    drop(stages);
    let (paper, files) = done?;
    pair.stop().await;
    if args.json {
        return printer::print_json(&paper);
    }
    printer::print(&format!(
        "{}\n{}\n",
        files.page.display(),
        files.report.display()
    ))
}

fn settings(args: &PaperArgs) -> Settings {
    Settings {
        data: args.data.clone(),
        labels: args.labels.clone(),
        crop: args.crop,
        model: ModelSource::Embedded,
        statistics: StatisticsSource::Embedded,
        initial: args.init.clone(),
        quick: args.quick,
        seed: args.seed,
        skip_unreadable: args.skip_unreadable,
        threads: available_parallelism().map_or(1, usize::from),
        output: args.output.clone(),
    }
}
