//! Environment variables of settings, with a prefix of each service, so that one environment can serve both.

use std::env;

use clap::{Arg, Command};

/// Gives every setting the variable `DEEPFACE_SERVICE_SETTING`. The variable that the setting has by itself, without
/// the name of the service, still counts where that one is not set.
pub(super) fn prefixed(serve: Command, service: &str) -> Command {
    serve.mut_args(|arg| {
        let own = format!("DEEPFACE_{service}_{}", arg.get_id()).to_uppercase();
        match set_without_prefix(&arg) && env::var_os(&own).is_none() {
            true => arg,
            false => arg.env(own),
        }
    })
}

fn set_without_prefix(arg: &Arg) -> bool {
    arg.get_env()
        .is_some_and(|name| env::var_os(name).is_some())
}
