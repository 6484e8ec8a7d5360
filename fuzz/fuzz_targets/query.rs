//! The target `query` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    gtm_fuzz::query::run(data);
});
