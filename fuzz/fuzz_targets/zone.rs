//! The target `zone` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    gtm_fuzz::zone::run(data);
});
