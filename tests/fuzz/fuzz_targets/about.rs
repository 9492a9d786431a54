//! Fuzzes `deepface_tests::about`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    deepface_tests::about(bytes);
});
