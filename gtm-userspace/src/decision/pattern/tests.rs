//! Patterns against a small model.

use super::*;
use crate::config::model::{Address, PoolId, PoolKind, PoolUse, Preemption, SteeredType, Target};

fn target(text: &str) -> Target {
    text.parse::<IpAddr>().map_or_else(|_| Target::Name(text.parse().unwrap()), Target::Ip)
}

fn pool(name: &str, policy: Policy, preemption: Preemption, targets: &[&str]) -> Pool {
    let addresses = (1..).zip(targets).map(|(ordinal, text)| Address::new(target(text), ordinal)).collect();
    Pool { policy, preemption, addresses, ..Pool::new(name.to_owned(), PoolKind::Ipv4) }
}

fn domain(name: &str, steered: SteeredType, policy: Policy, preemption: Preemption) -> AccessDomain {
    let pools = vec![PoolUse::new(PoolId(0), 1), PoolUse::new(PoolId(1), 2)];
    AccessDomain { preemption, pools, ..AccessDomain::new(name.parse().unwrap(), steered, policy) }
}

fn model() -> Model {
    use Preemption::{NonPreemptive, Preemptive};
    Model {
        pools: vec![
            pool("asia-1", Policy::Ordinal, NonPreemptive, &["223.5.0.1", "223.6.0.1"]),
            pool("asia-2", Policy::Weight, Preemptive, &["223.6.0.1", "223.6.0.2", "2001:db8::1"]),
            pool("www.example.com", Policy::RoundRobin, Preemptive, &["cdn.example.net"]),
        ],
        domains: vec![
            domain("www.example.com", SteeredType::A, Policy::Ordinal, NonPreemptive),
            domain("www.example.com", SteeredType::Aaaa, Policy::Weight, Preemptive),
            domain("*.example.com", SteeredType::A, Policy::NearestSource, Preemptive),
        ],
        ..Model::default()
    }
}

fn action(text: &str) -> Action {
    match text {
        "up" => Action::Up,
        "down" => Action::Down,
        "enable" => Action::Enable,
        "disable" => Action::Disable,
        "drain" => Action::Drain,
        pool => Action::Pin { pool: pool.strip_prefix("pin ").unwrap().to_owned() },
    }
}

fn shown(objects: &[Object]) -> String {
    objects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[track_caller]
fn check_action(verb: &str, pattern: &str, kind: Option<Kind>, expect: &str) {
    let shown = match overridden(&model(), pattern, kind, &action(verb)) {
        Ok(objects) => shown(&objects),
        Err(error) => format!("! {error}; {}", error.suggestion().unwrap_or_default()),
    };
    assert_eq!(shown, expect, "{verb} {pattern}");
}

#[test]
fn an_address_is_matched_by_itself_or_in_its_pool() {
    check_action("down", "223.5.0.1", None, "address 223.5.0.1");
    check_action("down", "223.6.*", None, "address 223.6.0.1, address 223.6.0.2");
    check_action("up", "223.6.0.?", None, "address 223.6.0.1, address 223.6.0.2");
    check_action("down", "2001:DB8:0::1", None, "address 2001:db8::1");
    check_action("down", "2001:DB8*", None, "address 2001:db8::1");
    check_action("down", "CDN.example.net.", None, "address cdn.example.net");
    check_action("down", "asia-?/223.6.0.1", None, "address asia-1/223.6.0.1, address asia-2/223.6.0.1");
    check_action("disable", "*/223.5.*", None, "address asia-1/223.5.0.1");
}

#[test]
fn pools_and_access_domains_are_matched_by_name() {
    check_action("down", "asia-*", None, "pool asia-1, pool asia-2");
    check_action("up", "asia-1", None, "pool asia-1");
    check_action("disable", "www.example.com/aaaa", None, "domain www.example.com AAAA");
    check_action(
        "disable",
        "WWW.example.com.",
        Some(Kind::Domain),
        "domain www.example.com A, domain www.example.com AAAA",
    );
    check_action("pin asia-1", "www.*", None, "domain www.example.com A, domain www.example.com AAAA");
}

#[test]
fn a_name_with_an_asterisk_is_that_name() {
    check_action("disable", "*.example.com", Some(Kind::Domain), "domain *.example.com A");
    check_action(
        "disable",
        "*?.example.com",
        Some(Kind::Domain),
        "domain www.example.com A, domain www.example.com AAAA, domain *.example.com A",
    );
}

#[test]
fn objects_of_one_kind_are_meant() {
    check_action(
        "disable",
        "www.example.com",
        None,
        "! \"www.example.com\" matches 1 pool and 2 domains; say which with the kind pool or domain",
    );
    check_action(
        "down",
        "*",
        None,
        "! \"*\" matches 5 addresses and 3 pools; say which with the kind address or pool",
    );
    check_action("down", "www.example.com", None, "pool www.example.com");
    check_action(
        "drain",
        "www*",
        Some(Kind::Domain),
        "! \"drain\" is not for objects of kind \"domain\"; allowed: address or pool",
    );
}

#[test]
fn what_matches_nothing_gets_the_nearest_name() {
    check_action(
        "down",
        "223.6.0.3",
        None,
        "! no address or pool matches \"223.6.0.3\"; did you mean \"223.6.0.1\"?",
    );
    check_action("down", "Asia-1", None, "! no address or pool matches \"Asia-1\"; did you mean \"asia-1\"?");
    check_action(
        "disable",
        "ww.example.com/A",
        None,
        "! no address, pool or domain matches \"ww.example.com/A\"; did you mean \"www.example.com/A\"?",
    );
    check_action(
        "up",
        "",
        Some(Kind::Pool),
        "! no pool matches \"\"; valid here: \"asia-1\", \"asia-2\", \"www.example.com\"",
    );
}

#[test]
fn an_override_that_nothing_would_notice_is_refused() {
    let instead = "use \"disable\" or \"down\" instead";
    check_action("drain", "223.6.0.1", None, "address 223.6.0.1");
    check_action(
        "drain",
        "asia-2/*",
        None,
        "address asia-2/223.6.0.1, address asia-2/223.6.0.2, address asia-2/2001:db8::1",
    );
    check_action(
        "drain",
        "asia-1/223.6.0.1",
        None,
        &format!(
            "! drain sets a weight to 0, and nothing that uses address asia-1/223.6.0.1 chooses by weight (asia-1: ordinal); {instead}"
        ),
    );
    check_action("drain", "asia-1", None, "pool asia-1");
    check_action(
        "drain",
        "www.example.com",
        None,
        &format!(
            "! drain sets a weight to 0, and nothing that uses pool www.example.com chooses by weight; {instead}"
        ),
    );
    check_action("pin asia-9", "www.*", None, "! no pool \"asia-9\"; did you mean \"asia-1\"?");
    check_action(
        "pin www.example.com",
        "www.example.com/A",
        None,
        "! the pool \"www.example.com\" is not one of domain www.example.com A; valid here: \"asia-1\", \"asia-2\"",
    );
}

#[track_caller]
fn check_return(pattern: &str, kind: Option<Kind>, expect: &str) {
    let shown = match returning(&model(), pattern, kind) {
        Ok(objects) => shown(&objects),
        Err(error) => format!("! {error}"),
    };
    assert_eq!(shown, expect, "return {pattern}");
}

#[test]
fn only_what_stays_can_return() {
    check_return("asia-*", None, "pool asia-1");
    check_return("www.example.com", None, "domain www.example.com A");
    check_return("*", None, "! \"*\" matches 1 pool and 1 domain");
    check_return("*", Some(Kind::Pool), "pool asia-1");
    check_return(
        "asia-2",
        None,
        "! pool asia-2 needs no return: only one with a policy by ordinal and `preemptive = false` stays",
    );
    check_return("223.5.0.1", None, "! no pool or domain matches \"223.5.0.1\"");
    check_return("*", Some(Kind::Address), "! \"return\" is not for objects of kind \"address\"");
}
