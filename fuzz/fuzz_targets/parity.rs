//! The target `parity` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    gtm_fuzz::parity::run(data);
});
