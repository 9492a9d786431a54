//! Fuzzes `deepface_tests::statistics`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    deepface_tests::statistics(bytes);
});
