//! Each target on its corpus, and a few thousand times on what is made from it; the same inputs in every run.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs;
use std::panic::catch_unwind;

use gtm_fuzz::mutate::mutated;
use gtm_fuzz::{config, corpus, mmdb, parity, query, zone};
use gtm_tests::{Random, privilege};

#[track_caller]
fn check(target: &str, run: fn(&[u8]) -> bool, times: usize) {
    let mut files: Vec<_> =
        fs::read_dir(corpus(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let inputs: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let mut good = 0;
    for (file, input) in files.iter().zip(&inputs) {
        let ran = catch_unwind(|| run(input));
        assert!(ran.is_ok(), "{}", file.display());
        good += usize::from(ran.unwrap());
    }
    assert!(good > 0, "nothing in the corpus of {target} is good");

    let (mut random, mut good) = (Random::new(1), 0);
    for time in 0..times {
        let input = mutated(&inputs, &mut random);
        let shown = || String::from_utf8_lossy(&input).into_owned();
        let ran = catch_unwind(|| run(&input));
        assert!(ran.is_ok(), "input {time} of {target}, {input:02x?}:\n{}", shown());
        good += usize::from(ran.unwrap());
    }
    assert!(good * 200 > times, "only {good} of {times} inputs of {target} are good");
}

#[test]
fn messages() {
    check("query", query::run, 5000);
}

#[test]
fn zone_files() {
    check("zone", zone::run, 3000);
}

#[test]
fn configurations() {
    check("config", config::run, 2000);
}

#[test]
fn geo_databases() {
    check("mmdb", mmdb::run, 2000);
}

#[test]
fn program_and_server() {
    if privilege::root_or_skip("program_and_server") {
        check("parity", parity::run, 5000);
    }
}
