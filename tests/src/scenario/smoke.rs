//! All rows of the scenario by themselves: sites are stopped and started, the daemon has to find out, and who answers
//! is counted.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::daemon::Daemon;
use super::network::{Network, Seen, join};
use super::places::{Asker, Family, NAME, Place};
use super::rows::{Expect, ROWS, Row, Steering};
use super::signals::stop_requested;
use super::terminal::{Terminal, Tone};
use crate::counters::AnsweredBy;
use crate::wait::eventually;

/// How long all of a row may take: a check every second, two for a verdict, and as much again for a busy machine.
const ROW_DEADLINE: Duration = Duration::from_secs(8);
/// How long all rows together may take: a broken daemon must not be waited for in every row.
const PLAY_DEADLINE: Duration = Duration::from_secs(80);
/// Widths of the columns for A; names of AAAA are longer.
const WIDTHS_A: [usize; 7] = [3, 20, 14, 20, 20, 11, 6];
const WIDTHS_AAAA: [usize; 7] = [3, 28, 19, 28, 28, 11, 6];
const HEADINGS: [&str; 8] = ["row", "down", "client", "expected", "got", "answered by", "after", "result"];

/// One line of the table.
struct Line {
    row: &'static Row,
    asker: Asker,
    family: Family,
    seen: Seen,
    /// From the change of the sites, or of the configuration, to this answer.
    after: Duration,
    outcome: Outcome,
}

/// Whether a line holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Pass,
    /// Something else was answered.
    WrongAnswer,
    /// The answer is right, but steered answers are for the kernel.
    NotByKernel,
    /// The answer is right, but not the one that was to come before it.
    NotPrepared,
}

/// Plays all rows and prints the tables; true when every row holds and the kernel answered what is steered.
pub fn play(network: &mut Network, daemon: &mut Daemon, terminal: &Terminal) -> Result<bool> {
    let mut lines = Vec::new();
    let mut steering = Steering::Enabled;
    print_head(terminal, Family::Ipv4)?;
    let last_moment = Instant::now() + PLAY_DEADLINE;
    for row in &ROWS {
        let mut prepared = true;
        if let Some((down, place)) = row.before {
            network.set_down(down)?;
            let deadline = last_moment.min(Instant::now() + ROW_DEADLINE);
            for (family, asker) in Family::ALL.into_iter().zip(row.askers.iter().cycle()) {
                prepared &= answered(network, *asker, family, Expect::Only(place), deadline)?.1;
            }
        }
        if row.steering != steering {
            steering = row.steering;
            daemon.steer(steering)?;
        }
        network.set_down(row.down)?;
        let start = Instant::now();
        for family in Family::ALL {
            for &asker in row.askers {
                daemon.check()?;
                let deadline = last_moment.min(start + ROW_DEADLINE);
                let (seen, holds) = answered(network, asker, family, row.expect, deadline)?;
                let outcome = judge(row.expect, &seen, prepared, holds);
                let line = Line { row, asker, family, seen, after: start.elapsed(), outcome };
                if family == Family::Ipv4 {
                    print_line(terminal, &line)?;
                }
                lines.push(line);
            }
        }
    }
    print_head(terminal, Family::Ipv6)?;
    for line in lines.iter().filter(|line| line.family == Family::Ipv6) {
        print_line(terminal, line)?;
    }
    terminal.line("\nrow 9: both addresses in every answer, and each of them first in some")?;
    print_summary(terminal, &lines)
}

fn judge(expect: Expect, seen: &Seen, prepared: bool, holds: bool) -> Outcome {
    // The zone's own records are for the kernel or userspace, as it comes.
    let whoever = expect == Expect::ZoneRecord;
    match (holds, prepared) {
        (false, _) => Outcome::WrongAnswer,
        (true, false) => Outcome::NotPrepared,
        (true, true) if whoever || seen.by == Some(AnsweredBy::Kernel) => Outcome::Pass,
        (true, true) => Outcome::NotByKernel,
    }
}

/// Asks until what is expected has come, in every turn of it, or the deadline is over. The last answer, and whether
/// it held; `by` is the kernel only if all of the right answers came from it.
fn answered(
    network: &Network,
    asker: Asker,
    family: Family,
    expect: Expect,
    deadline: Instant,
) -> Result<(Seen, bool)> {
    let mut expected = expect.addresses(family);
    expected.sort();
    let mut turns: BTreeMap<Vec<IpAddr>, Option<AnsweredBy>> = BTreeMap::new();
    let mut last = Ok(Seen { addresses: Vec::new(), ttl: None, by: None, instead: "not asked".to_owned() });
    let found = eventually(deadline.saturating_duration_since(Instant::now()), "the expected answer", || {
        last = network.ask(asker, family);
        let Ok(seen) = &last else { return Some(()) };
        let mut came = seen.addresses.clone();
        came.sort();
        if came == expected {
            let by = turns.entry(seen.addresses.clone()).or_insert(seen.by);
            if seen.by != Some(AnsweredBy::Kernel) {
                *by = seen.by;
            }
        }
        (turns.len() == expect.turns() || stop_requested()).then_some(())
    });
    ensure!(!stop_requested(), "interrupted");
    let mut seen = last?;
    if let Some(by) = turns.values().find(|by| **by != Some(AnsweredBy::Kernel)) {
        seen.by = *by;
    }
    Ok((seen, found.is_ok()))
}

fn widths(family: Family) -> &'static [usize] {
    match family {
        Family::Ipv4 => &WIDTHS_A,
        Family::Ipv6 => &WIDTHS_AAAA,
    }
}

fn print_head(terminal: &Terminal, family: Family) -> Result<()> {
    let over = match family {
        Family::Ipv4 => "IPv4",
        Family::Ipv6 => "IPv6",
    };
    terminal.heading(&format!("{NAME} {}, asked over {over}", family.record_type()))?;
    Ok(terminal.row(widths(family), &HEADINGS)?)
}

fn print_line(terminal: &Terminal, line: &Line) -> Result<()> {
    let family = line.family;
    let result = match line.outcome {
        Outcome::Pass => terminal.paint(Tone::Good, "pass"),
        Outcome::WrongAnswer => terminal.paint(Tone::Bad, "FAIL: another answer"),
        Outcome::NotByKernel => terminal.paint(Tone::Bad, "FAIL: not by the kernel"),
        Outcome::NotPrepared => terminal.paint(Tone::Bad, "FAIL: no failover before"),
    };
    let cells: [&str; 8] = [
        &format!("{:>3}", line.row.number),
        &line.row.down_text(family),
        &format!("{:2} {}", line.asker.country(), line.asker.address(family)),
        &join(&line.row.expect.addresses(family)),
        &line.seen.text(),
        &line.seen.by_text(),
        &format!("{:.1} s", line.after.as_secs_f64()),
        &result,
    ];
    Ok(terminal.row(widths(family), &cells)?)
}

fn print_summary(terminal: &Terminal, lines: &[Line]) -> Result<bool> {
    // The first row in which an address fails: its first line has the time of the first changed answer.
    if let Some(line) =
        lines.iter().find(|line| line.row.down == [Place::DataCentre] && line.outcome == Outcome::Pass)
    {
        let failed = Place::DataCentre.address(line.family);
        terminal.line(&format!(
            "failover: {:.2} s from the stop of {failed} to the first changed answer",
            line.after.as_secs_f64()
        ))?;
    }
    for family in Family::ALL {
        let steered =
            lines.iter().filter(|line| line.family == family && line.row.expect != Expect::ZoneRecord);
        let (kernel, all) = steered.fold((0, 0), |(kernel, all), line| {
            (kernel + u32::from(line.seen.by == Some(AnsweredBy::Kernel)), all + 1)
        });
        terminal
            .line(&format!("{}: {kernel} of {all} steered answers by the kernel", family.record_type()))?;
    }
    let failed = lines.iter().filter(|line| line.outcome != Outcome::Pass).count();
    let passed = lines.len() - failed;
    let verdict = if failed == 0 {
        terminal.paint(Tone::Good, &format!("all {} rows hold ({passed} answers)", ROWS.len()))
    } else {
        terminal.paint(Tone::Bad, &format!("{failed} of {} answers do not hold", lines.len()))
    };
    terminal.line(&verdict)?;
    Ok(failed == 0)
}
