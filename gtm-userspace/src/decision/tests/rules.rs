//! From state to answer (semantics section 3), one test for each sentence that is built.

use std::sync::Arc;

use super::*;
use crate::decision::choose::{Choosing, LastResort, Reason, choose};
use crate::decision::route::route;

/// Pools, the sources of the client, what is down: what is answered, and why. The answer table must say the same.
#[track_caller]
fn check(pools: &[&str], client: &str, down: &[u8], expect: &[u8], reason: Reason) {
    let mut model = empty_model();
    add_domain(&mut model, "www.example.com", pools);
    let conditions = failing(&model, down);
    let domain = &model.domains[0];
    let route = route(&model, domain, &class(client));
    let choice = choose(Choosing {
        model: &model,
        conditions: &conditions,
        domain: DomainId(0),
        route: &route,
        last_good: None,
    });
    let expect: Vec<Target> = expect.iter().copied().map(target).collect();
    assert_eq!(
        (choice.response.targets(), choice.reason),
        (expect.iter().collect(), reason),
        "{pools:?}, client {client}, down {down:?}"
    );

    let decider = Decider::new(Arc::new(model), &partition_of_one(class(client)), conditions);
    let name = "www.example.com".parse().unwrap();
    let steered = decider.table().find(&name, 1, [192, 0, 2, 1].into()).unwrap();
    let answered: Vec<_> = addresses_of(&steered.answer, 0).into_iter().map(Target::Ip).collect();
    assert_eq!(answered, expect, "in the answer table");
}

use Reason::NoPoolForClient;

#[expect(non_snake_case, reason = "reads like the reason it stands for")]
fn FromPool(position: usize) -> Reason {
    Reason::Pools(vec![position])
}

#[expect(non_snake_case, reason = "reads like the reason it stands for")]
fn AllDown(position: usize) -> Reason {
    Reason::AllDown(LastResort::DefaultPool(position))
}

const ALL_DOWN_EMPTY: Reason = Reason::AllDown(LastResort::Nothing);

#[test]
fn ordinal_answers_the_available_address_with_the_smallest_ordinal() {
    check(&["1, 2, 3"], "", &[], &[1], FromPool(0));
    check(&["1, 2, 3"], "", &[1], &[2], FromPool(0));
    check(&["1, 2, 3"], "", &[1, 2], &[3], FromPool(0));
    check(&["1 offline, 2 disabled, 3"], "", &[], &[3], FromPool(0));
    check(&["1, 2 online, 3"], "", &[1, 2], &[2], FromPool(0));
}

#[test]
fn ordinal_answers_the_available_pool_with_the_smallest_ordinal_whoever_asks() {
    for client in ["", "a", "c b"] {
        check(&["1, 2", "3"], client, &[], &[1], FromPool(0));
        check(&["1, 2", "3"], client, &[1], &[2], FromPool(0));
        check(&["1, 2", "3"], client, &[1, 2], &[3], FromPool(1));
        check(&["disabled: 1", "", "3"], client, &[], &[3], FromPool(2));
    }
}

#[test]
fn preemptive_returns_to_the_smaller_ordinal_the_moment_it_is_available() {
    let mut model = empty_model();
    add_domain(&mut model, "www.example.com", &["1, 2, 3"]);
    let conditions = failing(&model, &[]);
    let mut decider = Decider::new(Arc::new(model), &partition_of_one(class("")), conditions);
    let mut set = |check, verdict| {
        decider.set_verdict(CheckId(check), verdict);
        addresses_of(&decider.table().slots[0].load(), 0)
    };
    let only = |last: u8| vec![IpAddr::from([10, 0, 0, last])];
    assert_eq!(set(0, Verdict::Failed), only(2));
    assert_eq!(set(1, Verdict::Failed), only(3));
    assert_eq!(set(1, Verdict::Passing), only(2));
    assert_eq!(set(0, Verdict::Passing), only(1));
}

#[test]
fn step_2_the_best_match_of_the_sources_that_are_used() {
    let pools = ["for a: 1", "for b: 2", "for default: 3"];
    check(&pools, "a b", &[], &[1], FromPool(0));
    check(&pools, "b a", &[], &[2], FromPool(1));
    check(&pools, "c b", &[], &[2], FromPool(1));
    check(&pools, "c", &[], &[3], FromPool(2));
    check(&pools, "", &[], &[3], FromPool(2));
}

#[test]
fn step_2_a_source_is_used_even_where_its_pools_are_disabled() {
    check(&["disabled for a: 1", "for b: 2", "for default: 3"], "a b", &[], &[3], FromPool(2));
}

#[test]
fn step_3_the_first_available_pool_of_the_source() {
    let pools = ["for a: 1", "for a b: 2", "for default: 3"];
    check(&pools, "a", &[], &[1], FromPool(0));
    check(&pools, "a", &[1], &[2], FromPool(1));
    check(&pools, "b", &[], &[2], FromPool(1));
    check(&["disabled for a: 1", "for a: ", "for a: 2"], "a", &[], &[2], FromPool(2));
}

#[test]
fn step_3_pools_with_the_same_source_by_ordinal() {
    check(&["for a: 2", "for a: 1"], "a", &[], &[2], FromPool(0));
    check(&["for default: 2", "for default: 1"], "", &[], &[2], FromPool(0));
}

#[test]
fn step_4_the_pools_of_default_by_ordinal() {
    let pools = ["for default: 1", "for a: 2", "for default: 3"];
    check(&pools, "a", &[2], &[1], FromPool(0));
    check(&pools, "a", &[1, 2], &[3], FromPool(2));
    check(&pools, "", &[], &[1], FromPool(0));
}

#[test]
fn step_4_other_matching_sources_are_not_tried() {
    check(&["for a: 1", "for b: 2", "for default: 3"], "a b", &[1], &[3], FromPool(2));
    check(&["for a: 1", "for b: 2"], "a b", &[1], &[], NoPoolForClient);
}

#[test]
fn step_5_the_all_down_action_only_when_every_pool_is_down() {
    let pools = ["for a: 1, 2", "for b: 3", "for default: 4, 5"];
    check(&pools, "a", &[1, 2, 4, 5], &[], NoPoolForClient);
    check(&pools, "a", &[1, 2, 3, 4, 5], &[4, 5], AllDown(2));
    check(&pools, "", &[1, 2, 3, 4, 5], &[4, 5], AllDown(2));
}

#[test]
fn step_6_no_data_when_some_pool_is_up_but_none_for_this_client() {
    check(&["for a: 1"], "", &[], &[], NoPoolForClient);
    check(&["for a: 1"], "b", &[], &[], NoPoolForClient);
    check(&["for a: 1", "for b: 2"], "a", &[1], &[], NoPoolForClient);
}

#[test]
fn all_down_answers_every_address_of_the_default_pool_with_the_smallest_ordinal() {
    let pools = ["for a: 1, 2", "for b default: 3, 4", "for default: 5"];
    for client in ["", "a", "b", "c"] {
        check(&pools, client, &[1, 2, 3, 4, 5], &[3, 4], AllDown(1));
    }
}

#[test]
fn all_down_takes_the_first_default_pool_that_is_not_empty() {
    check(&["for a: 1", "for default: ", "for default: 2"], "a", &[1, 2], &[2], AllDown(2));
    check(&["for a: 1", "for default: 2 offline", "for default: 3"], "a", &[1, 3], &[3], AllDown(2));
}

#[test]
fn all_down_without_a_default_pool_takes_the_one_with_the_smallest_ordinal_that_is_not_empty() {
    check(&["for a: 1, 2", "for b: 3"], "b", &[1, 2, 3], &[1, 2], AllDown(0));
    check(&["for a: ", "for b: 3"], "c", &[3], &[3], AllDown(1));
    check(&["for a: 1", "for default: "], "", &[1], &[1], AllDown(0));
    check(&["", "1, 2", "3"], "", &[1, 2, 3], &[1, 2], AllDown(1));
}

#[test]
fn all_down_leaves_out_disabled_and_offline_addresses() {
    check(&["1, 2 disabled, 3 offline, 4"], "", &[1, 4], &[1, 4], AllDown(0));
    check(&["1 disabled, 2 offline", "3"], "", &[3], &[3], AllDown(1));
}

#[test]
fn all_down_leaves_out_disabled_pools() {
    check(&["disabled: 1", "2"], "", &[2], &[2], AllDown(1));
    check(&["disabled for default: 1", "for a: 2"], "", &[2], &[2], AllDown(1));
}

#[test]
fn all_down_is_no_data_when_nothing_may_be_answered() {
    check(&["1 disabled, 2 offline"], "", &[], &[], ALL_DOWN_EMPTY);
    check(&["", "disabled: 1"], "", &[], &[], ALL_DOWN_EMPTY);
}

#[test]
fn all_down_rotates() {
    let mut model = empty_model();
    add_domain(&mut model, "www.example.com", &["1, 2, 3"]);
    let conditions = failing(&model, &[1, 2, 3]);
    let decider = Decider::new(Arc::new(model), &partition_of_one(class("")), conditions);
    let block = decider.table().slots[0].load_full();
    let lasts = |turn| addresses_of(&block, turn).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(lasts(0), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    assert_eq!(lasts(1), ["10.0.0.2", "10.0.0.3", "10.0.0.1"]);
    assert_eq!(lasts(2), ["10.0.0.3", "10.0.0.1", "10.0.0.2"]);
}

#[test]
fn a_disabled_access_domain_is_left_to_the_zone() {
    let mut model = empty_model();
    add_domain(&mut model, "www.example.com", &["1"]);
    add_domain(&mut model, "other.example.com", &["2"]);
    model.domains[0].enabled = false;
    let conditions = failing(&model, &[]);
    let decider = Decider::new(Arc::new(model), &partition_of_one(class("")), conditions);
    let found =
        |name: &str, qtype| decider.table().find(&name.parse().unwrap(), qtype, [192, 0, 2, 1].into());
    assert!(found("www.example.com", 1).is_none());
    assert!(found("other.example.com", 1).is_some());
    assert!(found("other.example.com", 28).is_none(), "of type A only");
    assert!(found("example.com", 1).is_none());
}

#[test]
fn a_cname_access_domain_answers_every_type_of_data() {
    let mut model = empty_model();
    add_domain(&mut model, "www.example.com", &["1, 2"]);
    model.domains[0].steered = SteeredType::Cname;
    model.pools[0].kind = PoolKind::Domain;
    model.pools[0].addresses[0].target = Target::Name("site.example.net".parse().unwrap());
    let conditions = failing(&model, &[]);
    let decider = Decider::new(Arc::new(model), &partition_of_one(class("")), conditions);
    let found =
        |qtype| decider.table().find(&"www.example.com".parse().unwrap(), qtype, [192, 0, 2, 1].into());
    for qtype in [1, 5, 16, 28, 65280] {
        assert_eq!(
            found(qtype).unwrap().answer.pick([192, 0, 2, 1].into(), |_| 0).records[3],
            5,
            "a CNAME for type {qtype}"
        );
    }
    assert!(found(255).is_none(), "ANY is no type of data");
}

#[test]
fn what_is_left_to_the_zone_is_not_steered() {
    let mut model = empty_model();
    add_domain(&mut model, "www.example.com", &["1"]);
    add_domain(&mut model, "off.example.com", &["1"]);
    let conditions = failing(&model, &[]);
    let decider = Decider::new(Arc::new(model), &partition_of_one(class("")), conditions);
    let (table, client) = (decider.table(), IpAddr::from([192, 0, 2, 1]));
    let off: Name = "off.example.com".parse().unwrap();
    let slot = usize::try_from(table.names[&off][0].slot).unwrap();
    assert_eq!(table.steered_names().count(), 2);
    let before = table.slots[slot].swap(Arc::new(Answer::Zone));
    assert_eq!(table.steered_names().map(ToString::to_string).collect::<Vec<_>>(), ["www.example.com"]);
    assert!(table.find(&off, 1, client).is_none());
    table.slots[slot].store(before);
    assert!(table.find(&off, 1, client).is_some());
}
