//! What on a host matters for the packet path, as it is and as it would be right. Reads, never changes.
//!
//! Files are read below a root, so that a folder can stand for a host. What only a driver tells is asked of it.
#![forbid(unsafe_code)]

mod driver;
mod files;
mod host;
mod interface;

use serde::Serialize;

use crate::config::model::XdpMode;
pub use driver::Driver;
pub use files::Root;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The interface that it is about; none for the host.
    pub interface: Option<String>,
    /// What it is.
    pub what: &'static str,
    /// How it is.
    pub found: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What would be right, where that is not so.
    pub right: Option<String>,
    /// What makes it right.
    pub command: Option<String>,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Right,
    /// Something should be changed.
    Change,
    /// It cannot be read here, or says nothing by itself.
    Unknown,
}

/// Looks at the host, and at these interfaces of it.
pub fn examine(root: &Root, interfaces: &[String], mode: XdpMode) -> Vec<Finding> {
    let mut findings = host::examine(root);
    for name in interfaces {
        let driver = Driver::ask(name);
        let of_interface = interface::examine(root, name, &driver, mode);
        findings.extend(
            of_interface.into_iter().map(|finding| Finding { interface: Some(name.clone()), ..finding }),
        );
    }
    findings
}

impl Finding {
    fn right(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            interface: None,
            what,
            found: found.into(),
            verdict: Verdict::Right,
            right: None,
            command: None,
        }
    }

    fn unknown(what: &'static str, found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, ..Self::right(what, found) }
    }

    fn not_readable(what: &'static str) -> Self {
        Self::unknown(what, "not readable")
    }

    fn change(
        what: &'static str,
        found: impl Into<String>,
        right: impl Into<String>,
        command: impl Into<Option<String>>,
    ) -> Self {
        let (right, command) = (Some(right.into()), command.into());
        Self { verdict: Verdict::Change, right, command, ..Self::right(what, found) }
    }
}
