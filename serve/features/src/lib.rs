//! Nothing but a list of features, in `Cargo.toml`.
//!
//! Cargo builds a dependency with the features that the selected packages ask for. `generator-svc` alone asks for fewer
//! than the command line does, so building it after the command line would compile some sixty crates again, with fewer
//! features. It depends on this crate, which asks for the rest.
