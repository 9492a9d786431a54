//! client/cli
fn main() {}
