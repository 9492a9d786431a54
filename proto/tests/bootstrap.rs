//! The checked-in bindings are what the contract makes. After a change of a `.proto` file run
//! `UPDATE_BINDINGS=1 cargo test --release -p deepface-proto --test bootstrap` and commit the result.

use std::{fs, path::Path};

use prost::Message;

const PROTOS: [&str; 4] = [
    "deepface/v1/tensor.proto",
    "deepface/v1/image.proto",
    "deepface/v1/classifier.proto",
    "deepface/v1/generator.proto",
];

#[test]
fn bindings_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fresh = tempfile::tempdir().unwrap();
    let set = protox::compile(PROTOS, [root]).unwrap();
    fs::write(fresh.path().join("descriptor.binpb"), set.encode_to_vec()).unwrap();
    tonic_prost_build::configure()
        .out_dir(fresh.path())
        // tonic-types has these bindings, and the status details that go into them.
        .extern_path(".google.rpc", "::tonic_types::pb")
        .compile_fds(set)
        .unwrap();
    let checked_in = root.join("src/gen");
    for file in ["deepface.v1.rs", "descriptor.binpb"] {
        let made = fs::read(fresh.path().join(file)).unwrap();
        if std::env::var_os("UPDATE_BINDINGS").is_some() {
            fs::write(checked_in.join(file), made).unwrap();
        } else {
            let kept = fs::read(checked_in.join(file)).unwrap_or_default();
            assert!(
                made == kept,
                "src/gen/{file} is stale: see the top of this test"
            );
        }
    }
}
