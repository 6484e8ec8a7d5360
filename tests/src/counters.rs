//! Who answered: what the counters of the XDP program on an interface say.

use std::fmt;

use anyhow::{Context, Result, bail, ensure};
use gtm_common::counters::Outcome;
use gtm_userspace::dataplane::Counters;
use gtm_userspace::dataplane::counters::of_program;

use crate::namespace::Namespace;

/// How often something is tried again because the program was replaced meanwhile.
const ATTEMPTS: u32 = 5;

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnsweredBy {
    /// The XDP program.
    Kernel,
    /// The server of the daemon.
    Userspace,
}

/// The program on an interface and what it has counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The kernel's number of the program; a new generation is a new program, and counts from zero.
    pub program: u32,
    /// Packets by outcome.
    pub counters: Counters,
}

/// What the XDP program on `device` has counted; `None` when there is no program.
pub fn snapshot(namespace: &Namespace, device: &str) -> Result<Option<Snapshot>> {
    for _ in 0..ATTEMPTS {
        let Some(program) = xdp_program(namespace, device)? else { return Ok(None) };
        match of_program(program) {
            Ok(counters) => return Ok(Some(Snapshot { program, counters })),
            Err(error) if xdp_program(namespace, device)? == Some(program) => return Err(error.into()),
            // It was replaced between the two looks, and the old one is gone.
            Err(_) => {}
        }
    }
    bail!("the XDP program on {device} was replaced at each of {ATTEMPTS} looks")
}

/// Asks a question and tells who answered it: the kernel when its program has counted an answer meanwhile.
///
/// Right as long as nobody else asks at the same time. Asks again when the program was replaced meanwhile.
pub fn watch<T>(edge: &Namespace, device: &str, mut ask: impl FnMut() -> T) -> Result<(T, AnsweredBy)> {
    let answered = |snapshot: &Option<Snapshot>| {
        snapshot.as_ref().map(|snapshot| (snapshot.program, snapshot.counters.answered()))
    };
    for _ in 0..ATTEMPTS {
        let before = answered(&snapshot(edge, device)?);
        let answer = ask();
        let after = answered(&snapshot(edge, device)?);
        match (before, after) {
            (Some((old, before)), Some((new, after))) if old == new => {
                let by = if after > before { AnsweredBy::Kernel } else { AnsweredBy::Userspace };
                return Ok((answer, by));
            }
            (None, None) => return Ok((answer, AnsweredBy::Userspace)),
            _ => {}
        }
    }
    bail!("the XDP program on {device} was replaced at each of {ATTEMPTS} questions")
}

/// Asks a question and tells which counters have risen meanwhile, and by how much.
///
/// Frames that are not for one host are left out: the reports of multicast listeners come when they come. Fails when
/// there is no program, or another one than before.
pub fn risen<T>(edge: &Namespace, device: &str, ask: impl FnOnce() -> T) -> Result<(T, Vec<(Outcome, u64)>)> {
    let look = || snapshot(edge, device)?.with_context(|| format!("no XDP program on {device}"));
    let before = look()?;
    let answer = ask();
    let after = look()?;
    ensure!(before.program == after.program, "the XDP program on {device} was replaced meanwhile");
    Ok((answer, difference(&before.counters, &after.counters)))
}

/// The counters that have risen, with how much.
pub fn difference(before: &Counters, after: &Counters) -> Vec<(Outcome, u64)> {
    let pairs = before.iter().zip(after.iter());
    pairs
        .map(|((outcome, before), (_, after))| (outcome, after.saturating_sub(before)))
        .filter(|(outcome, count)| *count > 0 && *outcome != Outcome::PassedNotIp)
        .collect()
}

/// The kernel's number of the XDP program on `device`; `None` when there is none.
pub fn xdp_program(namespace: &Namespace, device: &str) -> Result<Option<u32>> {
    let links = namespace.ip(&["-j", "link", "show", "dev", device])?;
    program_in(&links).with_context(|| format!("what ip says of {device}: {links}"))
}

fn program_in(links: &str) -> Result<Option<u32>> {
    let links: serde_json::Value = serde_json::from_str(links)?;
    let program = links.pointer("/0/xdp/prog/id").and_then(serde_json::Value::as_u64);
    Ok(program.map(u32::try_from).transpose()?)
}

impl fmt::Display for AnsweredBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kernel => "kernel",
            Self::Userspace => "userspace",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(links: &str, expect: Option<u32>) {
        assert_eq!(program_in(links).unwrap(), expect);
    }

    #[test]
    fn program_number_is_read_from_what_ip_prints() {
        check(r#"[{"ifname":"lo"}]"#, None);
        check(r#"[{"ifname":"edge0","xdp":{"mode":1,"prog":{"id":42,"jited":1},"attached":[]}}]"#, Some(42));
        check("[]", None);
    }
}
