//! Measures what a generation costs.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench")]

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use gtm_userspace::config::Model;
use gtm_userspace::config::model::*;
use gtm_userspace::dataplane::Generation;
use gtm_userspace::decision::{Conditions, Decider};
use gtm_userspace::geo::{Class, ClassId, MatchedBy, Partition, SourceMatch};
use gtm_userspace::name::Name;
use gtm_userspace::server::Tables;
use gtm_userspace::zone::{Node, RecordSet, Zone};

fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    line("RssAnon") * 1024
}

fn maps() -> BTreeMap<String, u64> {
    let mut maps = BTreeMap::new();
    for entry in std::fs::read_dir("/proc/self/fdinfo").unwrap() {
        let Ok(text) = std::fs::read_to_string(entry.unwrap().path()) else { continue };
        let get =
            |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
        if let (Some(id), Some(bytes)) = (get("map_id:"), get("memlock:")) {
            maps.insert(id.to_string(), bytes);
        }
    }
    maps
}

fn origin() -> Name {
    "example.com".parse().unwrap()
}

fn zone(names: usize) -> Zone {
    let mut nodes: HashMap<Name, Node> = HashMap::new();
    let soa = [&origin().as_wire()[..], origin().as_wire(), &[0; 16], &60u32.to_be_bytes()].concat();
    let ns: Name = "ns.example.com".parse().unwrap();
    nodes.insert(
        origin(),
        Node::from([
            (6, RecordSet { ttl: 60, rdata: vec![soa.into()] }),
            (2, RecordSet { ttl: 60, rdata: vec![ns.as_wire().into()] }),
        ]),
    );
    for index in 0..names {
        let name: Name = format!("host{index}.example.com").parse().unwrap();
        let address = Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(index).unwrap());
        let set = RecordSet { ttl: 300, rdata: vec![address.octets().into()] };
        nodes.insert(name, Node::from([(1, set)]));
    }
    Zone { origin: origin(), source: Arc::default(), nodes: nodes.into() }
}

fn model(statics: usize, domains: usize, pools: usize) -> Model {
    let mut model = Model::default();
    model.service.listen = vec!["198.51.100.53:53".parse().unwrap()];
    model.zones = vec![zone(statics)];
    model.sources = Vec::new();
    model.templates = vec![Template {
        name: "t".into(),
        kind: CheckKind::Ping,
        interval: std::time::Duration::from_secs(10),
        timeout: std::time::Duration::from_secs(1),
        failures: 1,
        successes: 1,
        initial: Initial::Up,
    }];
    for index in 0..2 * pools {
        let mut pool = Pool::new(format!("pool{index}"), PoolKind::Ipv4);
        let address = Target::Ip(Ipv4Addr::from_bits(0xc000_0200 + u32::try_from(index).unwrap()).into());
        let mut one = Address::new(address.clone(), 1);
        one.checks = vec![CheckId(index)];
        model.checks.push(Check { target: address, template: TemplateId(0) });
        pool.addresses.push(one);
        model.pools.push(pool);
    }
    for index in 0..domains {
        let name: Name = format!("www{index}.example.com").parse().unwrap();
        let mut domain = AccessDomain::new(name, SteeredType::A, Policy::Ordinal);
        let pool = index % pools;
        domain.pools = vec![PoolUse::new(PoolId(2 * pool), 1), PoolUse::new(PoolId(2 * pool + 1), 2)];
        model.domains.push(domain);
    }
    model
}

fn partition() -> Partition {
    let class = Class { matches: vec![SourceMatch { source: SourceId(0), by: MatchedBy::Default }] };
    Partition { classes: vec![class], v4: vec![(0, ClassId(0))], v6: vec![(0, ClassId(0))] }
}

fn main() {
    let args: Vec<usize> = std::env::args().skip(1).map(|arg| arg.parse().unwrap()).collect();
    let (statics, domains, pools) = (args[0], args[1], args[2]);
    let total = u64::try_from(statics + domains).unwrap();
    let time = |what: &str, start: Instant, before: u64| {
        println!(
            "{what:24} {:8.3} s  heap +{} B/name",
            start.elapsed().as_secs_f64(),
            memory().saturating_sub(before) / total
        );
    };
    let (start, before) = (Instant::now(), memory());
    let model = Arc::new(model(statics, domains, pools));
    time("model", start, before);
    let partition = partition();
    let (start, before) = (Instant::now(), memory());
    let mut decider = Decider::new(Arc::clone(&model), &partition, Conditions::all_up(&model));
    time("decider", start, before);
    let (start, before) = (Instant::now(), memory());
    let tables = Arc::new(Tables::of(&model, decider.table()));
    time("tables", start, before);
    let (start, before) = (Instant::now(), memory());
    let mut generation = Generation::load(&model.service.listen, &tables, decider.table()).unwrap();
    time("generation", start, before);
    let maps: u64 = maps().values().sum();
    println!("maps {} B, {} B/name", maps, maps / total);
    for _ in 0..3 {
        for verdict in [Verdict::Failed, Verdict::Passing] {
            let start = Instant::now();
            let changes = decider.set_verdict(CheckId(0), verdict);
            let decided = start.elapsed();
            for switch in &changes.switches {
                generation.store(decider.table(), switch.slot).unwrap();
            }
            println!(
                "flip of {} slots: decided {:?}, stored {:?}",
                changes.switches.len(),
                decided,
                start.elapsed() - decided
            );
        }
    }
}
