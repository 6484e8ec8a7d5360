//! Overrides: what operators say outranks health and configuration, and hides neither.

use super::story::{Story, story};
use crate::config::model::PoolId;
use crate::decision::conditions::{AddressState, PoolState};

#[test]
fn an_address_that_is_forced_down_is_never_answered() {
    story("ordinal", &["1, 2"], "", &[("down:1", "2"), ("-2", "2"), ("undo:1", "1")]);
    story("ordinal", &["1, 2"], "", &[("down:1 down:2", "no address (NODATA)"), ("undo:2", "2")]);
}

#[test]
fn an_address_that_is_forced_up_is_available_whatever_its_checks() {
    story("ordinal", &["1, 2"], "", &[("-1", "2"), ("up:1", "1"), ("undo:1", "2")]);
    story("ordinal", &["1 offline, 2"], "", &[("", "2"), ("up:1", "1")]);
    story("ordinal", &["1 disabled, 2"], "", &[("up:1", "2"), ("enable:1", "1")]);
}

#[test]
fn of_two_overrides_about_one_object_the_later_holds() {
    story("ordinal", &["1, 2"], "", &[("down:1", "2"), ("up:1", "1"), ("down:1", "2")]);
}

#[test]
fn an_address_in_one_pool_outranks_the_address_in_all() {
    story("ordinal", &["1, 2", "1, 3"], "", &[("down:1", "2"), ("down:p0", "3"), ("up:p1/1", "1")]);
    story("ordinal", &["1, 2"], "", &[("up:p0/1", "1"), ("down:1", "1")]);
}

#[test]
fn a_pool_that_is_forced_down_is_not_even_a_last_resort() {
    story("ordinal", &["1", "2"], "", &[("down:p0", "2"), ("-1 -2", "2"), ("undo:p0", "1")]);
}

#[test]
fn a_pool_that_is_forced_up_answers_what_it_has() {
    story("ordinal", &["1, 2", "3"], "", &[("-1 -2", "3"), ("up:p0", "1"), ("+2", "2"), ("undo:p0 -2", "3")]);
    story("ordinal", &["all: 1, 2", "3"], "", &[("-1", "3"), ("up:p0", "2")]);
    story("ordinal", &["1 offline", "3"], "", &[("up:p0", "3")]);
}

#[test]
fn a_disabled_pool_or_address_does_not_count() {
    story("ordinal", &["1", "2"], "", &[("disable:p0", "2"), ("-1 -2", "2"), ("enable:p0", "1")]);
    story("ordinal", &["all: 1, 2", "3"], "", &[("-1", "3"), ("disable:1", "2")]);
}

#[test]
fn a_drained_member_has_weight_0() {
    story(
        "ordinal",
        &["weight: 1 w3, 2"],
        "",
        &[("drain:1", "2"), ("-2", "1"), ("undo:1 +2", "1 (3) or 2 (1) by weight")],
    );
    story("weight", &["w3: 1", "w1: 2"], "", &[("drain:p0", "2"), ("-2", "1"), ("undo:p0", "1")]);
}

#[test]
fn a_pinned_pool_answers_whoever_asks_as_long_as_it_is_available() {
    let pools = ["for a: 1", "for default: 2"];
    story("nearest-source", &pools, "a", &[("pin:p1", "2"), ("-2", "1"), ("+2", "2"), ("undo:domain", "1")]);
    story("weight", &["w3: 1", "w1: 2"], "", &[("pin:p1", "2"), ("undo:domain", "1 (3) or 2 (1) by weight")]);
}

#[test]
fn a_pinned_pool_changes_nothing_of_where_a_non_preemptive_level_stands_nor_of_a_disabled_access_domain() {
    story("ordinal stays", &["1", "2"], "", &[("-1 +1", "2"), ("pin:p0", "1"), ("undo:domain", "2")]);
    let zone = "the zone's own records";
    story("ordinal disabled", &["1", "2"], "", &[("pin:p1", zone), ("enable:domain", "2")]);
    story("ordinal", &["1", "2"], "", &[("pin:p1", "2"), ("disable:domain", zone), ("-2", zone)]);
}

#[test]
fn an_address_is_overridden_in_all_pools_that_have_it() {
    let pools = ["1, 2", "round-robin: 1, 3"];
    story(
        "round-robin",
        &pools,
        "",
        &[("down:1", "2 and 3 rotating"), ("undo:1", "1 and [1 and 3 rotating] rotating")],
    );
    story(
        "round-robin",
        &pools,
        "",
        &[("disable:1 up:p1/1", "2 and 3 rotating"), ("enable:p1/1", "2 and [1 and 3 rotating] rotating")],
    );
}

#[test]
fn a_pool_that_is_forced_up_keeps_the_access_domain_out_of_the_all_down_action() {
    story(
        "ordinal all-down=servfail",
        &["1, 2", "3"],
        "",
        &[("-1 -2 -3", "SERVFAIL"), ("up:p0", "1"), ("down:1", "2")],
    );
    story("ordinal all-down=servfail", &["1", "3"], "", &[("up:p0 down:1 -3", "SERVFAIL")]);
}

#[test]
fn drained_members_are_used_when_every_available_one_has_weight_0() {
    story(
        "ordinal",
        &["weight: 1 w5, 2 w3"],
        "",
        &[("drain:1 drain:2", "1 (1) or 2 (1) by weight"), ("undo:1", "1")],
    );
    story("weight", &["w3: 1", "w0: 2"], "", &[("drain:p0", "1 (1) or 2 (1) by weight"), ("-1", "2")]);
}

#[test]
fn an_override_of_what_does_not_exist_says_nothing() {
    story("ordinal", &["1, 2"], "", &[("down:9 down:p9 down:p1/1 down:p0/9 pin:p9", "1")]);
}

#[test]
fn overrides_survive_a_restart() {
    story("ordinal", &["1, 2"], "", &[("down:1", "2"), ("restart", "2"), ("undo:1", "1")]);
}

#[test]
fn an_override_hides_no_health() {
    let mut story = Story::new("ordinal", &["1, 2"], "");
    story.happens("-1");
    story.happens("up:1");
    story.happens("up:p0");
    let (conditions, model) = (story.decider.conditions(), story.decider.model());
    let address = &model.pools[0].addresses[0];
    assert_eq!(conditions.address(PoolId(0), 0, address), AddressState::ForcedUp);
    assert_eq!(conditions.health(address), AddressState::Failed);
    assert_eq!(conditions.pool(model, PoolId(0)), PoolState::ForcedUp);
    let unforced = conditions.clone().with_overrides(model, Vec::new());
    assert_eq!(unforced.pool(model, PoolId(0)), PoolState::Warning);
}
