//! What is remembered over a reload, and what is not.

use std::sync::Arc;

use super::story::Story;
use super::*;
use crate::decision::comparison::{compared, found};
use crate::event::Event;

/// A story up to the reload; then an edited model, and what it answers after these happenings.
#[track_caller]
fn check(domain: &str, pools: &[&str], before: &str, edits: &[fn(&mut Model)], after: &str, expect: &str) {
    let mut story = Story::new(domain, pools, "a");
    before.split_whitespace().for_each(|happening| story.happens(happening));
    for edit in edits {
        story.reloads(edit);
    }
    after.split_whitespace().for_each(|happening| story.happens(happening));
    assert_eq!(story.answer(), expect, "{before}, reload, {after}, of {domain} {pools:?}");
}

fn preemptive(model: &mut Model) {
    model.pools[0].preemption = Preemption::Preemptive;
    model.domains[0].preemption = Preemption::Preemptive;
}

fn non_preemptive(model: &mut Model) {
    model.pools[0].preemption = Preemption::NonPreemptive;
    model.domains[0].preemption = Preemption::NonPreemptive;
}

fn renamed(model: &mut Model) {
    model.pools[0].name = "renamed".to_owned();
}

#[test]
fn positions_stay() {
    check("ordinal", &["stays: 1, 2, 3"], "-1 -2 +1 +2", &[|_| {}], "", "3");
    check("ordinal stays", &["1", "2"], "-1 +1", &[|_| {}], "", "2");
    check("ordinal stays", &["1", "2"], "-1 +1", &[|model| model.domains[0].pools[1].ordinal = 9], "", "2");
}

#[test]
fn a_level_that_was_preemptive_in_between_stands_on_the_first_available_one() {
    check("ordinal", &["stays: 1, 2, 3"], "-1 -2 +1 +2", &[preemptive, non_preemptive], "", "1");
    check("ordinal stays", &["1", "2"], "-1 +1", &[preemptive, non_preemptive], "", "1");
    let by_weight: fn(&mut Model) = |model| model.pools[0].policy = Policy::Weight;
    let by_ordinal: fn(&mut Model) = |model| model.pools[0].policy = Policy::Ordinal;
    check("ordinal", &["stays: 1, 2"], "-1 +1", &[by_weight, by_ordinal], "", "1");
}

/// The name of a pool is what it is known by.
#[test]
fn a_renamed_pool_is_another_one() {
    check("ordinal", &["stays: 1, 2"], "-1 +1", &[renamed], "", "1");
    check("ordinal stays", &["1", "2"], "-1 +1", &[renamed], "", "2");
    check("ordinal stays", &["1", "2"], "-2 -1 +1", &[renamed], "+2", "1");
}

#[test]
fn the_last_good_answer_stays_as_far_as_it_may_be_answered() {
    let domain = "ordinal all-down=last-good";
    check(domain, &["1, 2"], "-1 -2", &[|_| {}], "", "2");
    check(domain, &["1, 2"], "-1 -2", &[|model| model.pools[0].addresses[1].enabled = false], "", "1");
    let offline: fn(&mut Model) = |model| model.pools[0].addresses[1].mode = AddressMode::Offline;
    check(domain, &["1, 2"], "-1 -2", &[offline], "", "1");
    let gone: fn(&mut Model) = |model| drop(model.pools[0].addresses.pop());
    check(domain, &["1, 2"], "-1 -2", &[gone], "", "1");
}

#[test]
fn the_last_good_answer_stays_where_addresses_change_places() {
    let pools = ["nearest-source: 1 for default, 2 for a"];
    let reversed: fn(&mut Model) = |model| model.pools[0].addresses.reverse();
    check("ordinal all-down=last-good", &pools, "-2 -1", &[reversed], "", "1");
    check("ordinal all-down=last-good", &pools, "-2 -1", &[reversed], "+2", "2");
}

#[test]
fn the_last_good_answer_is_capped_as_the_access_domain_says_now() {
    let capped: fn(&mut Model) = |model| model.domains[0].max_answers = Some(1);
    let pools = ["round-robin: 1, 2"];
    check("ordinal all-down=last-good", &pools, "-1 -2", &[capped], "", "2, at most 1");
    check(
        "round-robin all-down=last-good",
        &["all round-robin: 1, 2"],
        "-2",
        &[capped],
        "",
        "1 and 2 rotating, at most 1",
    );
}

#[test]
fn sources_with_the_same_pools_remember_their_own_last_good_answers() {
    // Both pools fail at once with 9, while the clients of a stand on the second and those of b on the first.
    let pools = ["min2 for a: 1, 9", "min2 for a: 2, 9"];
    let mut story = Story::new("nearest-source stays all-down=last-good", &pools, "a");
    story.happens("-1");
    story.happens("+1");
    story.partition.classes.push(class("b"));
    story.reloads(|model| model.domains[0].pools.iter_mut().for_each(|used| used.sources.push(source("b"))));
    assert_eq!(story.answers(), ["2", "1"]);
    story.happens("-9");
    assert_eq!(story.answers(), ["2", "1"]);
}

fn told(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| format!("{}: {}", event.kind.words(), event.object)).collect()
}

const POOL_DOWN: &str = "pool down: pool p0";
const DOMAIN_DOWN: &str = "access domain down: domain www.example.com A";
const ENTERED: &str = "all-down action entered: domain www.example.com A";

#[test]
fn what_is_down_at_the_start_is_told() {
    let mut story = Story::new("ordinal", &["1, 2", "disabled: 3"], "");
    assert_eq!(told(&found(&story.decider)), [""; 0]);
    story.happens("-1");
    story.happens("restart");
    assert_eq!(told(&found(&story.decider)), [""; 0], "a pool that warns answers");
    story.happens("-2");
    story.happens("restart");
    assert_eq!(told(&found(&story.decider)), [POOL_DOWN, DOMAIN_DOWN, ENTERED]);
    story.happens("disable:domain");
    assert_eq!(told(&found(&story.decider)), [POOL_DOWN]);
}

#[test]
fn an_answer_of_last_resort_is_told_of_also_when_the_access_domain_is_new() {
    let mut story = Story::new("ordinal", &["1"], "");
    story.happens("-1");
    let renamed = |from: &str| from.replace("www", "new");
    let before = story;
    let mut now = Story::new("ordinal", &["1"], "");
    now.reloads(|model| model.domains[0].name = "new.example.com".parse().unwrap());
    assert_eq!(told(&compared(&before.decider, &now.decider)), ["pool available: pool p0"]);
    now.happens("-1");
    assert_eq!(told(&compared(&before.decider, &now.decider)), [renamed(ENTERED)]);
    assert_eq!(told(&compared(&now.decider, &now.decider)), [""; 0]);
}

/// A decision that was made from what was known after the first happenings, and goes over to what is known after the others,
/// answers and remembers what that does which saw them all.
#[track_caller]
fn check_caught_up(domain: &str, pools: &[&str], before: &str, meanwhile: &str) {
    let mut story = Story::new(domain, pools, "a");
    before.split_whitespace().for_each(|happening| story.happens(happening));
    let known = story.decider.conditions().clone();
    let mut next = Decider::new(Arc::clone(story.decider.model()), &story.partition, known.clone());
    meanwhile.split_whitespace().for_each(|happening| story.happens(happening));
    let changes = next.catch_up(&known, story.decider.conditions().clone());
    let story = story.decider;
    assert_eq!(answers(next.table()), answers(story.table()), "{before}, then {meanwhile}");
    assert_eq!(next.conditions(), story.conditions());
    let fresh = Decider::new(Arc::clone(story.model()), &partition_of_one(class("a")), known);
    let slots = answers(fresh.table()).into_iter().zip(answers(next.table())).enumerate();
    let mut switched = slots.filter(|(_, (from, to))| from != to).map(|(slot, _)| slot);
    let told: Vec<_> = changes.switches.iter().map(|switch| usize::try_from(switch.slot).unwrap()).collect();
    assert!(switched.all(|slot| told.contains(&slot)), "{told:?}");
}

#[test]
fn what_happened_while_it_was_decided_is_caught_up_with() {
    check_caught_up("ordinal", &["1, 2", "3"], "-1", "-2");
    check_caught_up("ordinal", &["1, 2", "3"], "-1", "+1");
    check_caught_up("ordinal", &["1, 2", "3"], "", "");
    check_caught_up("ordinal", &["stays: 1, 2"], "", "-1 +1");
    check_caught_up("ordinal stays", &["1", "2"], "-1 +1", "-2 +2");
    check_caught_up("ordinal all-down=last-good", &["1", "2"], "-1", "-2");
    check_caught_up("ordinal", &["1", "2"], "", "pin:p1");
    check_caught_up("ordinal", &["1", "2"], "down:1", "undo:1");
    check_caught_up("ordinal", &["1", "2"], "", "disable:domain");
    check_caught_up("ordinal disabled", &["1", "2"], "", "enable:domain");
}
