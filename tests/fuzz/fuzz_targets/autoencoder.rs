//! Fuzzes `deepface_tests::autoencoder`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    deepface_tests::autoencoder(bytes);
});
