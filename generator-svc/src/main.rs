//! generator-svc
fn main() {}
