//! The worked scenario (semantics section 4) from the demo configuration, and a whole failover on it.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::config;
use crate::decision::changes::{AllDown, Changes, Switch};
use crate::decision::choose::{LastResort, Reason};
use crate::zone::lookup::Found;

const NAME: &str = "www.cloud-example.com";

fn demo() -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/demo/gtm.toml");
    config::load(&path).unwrap_or_else(|errors| panic!("{errors}")).model
}

/// Clients of the scenario: `1.2.4.0/22` and `2400::/16` in CN, `1.64.0.0/15` in HK, `8.0.0.0/12` and `2620::/16` elsewhere.
fn world(model: &Model) -> Partition {
    let of = |name: &str, by| {
        let source = SourceId(model.sources.iter().position(|source| source.name == name).unwrap());
        let everyone = SourceMatch { source: DEFAULT_SOURCE, by: MatchedBy::Default };
        Class { matches: vec![SourceMatch { source, by }, everyone] }
    };
    let nowhere = Class { matches: vec![SourceMatch { source: DEFAULT_SOURCE, by: MatchedBy::Default }] };
    let classes = vec![
        nowhere,
        of("mainland", MatchedBy::Country),
        of("hong-kong", MatchedBy::Country),
        of("overseas", MatchedBy::Continent),
    ];
    let v4 = [
        ("0.0.0.0", 0),
        ("1.2.4.0", 1),
        ("1.2.8.0", 0),
        ("1.64.0.0", 2),
        ("1.66.0.0", 0),
        ("8.0.0.0", 3),
        ("8.16.0.0", 0),
    ];
    let v4 = v4.map(|(start, class)| (start.parse::<Ipv4Addr>().unwrap().to_bits(), ClassId(class)));
    let v6 = [("::", 0), ("2400::", 1), ("2401::", 0), ("2620::", 3), ("2621::", 0)];
    let v6 =
        v6.map(|(start, class)| (start.parse::<std::net::Ipv6Addr>().unwrap().to_bits(), ClassId(class)));
    Partition { classes, v4: v4.to_vec(), v6: v6.to_vec() }
}

const CN: &str = "1.2.4.8";
const HK: &str = "1.64.0.1";
const US: &str = "8.8.8.8";
const NOWHERE: &str = "192.0.2.7";
const DATA_CENTRE: &str = "223.5.0.1";
const HONG_KONG: &str = "223.6.0.1";
const SINGAPORE: &str = "223.7.0.1";

/// The demo with its checks by target.
struct Demo {
    decider: Decider,
    model: Arc<Model>,
}

impl Demo {
    fn new(edit: impl FnOnce(&mut Model)) -> Self {
        let mut model = demo();
        edit(&mut model);
        let partition = world(&model);
        let model = Arc::new(model);
        Self { decider: Decider::new(Arc::clone(&model), &partition, Conditions::all_up(&model)), model }
    }

    #[track_caller]
    fn set(&mut self, target: &str, verdict: Verdict) -> Changes {
        let target = Target::Ip(target.parse().unwrap());
        let check = self.model.checks.iter().position(|check| check.target == target).unwrap();
        self.decider.set_verdict(CheckId(check), verdict)
    }

    fn answer(&self, client: &str, qtype: u16, turn: u32) -> Option<String> {
        let steered = self.decider.table().find(&NAME.parse().unwrap(), qtype, client.parse().unwrap())?;
        let addresses = addresses_of(&steered.answer, turn);
        Some(addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    /// Switches in words: `CN: 223.5.0.1 -> 223.6.0.1`, each slot by the clients it is for.
    fn told(&self, switches: &[Switch]) -> Vec<String> {
        let said =
            |targets: &[&Target]| targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let told = |switch: &Switch| {
            let stops = switch.route.stops.iter();
            let sources =
                stops.filter_map(|stop| stop.source.map(|source| self.model.sources[source.0].name.as_str()));
            let sources: Vec<_> = sources.collect();
            format!(
                "{}: {} -> {}",
                sources.join("+"),
                said(&switch.from.response.targets()),
                said(&switch.to.response.targets())
            )
        };
        let mut told: Vec<_> = switches.iter().map(told).collect();
        told.sort();
        told
    }
}

/// What is down, who asks, what is answered: over IPv4, and the same sites over IPv6.
#[track_caller]
fn check(row: usize, down: &[&str], clients: &[&str], expect: &[&str]) {
    let six = |site: &str| format!("2001:db8:{}::1", &site[4..5]);
    let mut demo = Demo::new(|_| {});
    for site in down {
        demo.set(site, Verdict::Failed);
        demo.set(&six(site), Verdict::Failed);
    }
    for client in clients {
        assert_eq!(
            demo.answer(client, 1, 0).as_deref(),
            Some(expect.join(" ").as_str()),
            "row {row}, {client}, type A"
        );
        let expect: Vec<_> = expect.iter().map(|site| six(site)).collect();
        assert_eq!(demo.answer(client, 28, 0), Some(expect.join(" ")), "row {row}, {client}, type AAAA");
    }
}

#[test]
fn rows_1_to_3_each_client_its_own_site() {
    check(1, &[], &[CN, "2400::1"], &[DATA_CENTRE]);
    check(2, &[], &[HK], &[HONG_KONG]);
    check(3, &[], &[US, "2620::1"], &[SINGAPORE]);
}

#[test]
fn rows_4_to_6_failover_inside_the_pool() {
    check(4, &[DATA_CENTRE], &[CN, "2400::1"], &[HONG_KONG]);
    check(5, &[HONG_KONG], &[HK], &[SINGAPORE]);
    check(6, &[SINGAPORE], &[US, "2620::1"], &[HONG_KONG]);
}

#[test]
fn rows_7_and_8_the_default_pool_when_the_own_one_is_down() {
    check(7, &[HONG_KONG, SINGAPORE], &[HK], &[DATA_CENTRE]);
    check(8, &[HONG_KONG, SINGAPORE], &[US, "2620::1"], &[DATA_CENTRE]);
}

#[test]
fn row_9_all_of_the_default_pool_rotating_when_everything_is_down() {
    let all = [DATA_CENTRE, HONG_KONG, SINGAPORE];
    check(9, &all, &[CN, HK, US, NOWHERE, "2400::1", "2620::1"], &[DATA_CENTRE, HONG_KONG]);
    let mut demo = Demo::new(|_| {});
    for site in all {
        demo.set(site, Verdict::Failed);
    }
    assert_eq!(demo.answer(US, 1, 1).unwrap(), "223.6.0.1 223.5.0.1");
    assert_eq!(demo.answer(US, 1, 2).unwrap(), "223.5.0.1 223.6.0.1");
}

#[test]
fn row_10_back_to_the_smaller_ordinal() {
    let mut demo = Demo::new(|_| {});
    demo.set(DATA_CENTRE, Verdict::Failed);
    demo.set(DATA_CENTRE, Verdict::Passing);
    assert_eq!(demo.answer(CN, 1, 0).unwrap(), DATA_CENTRE);
}

#[test]
fn row_11_disabled_the_zones_own_record() {
    let demo = Demo::new(|model| model.domains.iter_mut().for_each(|domain| domain.enabled = false));
    for client in [CN, HK, US, NOWHERE] {
        assert_eq!(demo.answer(client, 1, 0), None, "{client}");
    }
    let zones = ZoneSet::new(demo.model.zones.clone(), []);
    let name = NAME.parse().unwrap();
    let Found::Records { set, .. } = zones.find(&name, 1).unwrap().find(&name, 1) else {
        panic!("no A record")
    };
    assert_eq!(*set.rdata[0], [203, 0, 113, 80]);
}

#[test]
fn row_12_a_client_in_no_country_is_the_default() {
    check(12, &[], &[NOWHERE, "::1"], &[DATA_CENTRE]);
}

#[test]
fn a_failover_switches_only_the_slots_whose_answer_changes() {
    let mut demo = Demo::new(|_| {});
    let mut step = |target, verdict, expect: &[&str]| {
        let switches = demo.set(target, verdict).switches;
        assert_eq!(demo.told(&switches), expect, "{target} {verdict:?}");
        let slots = answers(demo.decider.table());
        for switch in switches {
            assert_eq!(slots[usize::try_from(switch.slot).unwrap()], compiled(&switch.to.response, 30));
        }
    };
    step(DATA_CENTRE, Verdict::Passing, &[]);
    step(
        DATA_CENTRE,
        Verdict::Failed,
        &["default: 223.5.0.1 -> 223.6.0.1", "mainland: 223.5.0.1 -> 223.6.0.1"],
    );
    step(DATA_CENTRE, Verdict::Failed, &[]);
    step(SINGAPORE, Verdict::Failed, &["overseas+default: 223.7.0.1 -> 223.6.0.1"]);
    step(
        HONG_KONG,
        Verdict::Failed,
        &[
            "default: 223.6.0.1 -> 223.5.0.1 223.6.0.1",
            "hong-kong+default: 223.6.0.1 -> 223.5.0.1 223.6.0.1",
            "mainland: 223.6.0.1 -> 223.5.0.1 223.6.0.1",
            "overseas+default: 223.6.0.1 -> 223.5.0.1 223.6.0.1",
        ],
    );
    step(
        DATA_CENTRE,
        Verdict::Passing,
        &[
            "default: 223.5.0.1 223.6.0.1 -> 223.5.0.1",
            "hong-kong+default: 223.5.0.1 223.6.0.1 -> 223.5.0.1",
            "mainland: 223.5.0.1 223.6.0.1 -> 223.5.0.1",
            "overseas+default: 223.5.0.1 223.6.0.1 -> 223.5.0.1",
        ],
    );
    step(
        SINGAPORE,
        Verdict::Passing,
        &["hong-kong+default: 223.5.0.1 -> 223.7.0.1", "overseas+default: 223.5.0.1 -> 223.7.0.1"],
    );
    step(HONG_KONG, Verdict::Passing, &["hong-kong+default: 223.7.0.1 -> 223.6.0.1"]);
}

#[test]
fn a_switch_tells_slot_domain_and_reasons() {
    let mut demo = Demo::new(|_| {});
    demo.set(HONG_KONG, Verdict::Failed);
    let switches = demo.set(SINGAPORE, Verdict::Failed).switches;
    let told: Vec<_> = switches
        .iter()
        .map(|switch| (switch.domain, switch.from.reason.clone(), switch.to.reason.clone()))
        .collect();
    let own_pool_to_default = |own| (DomainId(0), Reason::Pools(vec![own]), Reason::Pools(vec![0]));
    assert_eq!(told.len(), 2);
    assert!(told.contains(&own_pool_to_default(1)) && told.contains(&own_pool_to_default(2)), "{told:?}");
    let switches = demo.set(DATA_CENTRE, Verdict::Failed).switches;
    assert_eq!(switches.len(), 4);
    assert!(switches.iter().all(|switch| switch.to.reason == Reason::AllDown(LastResort::DefaultPool(0))));
}

#[test]
fn the_all_down_action_is_entered_and_left_once() {
    let mut demo = Demo::new(|_| {});
    let mut changes = |target, verdict| {
        let changes = demo.set(target, verdict).all_down();
        changes.into_iter().map(|(domain, change)| (domain.0, change)).collect::<Vec<_>>()
    };
    assert_eq!(changes(HONG_KONG, Verdict::Failed), []);
    assert_eq!(changes(SINGAPORE, Verdict::Failed), []);
    assert_eq!(changes(DATA_CENTRE, Verdict::Failed), [(0, AllDown::Entered)]);
    assert_eq!(changes(SINGAPORE, Verdict::Passing), [(0, AllDown::Left)]);
    assert_eq!(changes(DATA_CENTRE, Verdict::Passing), []);
}

#[test]
fn a_check_that_does_not_exist_changes_nothing() {
    let mut demo = Demo::new(|_| {});
    let before = demo.decider.conditions().clone();
    assert_eq!(demo.decider.set_verdict(CheckId(1000), Verdict::Failed), Changes::default());
    assert_eq!(*demo.decider.conditions(), before);
}
