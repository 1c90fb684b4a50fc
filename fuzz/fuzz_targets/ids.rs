#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(broken) = sesame::fuzzing::ids(bytes) {
        panic!("{broken}");
    }
});
