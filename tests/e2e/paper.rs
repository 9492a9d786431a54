//! The paper's tables and figures on drawn faces, as small as they can be, interrupted and resumed.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use classifier_svc::source::ModelSource;
use deepface_evaluate::{Progress, Watch};
use deepface_paper::{Paper, PaperError, Settings, reproduce};
use deepface_tests::{DrawnDataSet, shared};
use generator_svc::source::StatisticsSource;
use tokio::sync::Notify;

const DATA: DrawnDataSet = DrawnDataSet {
    people: [24, 4, 6],
    photographs: 2,
    contradiction: false,
};
/// What the experiments leave, in the order of the run; those of single trainings besides.
const PARTS: [&str; 12] = [
    "samples",
    "frequencies",
    "normality",
    "mixture",
    "discussion",
    "inversions",
    "visualizations",
    "likenesses",
    "transfer",
    "separability",
    "autoencoder",
    "methods",
];

fn settings(folder: &Path) -> Settings {
    Settings {
        data: folder.join("data"),
        labels: None,
        crop: None,
        model: ModelSource::Embedded,
        statistics: StatisticsSource::Embedded,
        initial: None,
        quick: true,
        seed: 0,
        skip_unreadable: false,
        threads: 2,
        output: folder.join("report"),
    }
}

fn parts(folder: &Path) -> HashMap<PathBuf, SystemTime> {
    let files = fs::read_dir(folder.join("report/parts")).unwrap();
    let part = |file: std::io::Result<fs::DirEntry>| {
        let file = file.unwrap();
        (file.path(), file.metadata().unwrap().modified().unwrap())
    };
    files.map(part).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_experiment_runs_and_an_interrupted_report_resumes() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    DATA.write(&folder.path().join("data"));
    let (generator, classifier) = (shared().generator(), shared().classifier());
    let settings = settings(folder.path());

    // Stopped among the portraits.
    let sitting = Arc::new(Notify::new());
    let watch = Watch::new({
        let sitting = sitting.clone();
        move |progress: Progress| {
            if progress.stage == "portraits" {
                sitting.notify_one();
            }
        }
    });
    tokio::select! {
        done = reproduce(&generator, &classifier, &settings, &watch) => panic!("not stopped: {:?}", done.err()),
        () = sitting.notified() => {}
    }
    let before = parts(folder.path());
    assert_eq!(before.len(), 7, "{:?}", before.keys());

    let watch = Watch::new(|_| ());
    let (paper, files) = reproduce(&generator, &classifier, &settings, &watch)
        .await
        .unwrap();
    let after = parts(folder.path());
    assert!(
        before.iter().all(|(part, time)| after[part] == *time),
        "made once"
    );
    for part in PARTS {
        let file = folder.path().join(format!("report/parts/{part}.json"));
        assert!(file.is_file(), "{part}");
    }
    check(&paper);

    let json: Paper = serde_json::from_slice(&fs::read(&files.report).unwrap()).unwrap();
    assert_eq!(json.mixture, paper.mixture);
    let page = fs::read_to_string(&files.page).unwrap();
    for part in [
        "This is a quick run",
        "Figure 2",
        "Figure 3",
        "Figure 4",
        "Figure 5",
        "Figure 6",
        "Figure 7",
        "Table 1",
        "Table 2 and figure 8",
        "Section 7",
        "Section 8",
        "vae-inversion",
        "<svg",
        "data:image/png;base64,",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http-equiv=\"refresh\"") && !page.contains("src=\"/"));

    let other = Settings {
        seed: 1,
        ..settings
    };
    let refused = reproduce(&generator, &classifier, &other, &watch).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, PaperError::OtherRun { .. }), "{refused}");
    assert!(
        refused.to_string().contains("seed: expected 1, got 0"),
        "{refused}"
    );
}

/// What does not depend on how little was trained.
fn check(paper: &Paper) {
    assert_eq!(paper.frequencies.photographs, 48);
    assert_eq!(paper.frequencies.people, 24);
    assert_eq!(paper.frequencies.attributes.len(), 73);
    assert_eq!(paper.normality.layers.len(), 4);
    for layer in &paper.mixture.layers {
        let [ones, descended, exact] = layer.losses;
        assert!(
            exact <= descended && descended <= ones,
            "{:?}",
            layer.losses
        );
        assert_eq!(layer.explained.len(), 5);
    }
    assert_eq!(paper.inversions.kinds.len(), 16);
    assert_eq!(paper.likenesses.people.len(), 2);
    assert_eq!(paper.visualizations.kinds.len(), 3);
    let groups = [
        "sweep", "frozen", "paper", "decay", "softmax", "sigmoid", "limit",
    ];
    for group in groups {
        assert!(
            paper.transfer.runs.iter().any(|run| run.group == group),
            "{group}"
        );
    }
    assert_eq!(paper.separability.networks.len(), 3);
    assert_eq!(paper.discussion.correlations.len(), 73 * 73);
    assert!(
        paper
            .autoencoder
            .curve
            .iter()
            .flatten()
            .flatten()
            .all(|l| l.is_finite())
    );
    let rows = paper.methods["rows"].as_array().unwrap();
    for guest in [
        "vae",
        "vae-inversion",
        "paper-baseline-literal",
        "paper-before-rectifier",
    ] {
        let row = rows.iter().find(|row| row["name"] == guest).unwrap();
        assert_eq!(row["faces"], 2, "{guest}");
    }
}
