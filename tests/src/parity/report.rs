//! What became of the queries of a run.

use std::fmt;

use gtm_common::counters::Outcome;

use super::Case;
use crate::dns::records;

/// Queries by what the program did with them.
#[derive(Debug)]
pub struct Report(Vec<Row>);

/// The queries of one outcome.
#[derive(Debug, Clone, Default)]
struct Row {
    all: u64,
    valid: u64,
    /// The first valid one.
    example: Option<String>,
}

impl Default for Report {
    fn default() -> Self {
        Self(vec![Row::default(); Outcome::ALL.len()])
    }
}

impl Report {
    pub(super) fn count(&mut self, outcome: Outcome, case: &Case) {
        let index = Outcome::ALL.iter().position(|other| *other == outcome);
        let Some(row) = index.and_then(|index| self.0.get_mut(index)) else { return };
        row.all += 1;
        if case.is_valid {
            row.valid += 1;
            row.example.get_or_insert_with(|| records(&case.datagram.payload));
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        for (row, other) in self.0.iter_mut().zip(other.0) {
            row.all += other.all;
            row.valid += other.valid;
            row.example = row.example.take().or(other.example);
        }
    }

    /// Queries in all.
    pub fn queries(&self) -> u64 {
        self.0.iter().map(|row| row.all).sum()
    }

    /// Valid queries, and how many of them the program answered.
    pub fn valid(&self) -> (u64, u64) {
        let rows = || Outcome::ALL.iter().zip(&self.0);
        let answered = rows().filter(|(outcome, _)| outcome.is_answer());
        (rows().map(|(_, row)| row.valid).sum(), answered.map(|(_, row)| row.valid).sum())
    }
}

/// A table with a row for each outcome that occurred, then a valid query of each, and the share of the valid queries that
/// the program answered.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = || Outcome::ALL.iter().zip(&self.0).filter(|(_, row)| row.all > 0);
        let (valid, answered) = self.valid();
        writeln!(f, "{:>10} {:>10}", "all", "valid")?;
        for (outcome, row) in rows() {
            writeln!(f, "{:>10} {:>10}  {}", row.all, row.valid, outcome.name())?;
        }
        writeln!(f, "{:>10} {valid:>10}  queries", self.queries())?;
        for (outcome, row) in rows() {
            if let Some(example) = &row.example {
                writeln!(f, "{}, for example: {example}", outcome.name())?;
            }
        }
        let hundredths = (answered * 10_000).checked_div(valid).unwrap_or_default();
        write!(f, "answered in the kernel: {}.{:02} % of the valid ones", hundredths / 100, hundredths % 100)
    }
}
