//! Sections 2 and 3 of the semantics, a story for each sentence that states a rule.

use super::story::{Story, story};

#[test]
fn ordinal_the_one_with_the_smallest_ordinal() {
    story("ordinal", &["1, 2", "3"], "", &[("", "1"), ("-1", "2"), ("-2", "3"), ("+2", "2")]);
}

#[test]
fn round_robin_inside_a_pool_all_of_the_available_ones_rotating() {
    story(
        "ordinal",
        &["round-robin: 1, 2, 3"],
        "",
        &[
            ("", "1 and 2 and 3 rotating"),
            ("-2", "1 and 3 rotating"),
            ("-1", "3"),
            ("+1 +2", "1 and 2 and 3 rotating"),
        ],
    );
}

#[test]
fn round_robin_between_pools_all_of_the_available_ones_each_by_its_own_policy() {
    story(
        "round-robin",
        &["1, 2", "round-robin: 3, 4", "weight: 5 w3, 6"],
        "",
        &[
            ("", "1 and [3 and 4 rotating] and [5 (3) or 6 (1) by weight] rotating"),
            ("-1 -3", "2 and 4 and [5 (3) or 6 (1) by weight] rotating"),
            ("-3 -4", "2 and [5 (3) or 6 (1) by weight] rotating"),
            ("-5 -6", "2"),
        ],
    );
}

#[test]
fn weight_one_for_each_answer_in_proportion_to_the_weights() {
    story(
        "ordinal",
        &["weight: 1 w1, 2 w2, 3 w7"],
        "",
        &[("", "1 (1) or 2 (2) or 3 (7) by weight"), ("-3", "1 (1) or 2 (2) by weight"), ("-1", "2")],
    );
    story(
        "weight",
        &["w3: 1", "w1: 2, 3", "w0: 4"],
        "",
        &[("", "1 (3) or 2 (1) by weight"), ("-2", "1 (3) or 3 (1) by weight"), ("-1", "3")],
    );
}

#[test]
fn weight_0_is_used_only_when_every_available_one_has_weight_0() {
    story(
        "ordinal",
        &["weight: 1 w5, 2 w0, 3 w0"],
        "",
        &[("", "1"), ("-1", "2 (1) or 3 (1) by weight"), ("-2", "3"), ("+1", "1")],
    );
    story("weight", &["w5: 1", "w0: 2"], "", &[("", "1"), ("-1", "2"), ("+1", "1")]);
}

#[test]
fn nearest_source_inside_a_pool_the_best_match_ties_by_ordinal_then_default() {
    let pool = "nearest-source: 1 for default, 2 for a, 3 for a, 4 for b, 5 for default";
    story("ordinal", &[pool], "a", &[("", "2"), ("-2", "3"), ("-3", "1"), ("-1", "5")]);
    story("ordinal", &[pool], "b a", &[("", "4"), ("-4", "1")]);
    story("ordinal", &[pool], "", &[("", "1"), ("-1", "5")]);
}

#[test]
fn a_pool_that_has_nothing_for_the_client_is_passed_over() {
    story("ordinal", &["nearest-source: 1 for a", "2"], "b", &[("", "2")]);
    story("ordinal", &["nearest-source: 1 for a"], "b", &[("", "no address (NODATA)")]);
    story("round-robin", &["nearest-source: 1 for a", "2", "3"], "b", &[("", "2 and 3 rotating")]);
}

#[test]
fn round_robin_over_one_available_pool_answers_by_that_pools_policy() {
    story("round-robin", &["weight: 1 w3, 2", "3"], "", &[("-3", "1 (3) or 2 (1) by weight")]);
    story("round-robin max=1", &["round-robin: 1, 2", "3"], "", &[("-3", "1 and 2 rotating, at most 1")]);
}

#[test]
fn nearest_source_inside_a_pool_does_not_try_other_matching_sources() {
    let pool = "nearest-source for default: 1 for a, 2 for b, 3 for default";
    for domain in ["nearest-source", "nearest-source next-match"] {
        story(domain, &[pool], "a b", &[("", "1"), ("-1", "3")]);
    }
}

#[test]
fn a_pool_of_two_access_domains_stands_at_one_address_and_each_access_domain_at_its_own_pool() {
    let mut story = Story::new("ordinal stays", &["stays: 1, 2", "stays: 3, 4"], "");
    story.reloads(|model| {
        let mut other = model.domains[0].clone();
        other.name = "other.example.com".parse().unwrap();
        other.pools.swap(0, 1);
        model.domains.push(other);
    });
    for (happenings, expect) in [
        ("", ["1", "3"]),
        ("-1 +1", ["2", "3"]),
        ("-2 -1", ["3", "3"]),
        ("+1 +2", ["3", "3"]),
        ("-3", ["4", "4"]),
        ("-4", ["1", "1"]),
        ("+3 +4", ["1", "1"]),
    ] {
        happenings.split_whitespace().for_each(|happening| story.happens(happening));
        assert_eq!(story.answers(), expect, "{happenings}");
    }
}

#[test]
fn max_answers_with_weights_caps_what_the_chosen_member_answers() {
    let pools = ["w3 round-robin: 1, 2, 3", "w1: 4"];
    story("weight max=2", &pools, "", &[("", "[1 and 2 and 3 rotating] (3) or 4 (1) by weight, at most 2")]);
}

#[test]
fn max_answers_caps_how_many_addresses_one_answer_holds() {
    story("ordinal max=2", &["round-robin: 1, 2, 3"], "", &[("", "1 and 2 and 3 rotating, at most 2")]);
}

#[test]
fn sticky_the_same_client_prefix_gets_the_same_member() {
    story(
        "ordinal",
        &["weight sticky: 1 w3, 2 w1, 3 w0"],
        "",
        &[("", "1 (3) or 2 (1) by client"), ("-1", "2"), ("-2", "3")],
    );
    story("ordinal", &["round-robin sticky: 1, 2"], "", &[("", "1 (1) or 2 (1) by client")]);
    story("weight sticky", &["w3: 1", "w1: 2"], "", &[("", "1 (3) or 2 (1) by client")]);
    story("round-robin sticky", &["1", "2"], "", &[("", "1 (1) or 2 (1) by client")]);
}

#[test]
fn preemptive_returns_to_a_smaller_ordinal_the_moment_it_is_available_again() {
    story("ordinal", &["1, 2, 3"], "", &[("-1 -2", "3"), ("+1 +2", "1"), ("-3", "1")]);
}

#[test]
fn non_preemptive_stays_on_the_current_one_until_that_one_fails_and_then_takes_the_smallest_available() {
    // The worked example of section 3.
    story("ordinal", &["stays: 1, 2, 3"], "", &[("-1 -2", "3"), ("+1 +2", "3"), ("-3", "1"), ("+3", "1")]);
    story("ordinal stays", &["1", "2", "3"], "", &[("-1 -2", "3"), ("+1 +2", "3"), ("-3", "1")]);
}

#[test]
fn non_preemptive_after_everything_was_down_takes_the_first_that_is_back() {
    story(
        "ordinal",
        &["stays: 1, 2, 3"],
        "",
        &[("-1", "2"), ("-2 -3", "1 and 2 and 3 rotating"), ("+3", "3"), ("+1 +2", "3")],
    );
}

#[test]
fn non_preemptive_for_pools_with_the_same_source() {
    let pools = ["for a: 1", "for a: 2", "for default: 3", "for default: 4"];
    story("nearest-source stays", &pools, "a", &[("-1", "2"), ("+1", "2"), ("-1 -2", "3"), ("+1", "1")]);
    story("nearest-source stays", &pools, "", &[("-3", "4"), ("+3", "4"), ("-4", "3")]);
}

#[test]
fn non_preemptive_positions_survive_a_restart() {
    story("ordinal", &["stays: 1, 2"], "", &[("-1", "2"), ("+1", "2"), ("restart", "2"), ("-2", "1")]);
    story("ordinal stays", &["1", "2"], "", &[("-1", "2"), ("+1 restart", "2")]);
    story("nearest-source stays", &["for a: 1", "for a: 2"], "a", &[("-1", "2"), ("+1 restart", "2")]);
}

#[test]
fn an_operator_can_say_return_now() {
    story("ordinal", &["stays: 1, 2"], "", &[("-1 +1", "2"), ("return:p0", "1"), ("-2 +2", "1")]);
    story("ordinal stays", &["1", "2"], "", &[("-1 +1", "2"), ("return:domain", "1")]);
    story("ordinal", &["stays: 1, 2"], "", &[("-1", "2"), ("return:p0", "2"), ("+1", "2")]);
}

#[test]
fn source_fallback_next_match_first_tries_the_other_matching_sources() {
    let pools = ["for a: 1", "for b: 2", "for default: 3"];
    story("nearest-source", &pools, "a b", &[("", "1"), ("-1", "3")]);
    story("nearest-source next-match", &pools, "a b", &[("", "1"), ("-1", "2"), ("-2", "3"), ("+1", "1")]);
}

#[test]
fn pool_the_share_of_available_addresses_meets_its_judgement() {
    let next = "9";
    story("ordinal", &["all: 1, 2", next], "", &[("", "1"), ("-2", "9"), ("+2", "1")]);
    story("ordinal", &["any: 1, 2", next], "", &[("-1", "2"), ("-2", "9")]);
    story("ordinal", &["50%: 1, 2, 3", next], "", &[("-1", "2"), ("-2", "9")]);
    story("ordinal", &["51%: 1, 2", next], "", &[("-1", "9")]);
}

#[test]
fn pool_at_least_min_available_are_available() {
    story("ordinal", &["min2: 1, 2, 3", "9"], "", &[("-1", "2"), ("-2", "9"), ("+1", "1")]);
    story("ordinal", &["min2: 1", "9"], "", &[("", "9")]);
}

#[test]
fn all_down_default_pool_every_address_round_robin_whatever_the_policy_of_the_pool() {
    story("ordinal", &["weight: 1 w5, 2", "3"], "", &[("-1 -2 -3", "1 and 2 rotating")]);
    story("ordinal max=1", &["1, 2"], "", &[("-1 -2", "1 and 2 rotating, at most 1")]);
}

#[test]
fn all_down_as_if_up_what_would_be_answered_if_everything_were_up() {
    story("ordinal all-down=as-if-up", &["1, 2", "3"], "", &[("-1 -2 -3", "1")]);
    story("ordinal all-down=as-if-up", &["1 offline, 2", "3"], "", &[("-2 -3", "2")]);
    let pools = ["for a: 1", "for default: 2"];
    story("nearest-source all-down=as-if-up", &pools, "a", &[("-1 -2", "1")]);
    story("nearest-source all-down=as-if-up", &pools, "", &[("-1 -2", "2")]);
    story("nearest-source all-down=as-if-up", &["for a: 1"], "", &[("-1", "no address (NODATA)")]);
    let weights = ["w3: 1", "w1: 2"];
    story("weight all-down=as-if-up", &weights, "", &[("-1 -2", "1 (3) or 2 (1) by weight")]);
    story("ordinal all-down=as-if-up", &["1", "2"], "", &[("pin:p1", "2"), ("-1 -2", "2"), ("down:p1", "1")]);
}

#[test]
fn all_down_pool_that_pool_whatever_its_health() {
    story(
        "ordinal all-down=pool:1",
        &["1", "weight: 2 w3, 3"],
        "",
        &[("-1 -2 -3", "2 (3) or 3 (1) by weight"), ("+3", "3")],
    );
    story("ordinal all-down=pool:1", &["1", "2 offline"], "", &[("-1", "1")]);
}

#[test]
fn all_down_pool_answers_no_failed_address_while_it_has_an_available_one() {
    story("ordinal all-down=pool:1", &["1", "spare: 2, 3"], "", &[("-1 -2", "3"), ("-3", "2"), ("+3", "3")]);
    let whatever_its_health = ["1", "spare all weight: 2, 3 w3"];
    story(
        "ordinal all-down=pool:1",
        &whatever_its_health,
        "",
        &[("-1 -2", "3"), ("-3", "2 (1) or 3 (3) by weight")],
    );
    let nearest = ["1", "spare nearest-source: 2 for a, 3 for b"];
    story("ordinal all-down=pool:1", &nearest, "a", &[("-1 -2", "2")]);
    story("ordinal all-down=pool:1", &nearest, "c", &[("-1", "1")]);
}

#[test]
fn all_down_pool_of_others_is_followed_like_an_own_one() {
    let pools = ["1", "spare stays: 2, 3"];
    story(
        "ordinal all-down=pool:1",
        &pools,
        "",
        &[("-1", "2"), ("-2", "3"), ("+2", "3"), ("-3", "2"), ("+1", "1")],
    );
}

#[test]
fn all_down_last_good_the_last_answer_before_everything_went_down() {
    story(
        "ordinal all-down=last-good",
        &["1, 2", "3"],
        "",
        &[("-1", "2"), ("-2", "3"), ("-3", "3"), ("restart", "3"), ("+2", "2"), ("-2", "2")],
    );
}

#[test]
fn all_down_fixed_these_addresses() {
    story("ordinal all-down=fixed:7,8", &["1"], "", &[("-1", "7 and 8 rotating"), ("+1", "1")]);
}

#[test]
fn all_down_nodata_servfail_refused_that_response() {
    story("ordinal all-down=nodata", &["1"], "", &[("-1", "no address (NODATA)")]);
    story("ordinal all-down=servfail", &["1"], "", &[("-1", "SERVFAIL")]);
    story("ordinal all-down=refused", &["1"], "", &[("-1", "REFUSED"), ("+1", "1")]);
}

#[test]
fn a_disabled_access_domain_is_answered_by_the_zone() {
    story("ordinal disabled", &["1"], "", &[("", "the zone's own records"), ("enable:domain", "1")]);
    story(
        "ordinal",
        &["1"],
        "",
        &[
            ("disable:domain", "the zone's own records"),
            ("-1", "the zone's own records"),
            ("undo:domain +1", "1"),
        ],
    );
}

#[test]
fn all_down_last_good_never_holds_what_may_not_be_answered() {
    // An operator takes the address of the last good answer out: it is no last resort either.
    let pools = ["1, 2", "3"];
    story(
        "ordinal all-down=last-good",
        &pools,
        "",
        &[("-1", "2"), ("-2 -3", "3"), ("down:3", "1 and 2 rotating")],
    );
    story(
        "ordinal all-down=last-good",
        &["1, 2"],
        "",
        &[("disable:1", "2"), ("-2", "2"), ("disable:2", "no address (NODATA)")],
    );
    story(
        "ordinal all-down=last-good",
        &pools,
        "",
        &[("-1 -2", "3"), ("down:p1", "1 and 2 rotating"), ("undo:p1 -3", "3")],
    );
    story("ordinal all-down=last-good", &pools, "", &[("-1 -2 -3", "3"), ("disable:p1", "1 and 2 rotating")]);
}
