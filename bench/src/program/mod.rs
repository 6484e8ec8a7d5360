//! What the XDP program takes for one packet: the axes of the bar, each against its base in the same rounds.

pub(crate) mod workload;
mod wrapper;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use anyhow::{Context as _, ensure};
use aya::programs::ProgramFd;
use gtm_tests::cpu::PinnedGuard;
use gtm_userspace::dataplane::{Counters, Generation};

use crate::prefixes::Prefixes;
use crate::report::{Bar, Figure, Report, Unit, median};
use workload::{Asked, Table};
use wrapper::{Subject, Wrapper};

/// Frames that are prepared for each measurement: distinct names and senders.
pub(crate) const FRAMES: u32 = 1 << 16;
/// Runs in one round: each frame eight times, and once before that is not measured.
const RUNS: u32 = 8 * FRAMES;
/// What the kernel's trie took at [`TRIE_PREFIXES`] where y2 took [`Y2_NS`] (the design's facts): so much faster or slower
/// is this machine.
const TRIE_NS: f64 = 84.0;
const TRIE_PREFIXES: u32 = 1000;
/// Most prefixes that the trie is given.
const MAX_TRIE: u32 = 1_000_000;
const Y2_NS: f64 = 135.0;

/// What is measured: its name, what is served and asked, and what it is compared with.
struct Case {
    name: &'static str,
    table: Table,
    asked: Asked,
    against: Option<Against>,
}

/// What the figure of a case is divided by, and what the ratio has to be.
struct Against {
    name: &'static str,
    bar: Option<Bar>,
}

impl Case {
    /// Whether the kernel's trie is measured with the same prefixes and senders; five million would take it minutes to hold.
    fn has_trie(&self) -> bool {
        let Table { prefixes, .. } = self.table;
        self.asked == Asked::Hits && self.table == (Table { prefixes, ..BASE }) && prefixes.count <= MAX_TRIE
    }
}

/// A case as it is measured.
struct Measured {
    case: Case,
    wrapper: Wrapper,
    times: Times,
}

/// Nanoseconds of one run with the wrapper, round by round.
#[derive(Default)]
struct Times {
    /// Around nothing: what is subtracted.
    nothing: Vec<f64>,
    /// Around the program.
    program: Vec<f64>,
    /// Around one look-up in the trie, and around the floor, where they are measured.
    trie: Vec<f64>,
    floor: Vec<f64>,
}

impl Times {
    /// What is left without the wrapper, round by round.
    fn alone(&self, of: &[f64]) -> Vec<f64> {
        let nothing = median(&mut self.nothing.clone());
        of.iter().map(|time| time - nothing).collect()
    }
}

const BASE: Table = Table { names: 1000, name_len: 17, prefixes: Prefixes { count: 1000 } };

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name, table, asked, against: Option<(&'static str, u8, f64, f64)>| {
        let against =
            against.map(|(name, row, must, aim)| Against { name, bar: Some(Bar::at_most(row, must, aim)) });
        cases.push(Case { name, table, asked, against });
    };
    let prefixes = |count| Table { prefixes: Prefixes { count }, ..BASE };
    let names = |names| Table { names, ..BASE };
    add("1k names, 1k prefixes", BASE, Asked::Hits, None);
    add("100k prefixes", prefixes(100_000), Asked::Hits, Some(("1k names, 1k prefixes", 2, 1.15, 1.05)));
    add("1M prefixes", prefixes(1_000_000), Asked::Hits, Some(("1k names, 1k prefixes", 2, 1.35, 1.2)));
    add("5M prefixes", prefixes(5_000_000), Asked::Hits, Some(("1k names, 1k prefixes", 2, 1.7, 1.4)));
    add("IPv6", BASE, Asked::HitsV6, Some(("1k names, 1k prefixes", 6, 1.25, 1.1)));
    add("100k IPv6 prefixes", prefixes(100_000), Asked::HitsV6, Some(("IPv6", 3, 1.3, 1.15)));
    add("1M IPv6 prefixes", prefixes(1_000_000), Asked::HitsV6, Some(("IPv6", 3, 1.7, 1.4)));
    add("5M IPv6 prefixes", prefixes(5_000_000), Asked::HitsV6, Some(("IPv6", 3, 2.2, 1.7)));
    add("1 name", names(1), Asked::Hits, None);
    add("1k names", BASE, Asked::Hits, Some(("1 name", 4, 1.1, 1.05)));
    add("100k names", names(100_000), Asked::Hits, Some(("1 name", 4, 1.4, 1.25)));
    add("1M names", names(1_000_000), Asked::Hits, Some(("1 name", 4, 1.8, 1.5)));
    add(
        "names of 255 bytes",
        Table { name_len: 255, ..BASE },
        Asked::Hits,
        Some(("1k names, 1k prefixes", 5, 3.0, 2.0)),
    );
    add("client subnets", BASE, Asked::ClientSubnets, Some(("1k names, 1k prefixes", 6, 1.35, 1.2)));
    add("names that do not exist", BASE, Asked::Missing, Some(("1k names, 1k prefixes", 7, 1.5, 1.2)));
    add("random subdomains", BASE, Asked::Subdomains, Some(("1k names, 1k prefixes", 7, 1.5, 1.2)));
    add("not for us", BASE, Asked::Foreign, None);
    cases
}

/// Measures the cases whose names contain `filter`, and those that they are compared with.
pub(crate) fn measure(rounds: u32, filter: &str, report: &mut Report) -> anyhow::Result<()> {
    let _pinned = PinnedGuard::new()?;
    let all = cases();
    let bases: Vec<&str> = all
        .iter()
        .filter(|case| case.name.contains(filter))
        .filter_map(|case| case.against.as_ref().map(|against| against.name))
        .collect();
    let wanted = |case: &Case| case.name.contains(filter) || bases.contains(&case.name);
    let wanted: Vec<bool> = all.iter().map(wanted).collect();
    let cases: Vec<Case> =
        all.into_iter().zip(wanted).filter_map(|(case, wanted)| wanted.then_some(case)).collect();

    let mut generations: HashMap<Table, (Generation, ProgramFd)> = HashMap::new();
    let mut measured = Vec::new();
    for case in cases {
        eprintln!("prepares {}", case.name);
        if let Entry::Vacant(place) = generations.entry(case.table) {
            let mut generation = case.table.service()?.generation()?;
            let fd = generation.program_fd()?;
            place.insert((generation, fd));
        }
        let trie = case.has_trie().then_some(case.table.prefixes);
        let wrapper = Wrapper::new(&case.table.frames(case.asked)?, trie)?;
        measured.push(Measured { case, wrapper, times: Times::default() });
    }
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        for Measured { case, wrapper, times } in &mut measured {
            let (generation, fd) = generations.get(&case.table).context("loaded before")?;
            let before = generation.counters()?;
            times.nothing.push(wrapper.time(&Subject::Own("nothing"), RUNS)?);
            times.program.push(wrapper.time(&Subject::Other(fd), RUNS)?);
            check(case.asked, &before, &generation.counters()?)?;
            if case.has_trie() {
                times.trie.push(wrapper.time(&Subject::Own("trie"), RUNS)?);
                times.floor.push(wrapper.time(&Subject::Own("reflect"), RUNS)?);
            }
        }
    }
    tell(&measured, report)
}

/// Every packet was answered with records, or with what says that there are none, or passed if it is not for us.
fn check(asked: Asked, before: &Counters, after: &Counters) -> anyhow::Result<()> {
    let steps = before.iter().zip(after.iter()).filter(|((_, before), (_, after))| after != before);
    let outcomes: Vec<&str> = steps.map(|((outcome, _), _)| outcome.name()).collect();
    let expected = if asked == Asked::Foreign { "passed_not_served" } else { "answered" };
    ensure!(outcomes == [expected], "counted {outcomes:?} instead of {expected}");
    Ok(())
}

fn tell(measured: &[Measured], report: &mut Report) -> anyhow::Result<()> {
    let floors: Vec<f64> =
        measured.iter().flat_map(|Measured { times, .. }| times.alone(&times.floor)).collect();
    let floor = median(&mut floors.clone()).max(0.0);
    let tries: Vec<(u32, f64)> = measured
        .iter()
        .filter(|measured| measured.case.has_trie() && measured.case.name != "1k names")
        .map(|Measured { case, times, .. }| {
            (case.table.prefixes.count, median(&mut times.alone(&times.trie)))
        })
        .collect();
    let y2 = tries.iter().find(|(count, _)| *count == TRIE_PREFIXES).map(|(_, trie)| Y2_NS * trie / TRIE_NS);
    let mut add =
        |name: String, values, unit, bar| report.add(Figure::of("program", name, values, unit, bar));
    // About as much as nothing: less than what is subtracted varies by.
    let floors = floors.into_iter().map(|floor| floor.max(0.0)).collect();
    add("floor: reflected".to_owned(), floors, Unit::Nanoseconds, None);
    for (count, trie) in tries {
        add(format!("kernel's trie, one look-up, {count} prefixes"), vec![trie], Unit::Nanoseconds, None);
    }
    if let Some(y2) = y2 {
        add("y2's equivalent on this machine".to_owned(), vec![y2], Unit::Nanoseconds, None);
    }
    for Measured { case, times, .. } in measured {
        let bar = match case.asked {
            Asked::Foreign => Some(Bar::at_most(8, floor + 5.0, floor + 3.0)),
            Asked::Hits if case.name == "1k names, 1k prefixes" => {
                y2.map(|y2| Bar::at_most(1, y2 * 0.6, y2 * 0.4))
            }
            Asked::Hits | Asked::HitsV6 | Asked::ClientSubnets | Asked::Missing | Asked::Subdomains => None,
        };
        let mut alone = times.alone(&times.program);
        add(case.name.to_owned(), alone.clone(), Unit::Nanoseconds, bar);
        let Some(against) = &case.against else { continue };
        let base = measured.iter().find(|base| base.case.name == against.name);
        let base = base.with_context(|| format!("{} is measured as well", against.name))?;
        let bases = base.times.alone(&base.times.program);
        alone.iter_mut().zip(bases).for_each(|(time, base)| *time /= base);
        add(format!("{} / {}", case.name, against.name), alone, Unit::Ratio, against.bar);
    }
    Ok(())
}
