//! Fuzzes `deepface_tests::image`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    deepface_tests::image(bytes);
});
