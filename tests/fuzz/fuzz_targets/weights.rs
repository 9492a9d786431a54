//! Fuzzes `deepface_tests::weights`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    deepface_tests::weights(bytes);
});
