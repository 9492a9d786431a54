//! An evaluation on drawn faces, interrupted and resumed.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use deepface_dataset::Split;
use deepface_evaluate::{
    EvaluateError, Figure, Moved, Mover, Painting, Progress, Settings, StoreError, Watch, evaluate,
    method,
};
use deepface_tests::{DrawnDataSet, shared};
use tokio::sync::Notify;

const TRAINING: usize = 40;
const HELD_OUT: usize = 8;

/// One photograph per person. One of the test people cannot be requested.
const DATA: DrawnDataSet = DrawnDataSet {
    people: [TRAINING, 0, HELD_OUT],
    photographs: 1,
    contradiction: true,
};

fn settings(folder: &Path, methods: &[&str]) -> Settings {
    Settings {
        data: folder.join("data"),
        split: Split::Test,
        sets: 2,
        seeds: 1,
        variety_seeds: 2,
        changes: deepface_client::v1::GenerationSettings::default(),
        methods: methods.iter().map(|name| method(name).unwrap()).collect(),
        with_negatives: true,
        probes: false,
        edits: 0,
        seed: 0,
        labels: None,
        crop: None,
        skip_unreadable: false,
        output: folder.join("run"),
    }
}

/// Gives every face back as it is.
struct Unmoved;

impl Mover for Unmoved {
    fn paint<'a>(&'a self, moved: Moved<'a>) -> Painting<'a> {
        assert!(!moved.by.is_empty());
        Box::pin(async { Ok(moved.face.clone()) })
    }
}

fn faces(folder: &Path) -> HashMap<PathBuf, (SystemTime, Vec<u8>)> {
    let methods = fs::read_dir(folder.join("run/faces")).unwrap();
    let files = methods.flat_map(|method| fs::read_dir(method.unwrap().path()).unwrap());
    let face = |file: fs::DirEntry| {
        let changed = file.metadata().unwrap().modified().unwrap();
        (file.path(), (changed, fs::read(file.path()).unwrap()))
    };
    files.map(|file| face(file.unwrap())).collect()
}

#[tokio::test]
async fn an_interrupted_evaluation_resumes() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    DATA.write(&folder.path().join("data"));
    let (generator, classifier) = (shared().generator(), shared().classifier());

    // Stopped as soon as the first face is written.
    let one = Arc::new(Notify::new());
    let watch = Watch::new({
        let one = one.clone();
        move |progress: Progress| {
            if progress.stage == "generating" && progress.done == 1 {
                one.notify_one();
            }
        }
    });
    let first = settings(folder.path(), &["default"]);
    tokio::select! {
        done = evaluate(&generator, &classifier, &first, &[], None, &watch) => panic!("not stopped: {done:?}"),
        () = one.notified() => {}
    }
    let before = faces(folder.path());
    assert!((1..4).contains(&before.len()), "{:?}", before.keys());

    // Resumed, with another method added.
    let seen = Arc::new(Mutex::new(Vec::new()));
    let watch = Watch::new({
        let seen = seen.clone();
        move |progress| seen.lock().unwrap().push(progress)
    });
    let whole = settings(folder.path(), &["default", "invert"]);
    let (report, files) = evaluate(&generator, &classifier, &whole, &[], None, &watch)
        .await
        .unwrap();
    let begun = seen
        .lock()
        .unwrap()
        .iter()
        .find(|p| p.stage == "generating")
        .copied();
    assert_eq!(begun.unwrap().done, before.len());
    let after = faces(folder.path());
    assert_eq!(after.len(), 2 * 2 * 2);
    assert!(
        before.iter().all(|(path, face)| after[path] == *face),
        "made once"
    );

    let rows: Vec<_> = report.rows.iter().map(|row| row.name.as_str()).collect();
    let controls = [
        "photographs",
        "other-photograph",
        "nearest-labels",
        "mean-face",
        "no-network",
        "no-network-k1",
    ];
    let ruler = ["blur-0.5", "blur-1", "blur-1.5", "blur-2", "blur-3"];
    assert_eq!(
        rows,
        [&controls[..], &ruler, &["default", "invert"]].concat()
    );
    let row = |name: &str| report.rows.iter().find(|row| row.name == name).unwrap();
    let photographs = row("photographs");
    for verdict in [
        &photographs.judge,
        &photographs.second_judge,
        &photographs.identity,
        &photographs.classifier,
    ] {
        let value = |figure| verdict.figures.value(figure).unwrap();
        assert_eq!(
            (value(Figure::Rank), value(Figure::MeanFaceDistance)),
            (1.0, 1.0)
        );
        assert!((value(Figure::Similarity) - 1.0).abs() < 1e-5);
    }
    assert_eq!(
        photographs.identity.figures.value(Figure::TrainingDistance),
        Some(1.0)
    );
    // Everybody has one photograph here.
    assert_eq!(
        (row("other-photograph").faces, report.verification[0].pairs),
        (0, 0)
    );
    // The mean face is the same for every request, so nothing tells them apart.
    let mean_face = &row("mean-face").judge.figures;
    assert_eq!(mean_face.value(Figure::Auc), Some(0.5));
    assert!(mean_face.value(Figure::MeanFaceDistance).unwrap() < 1e-6);
    let default = row("default");
    let kid = default.second_judge.figures.0[&Figure::Kid];
    assert!(kid.difference.is_none() && default.losses.len() > 1);
    assert!(
        row("invert").judge.figures.0[&Figure::Kid]
            .difference
            .is_some()
    );
    assert!(default.losses.first() > default.losses.last());
    assert!(default.judge.variety.unwrap().distance > 0.0);
    assert_eq!((default.faces, report.references), (2, HELD_OUT - 2));

    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(&files.report).unwrap()).unwrap();
    assert_eq!(json["rows"][11]["name"], "default");
    assert!(json["rows"][11]["judge"]["kid"]["value"].is_number());
    assert_eq!(json["sets"].as_array().unwrap().len(), 2);
    let page = fs::read_to_string(&files.page).unwrap();
    assert!(page.contains("<svg") && page.contains("data:image/png;base64,"));
    let sheet = image::open(files.sheet.unwrap()).unwrap();
    assert_eq!(sheet.height(), 13 * 66 + 2);

    assert!(report.probes.is_none());

    // Running again remakes nothing and reports the same; results of different settings do not mix.
    let (again, _) = evaluate(&generator, &classifier, &whole, &[], None, &watch)
        .await
        .unwrap();
    let text = |report| serde_json::to_string(report).unwrap();
    assert!(text(&again) == text(&report), "a report is repeatable");
    assert_eq!(faces(folder.path()), after);
    let probed = Settings {
        probes: true,
        variety_seeds: 1,
        methods: vec![method("default").unwrap()],
        ..whole.clone()
    };
    let (report, _) = evaluate(&generator, &classifier, &probed, &[], None, &watch)
        .await
        .unwrap();
    let probes = report.probes.as_ref().unwrap();
    assert_eq!(probes.flips.len(), 8);
    let farther = probes.flips.iter().filter(|flip| flip.ratio() > 1.0);
    assert!(farther.count() >= 7, "{:?}", probes.flips);
    let said = report.to_string();
    assert!(said.contains("flipped Smiling: its log-odds"), "{said}");

    // Only changed photographs, whose direction is made up. They need no methods, and no controls.
    let edited = Settings {
        edits: 2,
        methods: Vec::new(),
        ..whole.clone()
    };
    let unmoved: &dyn Mover = &Unmoved;
    let (report, files) = evaluate(&generator, &classifier, &edited, &[], Some(unmoved), &watch)
        .await
        .unwrap();
    let edits = report.edits.as_ref().unwrap();
    let row = |name: &str| edits.rows.iter().find(|row| row.name == name).unwrap();
    let same = |name| row(name).identity.figures.value(Figure::Similarity);
    // Resampling costs little; what the mover gives back is the photograph itself.
    assert!(same("photograph") > same("stranger"));
    assert!(same("dfi-4").unwrap() > 1.0 - 1e-6);
    let edit = &row("edit").judge.figures.0;
    assert!(edit[&Figure::Wished].difference.is_none() && edit[&Figure::Drift].value > 0.0);
    assert!(report.rows.is_empty() && files.sheet.is_none() && files.edits.is_some());
    assert!(report.to_string().contains("Changed photographs: "));

    let other = Settings { sets: 3, ..whole };
    let refused = evaluate(&generator, &classifier, &other, &[], None, &watch)
        .await
        .unwrap_err();
    let said = refused.to_string();
    assert!(
        matches!(refused, EvaluateError::Store(StoreError::OtherRun { .. })),
        "{said}"
    );
    assert!(said.contains("sets: expected 3, got 2"), "{said}");
    let crowd = Settings { sets: 8, ..other };
    let said = evaluate(&generator, &classifier, &crowd, &[], None, &watch)
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(
        said,
        "expected at least 8 people in the test split whose labels do not contradict each other, one per attribute set; \
         got 7 of 8; use --sets 7 or fewer, or more photographs"
    );
}
