//! Where a training run writes to, checked before hours of work.

use anyhow::{Context, ensure};
use deepface_files::{Destination, Existing, make_folder_of};

use super::TrainArgs;

/// Where the weights go, checked before the work; makes its folder.
pub(super) fn check(args: &TrainArgs) -> anyhow::Result<Destination> {
    make_folder_of(&args.output).context("--output")?;
    let existing = Existing::unless_forced(args.force);
    let output =
        Destination::check(&args.output, &["safetensors"], existing).context("--output")?;
    if !output.is_file() {
        ensure!(
            args.freeze_below.is_none() || args.views == 0,
            "--output: expected a file, beside which --freeze-below keeps activations, got {}; or set --views 0",
            args.output.display()
        );
        deepface_files::note!(
            "--output is not a file: the run writes no checkpoint, curve and metrics, and cannot be resumed"
        );
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::train::{args::tests::args, run};

    #[test]
    fn the_place_is_checked_before_the_data_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a.safetensors"), "precious").unwrap();
        let refused = |name: &str, more: &[&str]| {
            let mut args = args(more);
            args.output = path(name);
            format!("{:#}", run(&args).unwrap_err())
        };
        let exists = refused("a.safetensors", &[]);
        assert!(exists.starts_with("--output: cannot write "), "{exists}");
        assert!(exists.ends_with("it exists already; --force replaces it"));
        let ending = refused("a.pth", &[]);
        assert!(ending.contains("ends in .safetensors, got "), "{ending}");
        let below = refused("a.safetensors/b.safetensors", &[]);
        assert!(below.starts_with("--output: cannot write "), "{below}");
        // The next refusal is that of the data.
        let forced = refused("a.safetensors", &["--force"]);
        assert!(forced.contains("no/such/folder"), "{forced}");
        assert!(refused("new/b.safetensors", &[]).contains("no/such/folder"));
        assert_eq!(fs::read(path("a.safetensors")).unwrap(), b"precious");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn frozen_stages_need_a_file_to_keep_activations_beside() {
        let refused = |more: &[&str]| {
            let mut args = args(more);
            args.output = "/dev/full".into();
            format!("{:#}", run(&args).unwrap_err())
        };
        let frozen = ["--init", "no/such/model", "--freeze-below", "fc6"];
        let said = refused(&frozen);
        assert!(
            said.starts_with("--output: expected a file, beside which"),
            "{said}"
        );
        assert!(!refused(&[&frozen[..], &["--views", "0"]].concat()).contains("--output"));
    }
}
