//! Fuzzes `deepface_tests::tensor`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    deepface_tests::tensor(bytes);
});
