//! A small state, as it is shown.

use super::*;
use crate::control::api::{Answers, Check, DomainAnswer, Generation, Interface, Object, Rate, Service, Verb};

/// 2026-01-01 00:00 UTC.
const NOW: u64 = 1_767_225_600_000;

fn state() -> Status {
    let rate = |total, per_second| Rate { total, per_second };
    let answer = |source: &str, answer: &str| DomainAnswer {
        sources: vec![source.to_owned(), "default".to_owned()],
        answer: answer.to_owned(),
        why: "first available".to_owned(),
    };
    let address = |address: &str, ordinal, state, health, overrides: &[u64]| Address {
        pool: "east".to_owned(),
        address: address.to_owned(),
        ordinal,
        weight: 1,
        state,
        health,
        overrides: overrides.to_vec(),
    };
    Status {
        version: "0.1.0".to_owned(),
        started: NOW - 90_000_000,
        time: NOW,
        generation: Generation { number: 2, since: NOW - 61_000 },
        service: Service {
            listen: vec!["192.0.2.53:53".to_owned()],
            interfaces: vec![Interface { name: "eth0".to_owned(), mode: "native".to_owned() }],
        },
        answers: Answers { kernel: rate(1_000_000, 1234.5), userspace: rate(12, 0.0) },
        domains: vec![Domain {
            name: "www.example.com".to_owned(),
            steered: "A".to_owned(),
            enabled: true,
            state: DomainState::Warning,
            health: DomainState::Warning,
            policy: "nearest-source".to_owned(),
            answers: vec![answer("europe", "192.0.2.2"), answer("asia", "192.0.2.2")],
            overrides: Vec::new(),
        }],
        pools: vec![Pool {
            name: "east".to_owned(),
            kind: "ipv4".to_owned(),
            state: PoolState::Warning,
            health: PoolState::Ok,
            available: 1,
            total: 2,
            policy: "ordinal".to_owned(),
            overrides: Vec::new(),
        }],
        addresses: vec![
            address("192.0.2.1", 1, AddressState::ForcedDown, AddressState::Good, &[3]),
            address("192.0.2.2", 2, AddressState::Good, AddressState::Good, &[]),
        ],
        checks: vec![Check {
            target: "192.0.2.2".to_owned(),
            template: "web".to_owned(),
            verdict: CheckVerdict::Failed,
            since: NOW - 5_000,
            last_error: Some("connection\nrefused".to_owned()),
        }],
        overrides: vec![Override {
            id: 3,
            object: Object::Address { pool: None, target: "192.0.2.1".to_owned() },
            action: Verb::Down,
            pool: None,
            who: "alice".to_owned(),
            reason: "new disk".to_owned(),
            created: NOW - 1000,
            expires: Some(NOW + 3_600_000),
        }],
    }
}

const EXPECT: &str = "\
gtm 0.1.0, since 2025-12-30 23:00:00 (1d 1h)
generation 2, since 2025-12-31 23:58:59 (1m 1s)
serves 192.0.2.53:53, on eth0 (native)
answered by the kernel 1000000 (1234.5/s), by the daemon 12 (0.0/s)

DOMAIN           TYPE  STATE    POLICY          OVERRIDE  CLIENTS          ANSWER NOW
www.example.com  A     warning  nearest-source            europe, default  192.0.2.2
                                                          asia, default    192.0.2.2

POOL  KIND  STATE    AVAILABLE  POLICY   OVERRIDE  HEALTH
east  ipv4  warning        1/2  ordinal            ok

ADDRESS    POOL  ORDINAL  WEIGHT  STATE        OVERRIDE   HEALTH
192.0.2.1  east        1       1  forced down  down (#3)  ok
192.0.2.2  east        2       1  ok

CHECK OF   TEMPLATE  VERDICT  SINCE                    LAST ERROR
192.0.2.2  web       failed   2025-12-31 23:59:55  5s  connection?refused

OVERRIDE  OBJECT             SAYS  SINCE                UNTIL                WHO    REASON
       3  address 192.0.2.1  down  2025-12-31 23:59:59  2026-01-01 01:00:00  alice  new disk";

#[test]
fn everything_is_shown_in_aligned_columns() {
    let shown = text(&state(), &TimeZone::UTC);
    assert!(shown.contains('\u{1b}'), "coloured before it is known where it goes");
    assert_eq!(anstream::adapter::strip_str(&shown).to_string(), EXPECT);
}

#[test]
fn the_real_state_of_an_access_domain_is_shown_where_it_is_another() {
    let mut state = state();
    state.domains[0].health = DomainState::Down;
    let shown = anstream::adapter::strip_str(&text(&state, &TimeZone::UTC)).to_string();
    let expect = "\
DOMAIN           TYPE  STATE    POLICY          OVERRIDE  HEALTH  CLIENTS          ANSWER NOW
www.example.com  A     warning  nearest-source            down    europe, default  192.0.2.2
                                                                  asia, default    192.0.2.2";
    assert!(shown.contains(expect), "{shown}");
}

#[test]
fn tables_without_rows_are_left_out() {
    let empty = Status {
        domains: Vec::new(),
        pools: Vec::new(),
        addresses: Vec::new(),
        checks: Vec::new(),
        overrides: Vec::new(),
        service: Service { interfaces: Vec::new(), ..state().service },
        ..state()
    };
    let shown = anstream::adapter::strip_str(&text(&empty, &TimeZone::UTC)).to_string();
    assert_eq!(shown.lines().count(), 4, "{shown}");
    assert!(shown.contains("no interface: the daemon answers everything"), "{shown}");
}
