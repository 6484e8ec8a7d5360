//! Generations that take each other's place, also while the world changes: nothing of the old ones is left.

use std::collections::BTreeMap;
use std::fs;

use gtm_common::counters::Outcome;
use gtm_tests::{Gtm, Query, eventually};

use crate::stage::{SERVER_V4, Stage, folder};
use crate::{DEADLINE, beside_others, can_run};

/// How often one generation takes the place of another.
const REPLACEMENTS: usize = 50;

/// What the daemon holds of the kernel's: maps, programs and attachments, and mapped maps, each by its kind.
fn held(gtm: &Gtm) -> BTreeMap<String, usize> {
    let process = format!("/proc/{}", gtm.id());
    let mut held = BTreeMap::new();
    for file in fs::read_dir(format!("{process}/fd")).unwrap() {
        // One that was closed meanwhile is not held.
        let Ok(target) = fs::read_link(file.unwrap().path()) else { continue };
        let target = target.to_string_lossy().into_owned();
        if target.contains("bpf") {
            *held.entry(target).or_default() += 1;
        }
    }
    let maps = fs::read_to_string(format!("{process}/maps")).unwrap();
    held.insert("mapped".to_owned(), maps.lines().filter(|line| line.contains("bpf-map")).count());
    held
}

#[test]
fn of_fifty_generations_one_is_left() {
    if !can_run("of_fifty_generations_one_is_left", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    let first = held(&gtm);
    assert!(first.values().all(|count| *count > 0) && first.len() == 4, "{first:?}");
    let query: Query = "www.example.com A".parse().unwrap();
    for number in 0..REPLACEMENTS {
        let program = stage.program();
        // Steering changes in turn, and with it the names that exist.
        let verb: &[&str] = match number % 3 {
            0 => &["override", "disable", "www.example.com/A", "--reason", "a test", "--yes"],
            1 => &["override", "enable", "www.example.com/A", "--reason", "a test", "--yes"],
            _ => &["reload"],
        };
        let output = gtm.verb(verb).unwrap();
        assert!(output.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_ne!(stage.program(), program, "{verb:?} is in force with a new program");
        let (answer, counted) =
            stage.counted(|| stage.side().client().send(SERVER_V4, &query.bytes()).unwrap());
        assert_eq!(counted, [(Outcome::Answered, 1)], "{verb:?}: {}", answer.message);
        assert_eq!(answer.addresses().is_empty(), number % 3 == 0, "{verb:?}: {}", answer.message);
    }
    eventually(DEADLINE, "the old ones to be freed", || (held(&gtm) == first).then_some(())).unwrap();
    gtm.stop().unwrap();
}
