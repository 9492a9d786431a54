//! HTTP/2 connections with limits: how many, how long each step may take, and how each ends.
//!
//! `accept` takes connections from the listener, `registry` counts them and chooses which gives way, `connection` runs
//! one from its handshake to its end, `steady` is its socket with a limit on writes, and `streams` runs its calls.

mod accept;
mod connection;
mod registry;
mod steady;
mod streams;

pub(crate) use accept::Transport;
pub(crate) use connection::Limits;
pub(crate) use streams::{App, Stream};
