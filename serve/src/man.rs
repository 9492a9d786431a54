//! Manual pages of a program, made from its grammar.

use std::io::{self, Write};
use std::path::PathBuf;

use clap_mangen::Man;

/// Arguments of the command that writes manual pages.
#[derive(Clone, Debug, clap::Args)]
pub struct ManArgs {
    /// Folder of the pages, which is made if it does not exist. Default: standard output.
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Why there are no manual pages.
#[derive(Debug, thiserror::Error)]
pub enum ManError {
    /// The folder cannot be made or written to.
    #[error("cannot write manual pages to {}", dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Standard output cannot be written to.
    #[error("cannot write to standard output")]
    Stdout(#[source] io::Error),
}

impl ManArgs {
    /// Writes the pages of a program.
    ///
    /// # Errors
    /// The folder or standard output cannot be written to. A reader that has closed standard output is not an error.
    pub fn write(&self, program: clap::Command) -> Result<(), ManError> {
        let program = program.disable_help_subcommand(true);
        let Some(dir) = &self.dir else {
            return to_stdout(program);
        };
        let written =
            std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(program, dir));
        written.map_err(|source| ManError::Folder {
            dir: dir.clone(),
            source,
        })
    }
}

fn to_stdout(program: clap::Command) -> Result<(), ManError> {
    let mut page = Vec::new();
    Man::new(program)
        .render(&mut page)
        .map_err(ManError::Stdout)?;
    let mut out = io::stdout().lock();
    match out.write_all(&page).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(ManError::Stdout(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_gets_a_page() {
        let dir = std::env::temp_dir().join(format!("deepface-man-{}", std::process::id()));
        let program = clap::Command::new("prog")
            .about("Does it all.")
            .subcommand(clap::Command::new("part").about("Does a part."));
        let args = ManArgs {
            dir: Some(dir.join("man1")),
        };
        args.write(program).unwrap();
        let page = std::fs::read_to_string(dir.join("man1/prog-part.1")).unwrap();
        assert!(page.contains("Does a part"), "{page}");
        assert!(dir.join("man1/prog.1").exists());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
