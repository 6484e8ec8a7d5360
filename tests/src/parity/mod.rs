//! The same queries through the program and the server, whose answers must be the same bytes (architecture, invariant
//! 5); only what goes by turn or by chance may differ, within what the table allows. Needs root.

mod check;
mod clients;
pub mod configuration;
mod edns;
mod generator;
mod names;
mod report;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};

use anyhow::{Context as _, bail};

pub use self::check::{Difference, Pair};
pub use self::generator::{Case, Generator};
pub use self::report::Report;

/// Of the valid queries the program must answer at least this share in percent.
pub const LEAST_ANSWERED: u64 = 99;

/// Queries that are made from one seed, about one configuration: what a thread takes at a time, so that the queries of a
/// run do not depend on the number of threads.
const BATCH: u64 = 5000;

/// What is to be asked.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many queries.
    pub queries: u64,
    /// Which.
    pub seed: u64,
}

impl Plan {
    /// Asks on as many threads as there are cores; `progress` hears after every batch how many were asked before it and
    /// with it. An error is the first difference, or that the program answered too few.
    pub fn run(self, progress: impl Fn(u64, u64) + Sync) -> anyhow::Result<Report> {
        let (batches, stop, asked) = (AtomicU64::new(0), AtomicBool::new(false), AtomicU64::new(0));
        let work = || -> anyhow::Result<Report> {
            let (mut pairs, mut report) = (HashMap::new(), Report::default());
            loop {
                let batch = batches.fetch_add(1, Ordering::Relaxed);
                let queries = self.queries.saturating_sub(batch * BATCH).min(BATCH);
                if queries == 0 || stop.load(Ordering::Relaxed) {
                    return Ok(report);
                }
                let done = self.batch(&mut pairs, batch, queries, &mut report);
                done.inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
                let before = asked.fetch_add(queries, Ordering::Relaxed);
                progress(before, before + queries);
            }
        };
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let mut report = Report::default();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
            // All of them are waited for before the first error is told.
            let ends: Vec<_> = threads.into_iter().map(ScopedJoinHandle::join).collect();
            ends.into_iter().try_for_each(|end| {
                report.add(end.unwrap_or_else(|panic| resume_unwind(panic))?);
                anyhow::Ok(())
            })
        })?;
        let (valid, answered) = report.valid();
        if answered * 100 < valid * LEAST_ANSWERED {
            bail!("{report}, and {LEAST_ANSWERED} % are the least");
        }
        Ok(report)
    }

    /// Asks the queries of one batch.
    fn batch(
        self,
        pairs: &mut HashMap<&'static str, (Pair, Generator)>,
        batch: u64,
        queries: u64,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let all = configuration::ALL;
        let configuration = all.get(usize::try_from(batch)? % all.len()).context("no configuration")?;
        let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(batch);
        let (pair, generator) = match pairs.entry(configuration.name) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let pair = Pair::load(configuration).with_context(|| configuration.path)?;
                let generator = Generator::new(&pair.service, seed);
                entry.insert((pair, generator))
            }
        };
        generator.reseed(seed);
        for index in 0..queries {
            let case = generator.next_case();
            match pair.check(&case) {
                Ok(outcome) => report.count(outcome, &case),
                Err(difference) => {
                    bail!("query {index} of batch {batch} of seed {}: {difference}", self.seed)
                }
            }
        }
        Ok(())
    }
}
