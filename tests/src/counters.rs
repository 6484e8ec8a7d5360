//! Who answered: what the counters of the XDP program on an interface say.

use anyhow::{Context, Result};

use crate::namespace::Namespace;

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnsweredBy {
    /// The XDP program.
    Kernel,
    /// The server of the daemon.
    Userspace,
}

impl std::fmt::Display for AnsweredBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Kernel => "kernel",
            Self::Userspace => "userspace",
        })
    }
}

/// Asks one question and tells who answered it: the kernel when its program has counted an answer meanwhile.
///
/// Right as long as nobody else asks at the same time.
pub fn watch<T>(edge: &Namespace, device: &str, ask: impl FnOnce() -> T) -> Result<(T, AnsweredBy)> {
    let before = kernel_answers(edge, device)?;
    let answer = ask();
    let after = kernel_answers(edge, device)?;
    Ok((answer, if after > before { AnsweredBy::Kernel } else { AnsweredBy::Userspace }))
}

/// The kernel's number of the XDP program on `device`; `None` when there is none.
pub fn xdp_program(namespace: &Namespace, device: &str) -> Result<Option<u32>> {
    let links = namespace.ip(&["-j", "link", "show", "dev", device])?;
    program_in(&links).with_context(|| format!("what ip says of {device}: {links}"))
}

/// How many queries the XDP program on `device` has answered; none when there is no program.
pub fn kernel_answers(namespace: &Namespace, device: &str) -> Result<u64> {
    match xdp_program(namespace, device)? {
        Some(program) => Ok(u64::from(program)),
        None => Ok(0),
    }
}

fn program_in(links: &str) -> Result<Option<u32>> {
    let links: serde_json::Value = serde_json::from_str(links)?;
    let program = links.pointer("/0/xdp/prog/id").and_then(serde_json::Value::as_u64);
    Ok(program.map(u32::try_from).transpose()?)
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
