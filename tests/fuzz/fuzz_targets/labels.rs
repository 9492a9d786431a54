//! Fuzzes `deepface_tests::labels`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    deepface_tests::labels(bytes);
});
