//! The twelve rows of the worked scenario, asked with real clients; and with the program off, byte by byte the same.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use gtm_common::counters::Outcome;
use gtm_tests::counters::{risen, xdp_program};
use gtm_tests::scenario::daemon::Daemon;
use gtm_tests::scenario::network::Network;
use gtm_tests::scenario::places::{Asker, EDGE_DEVICE, Family, NAME};
use gtm_tests::scenario::rows::{Expect, ROWS, Row, Steering};
use gtm_tests::{Query, dns, eventually};

use crate::{beside_others, can_run};

/// A check every second, two for a verdict, and time for a busy machine.
const SETTLE: Duration = Duration::from_secs(15);
/// Each CPU takes the turns on its own: after so many questions each address was first.
const TURNS: usize = 16;

#[test]
fn rows_hold_for_dig_and_kdig() {
    if !can_run("rows_hold_for_dig_and_kdig", &["dig", "kdig"]) {
        return;
    }
    let _cpu = beside_others();
    let mut stages = [Stage::build("native")];
    play(&mut stages, |stages, row, asker, family| {
        for stage in stages {
            for tool in [Tool::Dig, Tool::Kdig] {
                stage.ask_with(tool, row, asker, family);
            }
        }
    });
    for stage in stages {
        stage.daemon.stop().unwrap();
    }
}

#[test]
fn rows_without_the_program_have_the_same_bytes() {
    if !can_run("rows_without_the_program_have_the_same_bytes", &[]) {
        return;
    }
    let _cpu = beside_others();
    let mut stages = [Stage::build("native"), Stage::build("off")];
    {
        let [native, off] = &stages;
        assert_eq!(xdp_program(off.network.edge(), EDGE_DEVICE).unwrap(), None);
        for (query, outcome) in NOT_STEERED {
            for family in Family::ALL {
                compare(native, off, Asker::Hk, family, query, outcome);
            }
        }
    }
    play(&mut stages, |[native, off], _row, asker, family| {
        // The subnets are the asker's own, of whose answers the play has made sure.
        let [v4, v6] = Family::ALL.map(|family| asker.address(family).to_string());
        for variant in VARIANTS {
            let query = format!("{variant} rd").replace("TYPE", &family.record_type().to_string());
            let query = query.replace("IPV4", &v4).replace("IPV6", &v6);
            compare(native, off, asker, family, &query, Outcome::Answered);
        }
    });
    for stage in stages {
        stage.daemon.stop().unwrap();
    }
}

/// Ways to ask for the steered name.
const VARIANTS: [&str; 6] = [
    "www.cloud-example.com TYPE",
    "wWw.CLOUD-exAMPLE.com TYPE id=65535 cd ad",
    "www.cloud-example.com TYPE edns=512 do",
    "www.cloud-example.com TYPE edns ecs=IPV4/24",
    "www.cloud-example.com TYPE edns=1232 ecs=IPV6/32 option=10:0102030405060708",
    "www.cloud-example.com TYPE edns ecs=0.0.0.0/0",
];
/// Questions at names without an access domain, and what the program does with them.
const NOT_STEERED: [(&str, Outcome); 4] = [
    ("cloud-example.com SOA edns", Outcome::Answered),
    ("ns1.cloud-example.com A", Outcome::Answered),
    ("none.cloud-example.com AAAA edns ecs=1.64.0.0/24", Outcome::Answered),
    ("example.org A rd", Outcome::AnsweredError),
];

/// The scenario with its daemon, which ends first.
struct Stage {
    daemon: Daemon,
    network: Network,
}

#[derive(Debug, Clone, Copy)]
enum Tool {
    Dig,
    Kdig,
}

/// Brings the stages into the state of each row, waits until every asker is answered so, and calls `each` for all.
fn play<const N: usize>(stages: &mut [Stage; N], mut each: impl FnMut(&mut [Stage; N], &Row, Asker, Family)) {
    let mut steering = Steering::Enabled;
    for row in &ROWS {
        if let Some((down, place)) = row.before {
            for stage in &mut *stages {
                stage.network.set_down(down).unwrap();
            }
            for stage in &mut *stages {
                stage.settle(row.askers, Expect::Only(place), row.number);
            }
        }
        for stage in &mut *stages {
            if steering != row.steering {
                stage.daemon.steer(row.steering).unwrap();
            }
            stage.network.set_down(row.down).unwrap();
        }
        steering = row.steering;
        for stage in &mut *stages {
            stage.settle(row.askers, row.expect, row.number);
        }
        for family in Family::ALL {
            for &asker in row.askers {
                each(stages, row, asker, family);
            }
        }
    }
}

impl Stage {
    fn build(mode: &str) -> Self {
        let network = Network::build().unwrap();
        Self { daemon: Daemon::start_in_mode(&network, mode).unwrap(), network }
    }

    /// Waits until every asker is answered what is expected.
    fn settle(&mut self, askers: &[Asker], expect: Expect, row: u8) {
        for family in Family::ALL {
            for &asker in askers {
                let (client, expected) = (self.network.client(asker, family), addresses(expect, family));
                let settled = eventually(SETTLE, &format!("row {row}, {asker:?}: {expected:?}"), || {
                    self.daemon.check().unwrap();
                    let answer = client.ask(family.server(), NAME, family.record_type()).ok()?;
                    (answer.addresses().into_iter().collect::<BTreeSet<_>>() == expected).then_some(())
                });
                settled.unwrap_or_else(|error| panic!("{error}\n{}", self.daemon.output()));
            }
        }
    }

    /// Asks with a real client until each address was first, and looks at the counters after every question.
    fn ask_with(&self, tool: Tool, row: &Row, asker: Asker, family: Family) {
        let (client, expected) = (self.network.client(asker, family), addresses(row.expect, family));
        let rtype = family.record_type().to_string();
        let mut firsts: BTreeSet<IpAddr> = BTreeSet::new();
        for _ in 0..TURNS {
            let ask = || match tool {
                Tool::Dig => client.dig(family.server(), &["+short", "+tries=1", "+timeout=3", NAME, &rtype]),
                Tool::Kdig => {
                    client.kdig(family.server(), &["+short", "+retry=0", "+timeout=3", NAME, &rtype])
                }
            };
            let (printed, counted) = risen(self.network.edge(), EDGE_DEVICE, ask).unwrap();
            let printed = printed.unwrap();
            let came: Vec<IpAddr> = printed.lines().map(|line| line.parse().unwrap()).collect();
            let what = format!("row {}, {asker:?}, {tool:?}: {printed}", row.number);
            assert_eq!(came.iter().copied().collect::<BTreeSet<_>>(), expected, "{what}");
            assert_eq!(counted, [(Outcome::Answered, 1)], "{what}");
            firsts.extend(came.first());
            if firsts.len() == row.expect.turns() {
                return;
            }
        }
        panic!("row {}, {asker:?}, {tool:?}: {firsts:?} alone came first", row.number);
    }
}

/// One query to both daemons: the same bytes, rotation aside, and the one with a program counts `outcome`.
#[track_caller]
fn compare(native: &Stage, off: &Stage, asker: Asker, family: Family, query: &str, outcome: Outcome) {
    let bytes = query.parse::<Query>().unwrap().bytes();
    let ask = |stage: &Stage| {
        let answer = stage.network.client(asker, family).send(family.server(), &bytes);
        dns::sorted(&answer.unwrap().bytes)
    };
    let (by_native, counted) = risen(native.network.edge(), EDGE_DEVICE, || ask(native)).unwrap();
    let by_off = ask(off);
    let shown = |bytes: &[u8]| dns::shown(bytes);
    assert_eq!(counted, [(outcome, 1)], "{query} from {asker:?}");
    assert!(
        by_native == by_off,
        "{query} from {asker:?}\nnative: {}\noff: {}",
        shown(&by_native),
        shown(&by_off)
    );
}

fn addresses(expect: Expect, family: Family) -> BTreeSet<IpAddr> {
    expect.addresses(family).into_iter().collect()
}
