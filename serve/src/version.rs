//! Which program this is.

use deepface_proto::v1;

/// The commit that the build named in the variable DEEPFACE_COMMIT.
const COMMIT: &str = match option_env!("DEEPFACE_COMMIT") {
    Some(commit) => commit,
    None => "",
};
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version and the commit of this program, as services report them.
pub fn this_server() -> v1::Server {
    v1::Server {
        version: VERSION.to_owned(),
        commit: COMMIT.to_owned(),
    }
}

/// The version and the commit of this program, as `--version` prints them.
pub fn this_version() -> String {
    match COMMIT {
        "" => VERSION.to_owned(),
        commit => format!("{VERSION} ({commit})"),
    }
}
