//! The checked-in bindings are what the contract makes. After a change of a `.proto` file run
//! `UPDATE_BINDINGS=1 cargo test --release -p deepface-proto --test bootstrap` and commit the result.

use std::{fs, path::Path};

const PROTOS: [&str; 8] = [
    "inference/grpc_service.proto",
    "deepface/v1/server.proto",
    "deepface/v1/model.proto",
    "deepface/v1/settings.proto",
    "deepface/v1/tensor.proto",
    "deepface/v1/image.proto",
    "deepface/v1/classifier.proto",
    "deepface/v1/generator.proto",
];

#[test]
fn bindings_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fresh = tempfile::tempdir().unwrap();
    let mut compiler = protox::Compiler::new([root]).unwrap();
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(PROTOS).unwrap();
    // With the options of google.api.http, which prost's own types of descriptors would drop.
    let descriptor = compiler.encode_file_descriptor_set();
    let set = compiler.file_descriptor_set();
    fs::write(fresh.path().join("descriptor.binpb"), descriptor).unwrap();
    tonic_prost_build::configure()
        .out_dir(fresh.path())
        // tonic-types has these bindings, and the status details that go into them.
        .extern_path(".google.rpc", "::tonic_types::pb")
        .compile_fds(set)
        .unwrap();
    let checked_in = root.join("src/gen");
    for file in ["deepface.v1.rs", "inference.rs", "descriptor.binpb"] {
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
