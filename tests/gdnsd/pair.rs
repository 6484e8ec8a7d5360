//! gdnsd and ours with one case in both: told the same states, asked the same queries, and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use gtm_tests::cpu::PinnedGuard;
use gtm_tests::gdnsd::{States, Up};
use gtm_tests::{Datagram, Gdnsd, Query, Service};
use gtm_userspace::config::model::Target;
use gtm_userspace::dataplane::Generation;
use gtm_userspace::decision::overrides::{Action, Object, Override};
use gtm_userspace::decision::{Response, Selection};
use hickory_proto::op::Message;
use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::opt::EdnsOption;

/// The client of queries that name none.
pub(crate) const CLIENT: &str = "198.51.100.1";
/// The program has answered (uapi/linux/bpf.h).
const XDP_TX: u32 = 3;
/// Networks with a continent each, and most with a country: `file_tests.rs` of the geo module lists and writes them.
const COUNTRIES: &[u8] = include_bytes!("country.mmdb");
/// What every configuration of ours begins with.
const HEAD: &str = r#"
version = 1
service = { listen = ["192.0.2.53", "2001:db8:53::53"], interfaces = ["lo"] }
zone."example.com".file = "zone"
template.checks = { kind = "tcp", port = 80 }
"#;
const ZONE: &str = "$ORIGIN example.com.
@ 3600 SOA ns.example.net. hostmaster.example.net. ( 1 7200 1800 259200 900 )
@ 3600 NS ns.example.net.
";

/// The same resources in both languages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Case {
    /// For messages.
    pub(crate) name: &'static str,
    /// The plugins of gdnsd.
    pub(crate) plugins: String,
    /// The records of its zone `example.com`.
    pub(crate) records: String,
    /// Our sources, pools and access domains.
    pub(crate) ours: String,
    /// Clients that ask, beside [`CLIENT`].
    pub(crate) clients: Vec<IpAddr>,
}

/// Both of them, serving a case.
pub(crate) struct Pair {
    name: &'static str,
    gdnsd: Gdnsd,
    service: Service,
    program: Generation,
    state: String,
}

/// What an answer holds, in any order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reply {
    /// The response code.
    pub(crate) code: u16,
    /// Addresses and names of the answer section.
    pub(crate) records: BTreeSet<String>,
    /// Scope of the client subnet.
    pub(crate) scope: Option<u8>,
    /// TTL of the first record.
    pub(crate) ttl: Option<u32>,
}

/// What gdnsd and we replied to one query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Both {
    pub(crate) theirs: Reply,
    pub(crate) ours: Reply,
}

/// How often each answer was given.
pub(crate) type Shares = BTreeMap<BTreeSet<String>, u32>;

/// What was given in answer to the same query, over and over.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) theirs: Shares,
    pub(crate) server: Shares,
    pub(crate) program: Shares,
}

impl Drawn {
    /// Each with its name.
    pub(crate) fn each(&self) -> [(&'static str, &Shares); 3] {
        [("gdnsd", &self.theirs), ("our server", &self.server), ("our program", &self.program)]
    }
}

impl Case {
    /// Starts both.
    pub(crate) fn start(self) -> Pair {
        let database = [("country.mmdb", COUNTRIES.to_vec())];
        let client: IpAddr = CLIENT.parse().unwrap();
        let clients: BTreeSet<IpAddr> = self.clients.iter().copied().chain([client]).collect();
        let clients: Vec<IpAddr> = clients.into_iter().collect();
        let gdnsd = Gdnsd::start(&self.plugins, &self.records, &database, &clients)
            .unwrap_or_else(|error| panic!("{}: gdnsd: {error:#}", self.name));
        let files = [("zone", ZONE.as_bytes()), ("country.mmdb", COUNTRIES)];
        let service = Service::from_files(&format!("{HEAD}{}", self.ours), &files)
            .unwrap_or_else(|error| panic!("{}: our configuration: {error:#}", self.name));
        let program = service.generation().unwrap();
        let mut pair = Pair { name: self.name, gdnsd, service, program, state: String::new() };
        pair.set("");
        pair
    }
}

impl Pair {
    /// Brings both into a state, in words:
    ///
    /// | word            | gdnsd                              | ours                                        |
    /// |-----------------|------------------------------------|---------------------------------------------|
    /// | `-10.0.0.1`     | monitored as down                  | its check failed                            |
    /// | `10.0.0.1=down` | forced down in `admin_state`; or `up` | an override of the address in all pools  |
    /// | `near=down`     | the same of a data centre          | an override of the pools `near` and `..-near` |
    ///
    /// Everything else is up.
    pub(crate) fn set(&mut self, state: &str) {
        let model = self.service.model();
        let targets: BTreeSet<Target> = model
            .pools
            .iter()
            .flat_map(|pool| &pool.addresses)
            .map(|address| address.target.clone())
            .collect();
        let pools: Vec<String> = model.pools.iter().map(|pool| pool.name.clone()).collect();
        let words: Vec<&str> = state.split_whitespace().collect();

        let is_failed = |target: &Target| words.contains(&format!("-{target}").as_str());
        let failed: BTreeSet<Target> = targets.iter().filter(|target| is_failed(target)).cloned().collect();
        let monitored: States =
            targets.iter().map(|target| (key(target), up(!failed.contains(target)))).collect();
        let failures = words.iter().filter(|word| word.starts_with('-')).count();
        assert_eq!(failures, failed.len(), "{}: {state}: every address is there", self.name);

        let (mut forced, mut overrides) = (States::new(), Vec::new());
        for (object, said) in words.iter().filter_map(|word| word.split_once('=')) {
            let said = up(said == "up");
            if let Some(target) = targets.iter().find(|target| target.to_string() == object) {
                forced.push((format!("{}/checks", key(target)), said));
                add(&mut overrides, Object::Address { pool: None, target: object.to_owned() }, said);
            } else {
                forced.push((format!("*/{object}"), said));
                let meant =
                    pools.iter().filter(|pool| *pool == object || pool.ends_with(&format!("-{object}")));
                for pool in meant {
                    add(&mut overrides, Object::Pool { name: pool.clone() }, said);
                }
            }
        }

        self.gdnsd.set(&monitored, &forced).unwrap();
        for slot in self.service.set_state(&failed, overrides) {
            self.program.store(self.service.decider().table(), slot).unwrap();
        }
        state.clone_into(&mut self.state);
    }

    /// Asks both in the words of [`Query`].
    #[track_caller]
    pub(crate) fn ask(&self, query: &str, client: &str) -> Both {
        let message = query.parse::<Query>().unwrap().bytes();
        let from: IpAddr = client.parse().unwrap();
        let theirs = self.gdnsd.ask(from, &message).unwrap();
        let ours = reply(&self.service.respond(&message, from).unwrap());
        let frame = self.service.datagram(from, &message).unwrap().frame().unwrap();
        // It passes what it leaves to the server. Counters are looked at elsewhere: here they would take most of the time.
        let (verdict, frame) = self.program.run(&frame).unwrap();
        if verdict == XDP_TX {
            let program = reply(&Datagram::read(&frame).unwrap().payload);
            assert_eq!(program, ours, "{}", self.shown(query, client));
        }
        Both { theirs: reply(&theirs), ours }
    }

    /// Both answer the same records, with the same response code and the same scope.
    #[track_caller]
    pub(crate) fn check_from(&self, client: &str, query: &str) {
        let Both { theirs, ours } = self.ask(query, client);
        let shown = |reply: &Reply| format!("{reply}");
        assert!(
            theirs.same_records(&ours) && theirs.scope == ours.scope,
            "{}\n  gdnsd {}\n  ours  {}",
            self.shown(query, client),
            shown(&theirs),
            shown(&ours)
        );
    }

    /// The same from [`CLIENT`].
    #[track_caller]
    pub(crate) fn check(&self, query: &str) {
        self.check_from(CLIENT, query);
    }

    /// What gdnsd and we answer is told apart: an intended difference.
    #[track_caller]
    pub(crate) fn check_differs(&self, query: &str, theirs: &str, ours: &str) {
        let both = self.ask(query, CLIENT);
        assert_eq!(both.theirs.words(), theirs, "{}\n  gdnsd", self.shown(query, CLIENT));
        assert_eq!(both.ours.words(), ours, "{}\n  ours", self.shown(query, CLIENT));
    }

    /// How often gdnsd, our server and our program give each answer to the same query.
    pub(crate) fn drawn(&self, query: &str, count: u32) -> Drawn {
        let message = query.parse::<Query>().unwrap().bytes();
        let client: IpAddr = CLIENT.parse().unwrap();
        let frame = self.service.datagram(client, &message).unwrap().frame().unwrap();
        let _pinned = PinnedGuard::new().unwrap();
        let of = |answer: &dyn Fn() -> Vec<u8>| {
            let mut shares = BTreeMap::new();
            for _ in 0..count {
                *shares.entry(reply(&answer()).records).or_default() += 1;
            }
            shares
        };
        Drawn {
            theirs: of(&|| self.gdnsd.ask(client, &message).unwrap()),
            server: of(&|| self.service.respond(&message, client).unwrap()),
            program: of(&|| {
                let (verdict, frame) = self.program.run(&frame).unwrap();
                assert_eq!(verdict, XDP_TX, "{}", self.shown(query, CLIENT));
                Datagram::read(&frame).unwrap().payload
            }),
        }
    }

    /// The answers that we can give for the one access domain of the case, each with its probability.
    pub(crate) fn probabilities(&self) -> BTreeMap<BTreeSet<String>, f64> {
        let (_, _, choice) = self.service.decider().slots().next().unwrap();
        let Response::Answer { selection, .. } = &choice.response else {
            panic!("{}: {}", self.name, choice.response)
        };
        probabilities(selection)
    }

    /// gdnsd, our server and our program give the answers that were decided, as often as that.
    #[track_caller]
    pub(crate) fn check_shares(&self, query: &str, count: u32) {
        let expected = self.probabilities();
        let (drawn, shown) = (self.drawn(query, count), self.shown(query, CLIENT));
        for (whose, drawn) in drawn.each() {
            assert_shares(&format!("{shown}\n  {whose}"), count, drawn, &expected);
        }
    }

    /// The same of each record alone, whatever it comes together with.
    #[track_caller]
    pub(crate) fn check_record_shares(&self, query: &str, count: u32) {
        let mut expected = BTreeMap::<&String, f64>::new();
        let probabilities = self.probabilities();
        for (answer, probability) in &probabilities {
            for record in answer {
                *expected.entry(record).or_default() += probability;
            }
        }
        let (drawn, shown) = (self.drawn(query, count), self.shown(query, CLIENT));
        for (whose, answers) in drawn.each() {
            let mut drawn = BTreeMap::<&String, u32>::new();
            for (answer, times) in answers {
                for record in answer {
                    *drawn.entry(record).or_default() += times;
                }
            }
            assert_shares(&format!("{shown}\n  {whose}"), count, &drawn, &expected);
        }
    }

    fn shown(&self, query: &str, client: &str) -> String {
        let state = if self.state.is_empty() { "all up" } else { &self.state };
        format!("case {}, state [{state}], {query} from {client}:", self.name)
    }
}

/// Of `count` draws each share is within five and a half standard deviations of its probability, which chance breaks once in
/// twenty-five million.
#[track_caller]
fn assert_shares<K: Ord + fmt::Debug>(
    shown: &str,
    count: u32,
    drawn: &BTreeMap<K, u32>,
    expected: &BTreeMap<K, f64>,
) {
    let shown = format!("{shown}, of {count}: {drawn:?}\n  decided: {expected:?}");
    assert!(drawn.keys().eq(expected.keys()), "{shown}");
    for (answer, probability) in expected {
        let mean = f64::from(count) * probability;
        let deviation = (mean * (1.0 - probability)).max(0.0).sqrt();
        // The probabilities are sums: of a certain answer one is missing a little.
        let tolerance = 5.5 * deviation + 1e-6;
        assert!((f64::from(drawn[answer]) - mean).abs() <= tolerance, "{answer:?}: {shown}");
    }
}

impl Reply {
    fn same_records(&self, other: &Self) -> bool {
        (self.code, &self.records) == (other.code, &other.records)
    }

    /// The records, or the response code.
    pub(crate) fn words(&self) -> String {
        match (self.code, self.records.is_empty()) {
            (0, true) => "NODATA".to_owned(),
            (0, false) => self.records.iter().cloned().collect::<Vec<_>>().join(" "),
            (code, _) => format!("RCODE {code}"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words())?;
        self.scope.map_or(Ok(()), |scope| write!(f, " scope {scope}"))
    }
}

fn up(is_up: bool) -> Up {
    if is_up { Up::Yes } else { Up::No }
}

/// gdnsd writes names with their final dot.
fn key(target: &Target) -> String {
    match target {
        Target::Ip(address) => address.to_string(),
        Target::Name(name) => format!("{name}."),
    }
}

fn add(overrides: &mut Vec<Override>, object: Object, said: Up) {
    let action = if said == Up::Yes { Action::Up } else { Action::Down };
    let id = u64::try_from(overrides.len()).unwrap();
    let (who, reason) = ("test".to_owned(), "as in admin_state".to_owned());
    overrides.push(Override { id, object, action, who, reason, created: 0, expires: None });
}

fn reply(bytes: &[u8]) -> Reply {
    let message = Message::from_vec(bytes).unwrap();
    // Names without their final dot, as our targets are shown.
    let record = |data: &RData| data.to_string().trim_end_matches('.').to_owned();
    let options = message.edns.as_ref().map(|edns| edns.options().as_ref().to_vec()).unwrap_or_default();
    let scope = options.iter().find_map(|(_, option)| {
        if let EdnsOption::Subnet(subnet) = option { Some(subnet.scope_prefix()) } else { None }
    });
    Reply {
        code: message.metadata.response_code.into(),
        records: message.answers.iter().map(|answer| record(&answer.data)).collect(),
        scope,
        ttl: message.answers.first().map(|answer| answer.ttl),
    }
}

/// Every answer that a selection can come to, with its probability.
fn probabilities(selection: &Selection) -> BTreeMap<BTreeSet<String>, f64> {
    match selection {
        Selection::Target(target) => [(BTreeSet::from([target.to_string()]), 1.0)].into(),
        Selection::All(parts) => parts.iter().fold([(BTreeSet::new(), 1.0)].into(), |before, part| {
            let mut both = BTreeMap::new();
            for (records, probability) in &before {
                for (more, share) in probabilities(part) {
                    *both.entry(records | &more).or_default() += probability * share;
                }
            }
            both
        }),
        Selection::Weighted(members) | Selection::Sticky(_, members) => {
            let sum: u32 = members.iter().map(|member| u32::from(member.weight)).sum();
            let mut all = BTreeMap::new();
            for member in members {
                for (records, share) in probabilities(&member.selection) {
                    *all.entry(records).or_default() += share * f64::from(member.weight) / f64::from(sum);
                }
            }
            all
        }
    }
}
