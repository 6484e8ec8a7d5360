//! Building generations of every size, on one core: from the partition and the model to a program that was tried and is
//! ready to be put in place.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use gtm_tests::cpu::PinnedGuard;
use gtm_userspace::config::Model;
use gtm_userspace::config::model::{
    AccessDomain, Address, Check, CheckId, CheckKind, Initial, Policy, Pool, PoolId, PoolKind, PoolUse,
    Target, Template, TemplateId, Verdict,
};
use gtm_userspace::dataplane::Generation;
use gtm_userspace::decision::{Conditions, Decider};
use gtm_userspace::geo::Partition;
use gtm_userspace::name::Name;
use gtm_userspace::server::Tables;
use gtm_userspace::zone::{Node, RecordSet, Zone};

use super::{figure, kibibytes, map_bytes};
use crate::prefixes::Prefixes;
use crate::program::workload::Table;
use crate::report::{Bar, Report, Unit};

const TYPE_A: u16 = 1;
/// Access domains that share one address.
const SHARING: usize = 10_000;

/// What is configured.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) prefixes: u32,
    pub(super) statics: usize,
    pub(super) domains: usize,
    pub(super) bar: Option<Bar>,
}

/// Measures every case whose name contains `only`.
pub(super) fn measure(rounds: u32, only: &str, report: &mut Report) -> anyhow::Result<()> {
    let case = |name, prefixes, statics, domains, bar| Case { name, prefixes, statics, domains, bar };
    let cases = [
        case("generation of 1M prefixes", 1_000_000, 0, 1000, Some(Bar::at_most(11, 1000.0, 300.0))),
        case("generation of 5M prefixes", 5_000_000, 0, 1000, Some(Bar::at_most(11, 5000.0, 1500.0))),
        case("generation of 1M static names", 1000, 1_000_000, 1000, None),
        case("generation of 100k access domains", 1000, 0, 100_000, None),
        case("generation of 1M access domains", 1000, 0, 1_000_000, None),
    ];
    for case in cases.iter().filter(|case| case.name.contains(only)) {
        measure_build(case, rounds.min(3), report)?;
    }
    if "flip of 10k access domains".contains(only) {
        measure_flip(rounds, report)?;
    }
    Ok(())
}

fn measure_build(case: &Case, rounds: u32, report: &mut Report) -> anyhow::Result<()> {
    let (model, partition) = inputs(case)?;
    let model = Arc::new(model);
    let count = f64::from(u32::try_from(case.statics + case.domains)?);
    let _pinned = PinnedGuard::new()?;
    let (mut whole, mut maps, mut heap) = (Vec::new(), Vec::new(), Vec::new());
    let mut parts: [Vec<f64>; 3] = Default::default();
    for _ in 0..rounds {
        let before = kibibytes("/proc/self/status", "RssAnon:");
        let start = Instant::now();
        let decider = Decider::new(Arc::clone(&model), &partition, Conditions::all_up(&model));
        let has_decided = Instant::now();
        let tables = Arc::new(Tables::of(&model, decider.table()));
        let has_listed = Instant::now();
        let generation = Generation::load(&model.service.listen, &tables, decider.table())?;
        let has_loaded = Instant::now();
        let steps = [(start, has_decided), (has_decided, has_listed), (has_listed, has_loaded)];
        for (part, (from, to)) in parts.iter_mut().zip(steps) {
            part.push(1000.0 * to.duration_since(from).as_secs_f64());
        }
        whole.push(1000.0 * has_loaded.duration_since(start).as_secs_f64());
        maps.push(map_bytes("self")?);
        heap.push(kibibytes("/proc/self/status", "RssAnon:") - before);
        drop(generation);
    }
    report.add(figure(case.name, whole, Unit::Milliseconds, case.bar));
    for (part, values) in
        ["decision and location", "tables of the server", "program and maps"].iter().zip(parts)
    {
        report.add(figure(&format!("{}: {part}", case.name), values, Unit::Milliseconds, None));
    }
    let per_name = |bytes: &[f64]| bytes.iter().map(|bytes| bytes / count).collect();
    if case.prefixes == 1000 {
        report.add(figure(&format!("{}: maps, per name", case.name), per_name(&maps), Unit::Bytes, None));
        // What a round frees is not given back at once: the first one tells.
        let first = heap.first().copied().into_iter().collect::<Vec<_>>();
        report.add(figure(&format!("{}: heap, per name", case.name), per_name(&first), Unit::Bytes, None));
    } else {
        report.add(figure(&format!("{}: maps", case.name), maps, Unit::Bytes, None));
    }
    Ok(())
}

/// From the verdict of one address that many access domains share to the last slot.
fn measure_flip(rounds: u32, report: &mut Report) -> anyhow::Result<()> {
    let (mut model, partition) =
        inputs(&Case { name: "", prefixes: 1000, statics: 0, domains: SHARING, bar: None })?;
    let check = share_one_address(&mut model, 0..SHARING)?;
    let model = Arc::new(model);
    let mut decider = Decider::new(Arc::clone(&model), &partition, Conditions::all_up(&model));
    let tables = Arc::new(Tables::of(&model, decider.table()));
    let mut generation = Generation::load(&model.service.listen, &tables, decider.table())?;
    let _pinned = PinnedGuard::new()?;
    let (mut decisions, mut whole) = (Vec::new(), Vec::new());
    for round in 0..2 * rounds {
        let verdict = if round % 2 == 0 { Verdict::Failed } else { Verdict::Passing };
        let start = Instant::now();
        let changes = decider.set_verdict(check, verdict);
        decisions.push(1000.0 * start.elapsed().as_secs_f64());
        generation.store_all(decider.table(), changes.switches.iter().map(|switch| switch.slot))?;
        whole.push(1000.0 * start.elapsed().as_secs_f64());
        anyhow::ensure!(changes.switches.len() >= SHARING, "{} slots switched", changes.switches.len());
    }
    report.add(figure("flip of 10k access domains, decided and stored", whole, Unit::Milliseconds, None));
    report.add(figure("flip of 10k access domains, decided", decisions, Unit::Milliseconds, None));
    Ok(())
}

/// Has these access domains use one pool of two addresses, the first of which is checked, whoever asks.
pub(super) fn share_one_address(model: &mut Model, domains: Range<usize>) -> anyhow::Result<CheckId> {
    model.templates.push(Template {
        name: "checked".to_owned(),
        kind: CheckKind::Ping,
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        failures: 1,
        successes: 1,
        initial: Initial::Up,
    });
    let check = CheckId(model.checks.len());
    let address = |last: u8| Target::Ip(Ipv4Addr::new(203, 0, 113, last).into());
    model.checks.push(Check { target: address(101), template: TemplateId(model.templates.len() - 1) });
    let mut pool = Pool::new(format!("shared{}", model.pools.len()), PoolKind::Ipv4);
    let checked = Address { checks: vec![check], ..Address::new(address(101), 1) };
    pool.addresses = vec![checked, Address::new(address(102), 2)];
    let id = PoolId(model.pools.len());
    model.pools.push(pool);
    for domain in model.domains.get_mut(domains).context("so many access domains")? {
        domain.policy = Policy::Ordinal;
        domain.pools = vec![PoolUse::new(id, 1)];
    }
    Ok(check)
}

/// The configuration of a case, undecided.
pub(super) fn inputs(case: &Case) -> anyhow::Result<(Model, Partition)> {
    let table = Table { names: 1, name_len: 17, prefixes: Prefixes { count: case.prefixes } };
    let (mut model, partition) = table.inputs()?;
    let domain = model.domains.first().context("one access domain is configured")?.clone();
    model.domains = (0..case.domains)
        .map(|number| Ok(AccessDomain { name: format!("h{number:06x}.gtm.test").parse()?, ..domain.clone() }))
        .collect::<anyhow::Result<_>>()?;
    let zone = model.zones.first().context("one zone is configured")?;
    let mut nodes: HashMap<Name, Node> =
        zone.nodes.iter().map(|(name, node)| (name.clone(), node.clone())).collect();
    for number in 0..case.statics {
        let address = Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(number)?);
        let set = RecordSet { ttl: 300, rdata: vec![address.octets().into()] };
        nodes.insert(format!("s{number:06x}.gtm.test").parse()?, Node::from([(TYPE_A, set)]));
    }
    model.zones = vec![Zone { origin: zone.origin.clone(), source: Arc::default(), nodes: nodes.into() }];
    Ok((model, partition))
}
