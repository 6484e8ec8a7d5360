//! From checks to addresses and pools (semantics section 2).

use super::*;
use crate::decision::conditions::{AddressState, DomainState, PoolState};

#[track_caller]
fn check_address(words: &str, verdict: Verdict, expect: AddressState) {
    let mut model = empty_model();
    let address = address(&mut model, words, 0);
    let conditions = Conditions { verdicts: vec![verdict; model.checks.len()], ..Conditions::default() };
    assert_eq!(conditions.address(PoolId(0), 0, &address), expect, "{words}");
}

#[test]
fn an_auto_address_follows_its_checks() {
    check_address("1", Verdict::Passing, AddressState::Good);
    check_address("1", Verdict::Failed, AddressState::Failed);
}

#[test]
fn an_address_without_template_is_good_and_has_no_monitor() {
    check_address("1 unchecked", Verdict::Passing, AddressState::NoMonitor);
}

#[test]
fn online_is_always_available_and_offline_never() {
    check_address("1 online", Verdict::Passing, AddressState::Online);
    check_address("1 online", Verdict::Failed, AddressState::Online);
    check_address("1 online unchecked", Verdict::Passing, AddressState::Online);
    check_address("1 offline", Verdict::Passing, AddressState::Offline);
    check_address("1 offline", Verdict::Failed, AddressState::Offline);
    check_address("1 offline unchecked", Verdict::Passing, AddressState::Offline);
}

#[test]
fn a_disabled_address_is_disabled_whatever_its_mode_and_checks() {
    for verdict in [Verdict::Passing, Verdict::Failed] {
        check_address("1 disabled", verdict, AddressState::Disabled);
        check_address("1 disabled online", verdict, AddressState::Disabled);
        check_address("1 disabled offline", verdict, AddressState::Disabled);
        check_address("1 disabled unchecked", verdict, AddressState::Disabled);
    }
}

#[test]
fn an_address_is_good_only_when_all_its_checks_pass() {
    for (verdicts, expect) in [
        ([Verdict::Passing, Verdict::Passing], AddressState::Good),
        ([Verdict::Passing, Verdict::Failed], AddressState::Failed),
        ([Verdict::Failed, Verdict::Passing], AddressState::Failed),
        ([Verdict::Failed, Verdict::Failed], AddressState::Failed),
    ] {
        let mut address = address(&mut empty_model(), "1 unchecked", 0);
        address.checks = vec![CheckId(0), CheckId(1)];
        let conditions = Conditions { verdicts: verdicts.to_vec(), ..Conditions::default() };
        assert_eq!(conditions.address(PoolId(0), 0, &address), expect, "{verdicts:?}");
    }
}

#[test]
fn an_address_is_judged_over_its_checks() {
    use Verdict::{Failed, Passing};
    for (judgement, verdicts, expect) in [
        (Judgement::Any, [Failed, Failed, Passing], AddressState::Good),
        (Judgement::Any, [Failed, Failed, Failed], AddressState::Failed),
        (Judgement::Percent(50), [Failed, Passing, Passing], AddressState::Good),
        (Judgement::Percent(50), [Failed, Failed, Passing], AddressState::Failed),
        (Judgement::Percent(66), [Failed, Passing, Passing], AddressState::Good),
        (Judgement::Percent(67), [Failed, Passing, Passing], AddressState::Failed),
        (Judgement::All, [Passing, Passing, Passing], AddressState::Good),
    ] {
        let mut address = address(&mut empty_model(), "1 unchecked", 0);
        address.checks = vec![CheckId(0), CheckId(1), CheckId(2)];
        address.judgement = judgement;
        let conditions = Conditions { verdicts: verdicts.to_vec(), ..Conditions::default() };
        assert_eq!(conditions.health(&address), expect, "{judgement} of {verdicts:?}");
    }
}

/// Published by gdnsd (multifo) for a share of one half: the smallest counts that pass.
#[test]
fn the_table_of_the_share_of_one_half() {
    for (good, total) in [(1, 1), (1, 2), (2, 3), (2, 4), (3, 5), (3, 6), (4, 7), (4, 8), (8, 16)] {
        let half = Judgement::Percent(50);
        assert!(half.is_met(good, total), "{good} of {total}");
        assert!(!half.is_met(good - 1, total), "{} of {total}", good - 1);
    }
}

#[test]
fn a_pool_without_monitor_is_shown_as_that() {
    check_pool("1 unchecked, 2 unchecked", &[], PoolState::NoMonitor);
    check_pool("1 unchecked, 2", &[], PoolState::Ok);
    check_pool("1 unchecked, 2 offline unchecked", &[], PoolState::Warning);
}

#[track_caller]
fn check_domain(pools: &[&str], down: &[u8], expect: DomainState) {
    let mut model = empty_model();
    add_domain(&mut model, "www.example.com", pools);
    assert_eq!(failing(&model, down).domain(&model, DomainId(0)), expect, "{pools:?}, down {down:?}");
}

#[test]
fn an_access_domain_warns_when_some_pool_is_not_ok_and_is_down_when_none_is_available() {
    check_domain(&["1, 2", "3 unchecked"], &[], DomainState::Ok);
    check_domain(&["1, 2", "3"], &[1], DomainState::Warning);
    check_domain(&["1, 2", "3"], &[3], DomainState::Warning);
    check_domain(&["1, 2", "3"], &[1, 2, 3], DomainState::Down);
    check_domain(&["1", "disabled: 2"], &[], DomainState::Warning);
}

#[test]
fn what_is_taken_to_be_down_fails_unless_its_mode_decides() {
    for (words, expect) in [
        ("1", AddressState::Failed),
        ("1 unchecked", AddressState::Failed),
        ("1 online", AddressState::Online),
        ("1 offline", AddressState::Offline),
        ("1 disabled", AddressState::Disabled),
        ("2", AddressState::Good),
    ] {
        let mut model = empty_model();
        let address = address(&mut model, words, 0);
        let conditions = Conditions { down: [target(1)].into(), ..Conditions::all_up(&model) };
        assert_eq!(conditions.address(PoolId(0), 0, &address), expect, "{words}");
    }
}

#[track_caller]
fn check_pool(words: &str, down: &[u8], expect: PoolState) {
    let mut model = empty_model();
    add_domain(&mut model, "www.example.com", &[words]);
    let conditions = failing(&model, down);
    assert_eq!(conditions.pool(&model, PoolId(0)), expect, "{words}, down {down:?}");
    assert_eq!(
        expect.is_available(),
        matches!(expect, PoolState::Ok | PoolState::NoMonitor | PoolState::Warning)
    );
}

#[test]
fn a_pool_is_ok_when_all_are_good_and_warns_when_some_are_bad() {
    check_pool("1, 2", &[], PoolState::Ok);
    check_pool("1, 2", &[1], PoolState::Warning);
    check_pool("1, 2", &[2], PoolState::Warning);
    check_pool("1, 2", &[1, 2], PoolState::Down);
    check_pool("1, 2 online, 3 unchecked", &[], PoolState::Ok);
    check_pool("1, 2 online", &[1, 2], PoolState::Warning);
}

#[test]
fn disabled_addresses_are_not_in_the_total_and_offline_ones_are() {
    check_pool("1, 2 disabled", &[], PoolState::Ok);
    check_pool("1, 2 offline", &[], PoolState::Warning);
    check_pool("1, 2 disabled", &[1], PoolState::Down);
    check_pool("1, 2 offline", &[1], PoolState::Down);
    check_pool("1 disabled", &[], PoolState::Down);
    check_pool("1 offline", &[], PoolState::Down);
}

#[test]
fn an_empty_pool_is_never_available() {
    check_pool("", &[], PoolState::Down);
}

#[test]
fn a_disabled_pool_is_disabled_whatever_its_addresses() {
    check_pool("disabled: 1, 2", &[], PoolState::Disabled);
    check_pool("disabled: 1, 2", &[1, 2], PoolState::Disabled);
    check_pool("disabled: 1 online", &[], PoolState::Disabled);
    check_pool("disabled: ", &[], PoolState::Disabled);
}
