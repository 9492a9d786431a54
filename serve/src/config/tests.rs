//! Flags, files and defaults in their order. The environment is tested with the services' processes.

use super::*;

#[derive(Debug, Parser)]
struct Program {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, clap::Subcommand)]
enum Sub {
    Serve(Settings),
}

#[derive(Debug, clap::Args)]
struct Settings {
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    queue: u16,
    #[arg(long)]
    insecure: bool,
    #[arg(long)]
    classifier: Vec<String>,
    #[arg(long)]
    token: Option<String>,
}

fn parsed(file: &str, flags: &[&str]) -> Result<Parsed<Program>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deepface.toml");
    std::fs::write(&path, file).unwrap();
    let words = ["program", "serve", "--config", path.to_str().unwrap()];
    let words = words.iter().chain(flags).map(OsString::from).collect();
    let parsed = parse_from("generator", words);
    parsed.map_err(|e| e.to_string().replace(&*path.to_string_lossy(), "FILE"))
}

fn settings_of(file: &str, flags: &[&str]) -> Settings {
    match parsed(file, flags).unwrap() {
        Parsed::Run(Program {
            command: Sub::Serve(settings),
        }) => settings,
        Parsed::Print(text) => panic!("{text}"),
    }
}

fn refusal(file: &str) -> String {
    parsed(file, &[]).err().unwrap()
}

#[test]
fn a_flag_counts_before_the_file_and_that_before_the_default() {
    let file = "[generator]\nqueue = 7\ninsecure = true\nclassifier = [\"http://a:1\", \"http://b:1\"]\n\
                [classifier]\nqueue = 9\nunknown_here = 1\n";
    let settings = settings_of(file, &[]);
    assert_eq!((settings.queue, settings.insecure), (7, true));
    assert_eq!(settings.classifier, ["http://a:1", "http://b:1"]);
    let settings = settings_of(file, &["--queue", "3", "--classifier", "http://c:1"]);
    assert_eq!(settings.queue, 3);
    assert_eq!(settings.classifier, ["http://c:1"]);
    assert_eq!(settings_of("", &[]).queue, 256);
}

#[test]
fn what_the_file_should_not_have_is_refused_by_name() {
    for (file, expected) in [
        (
            "[generator]\nqeue = 7",
            "FILE: unknown setting \"qeue\"; did you mean queue?",
        ),
        (
            "[generatr]\nqueue = 7",
            "FILE: unknown table \"generatr\"; did you mean generator?",
        ),
        (
            "queue = 7",
            "FILE: unknown table \"queue\"; settings belong in [classifier] or [generator]",
        ),
        (
            "[generator]\nqueue = 0",
            "FILE: invalid value '0' for '--queue <QUEUE>'",
        ),
        (
            "[generator]\nqueue = 1979-05-27",
            "FILE: \"queue\": expected a string, a number",
        ),
        ("[generator]\nqueue = ", "FILE: TOML parse error at line 2"),
    ] {
        let said = refusal(file);
        assert!(said.contains(expected), "{file}: {said}");
    }
    let missing = vec!["program".into(), "serve".into(), "--config=no/such".into()];
    let said = parse_from::<Program>("generator", missing).err().unwrap();
    assert!(said.to_string().contains("no/such: No such file"), "{said}");
}

#[test]
fn printed_settings_can_be_read_again_and_hold_no_secrets() {
    let file = "[generator]\nqueue = 7\ntoken = \"s3cret\"\n";
    let flags = ["--classifier", "http://me:s3cret@a:1/x", "--print-config"];
    let Parsed::Print(text) = parsed(file, &flags).unwrap() else {
        panic!("expected the settings");
    };
    assert!(!text.contains("s3cret"), "{text}");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "[generator]");
    assert!(lines[1].starts_with("queue = 7 # /"), "{text}");
    assert_eq!(lines[2], "insecure = false # default");
    assert_eq!(lines[3], "classifier = \"http://***@a:1/x\" # flag");
    assert_eq!(settings_of(&text, &[]).queue, 7);
}
