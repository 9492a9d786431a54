//! classifier-svc
fn main() {}
