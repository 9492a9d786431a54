//! Fuzzes `deepface_tests::import`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    deepface_tests::import(bytes);
});
