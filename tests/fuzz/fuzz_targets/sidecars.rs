#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gencomm::fuzzing::sidecars(data));
