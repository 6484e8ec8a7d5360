//! What can go wrong with the kernel, said with what to do about it.

use std::io;

use aya::programs::ProgramError;

/// Why the program could not be loaded, attached or fed.
#[derive(Debug, thiserror::Error)]
pub enum DataplaneError {
    /// Not allowed.
    #[error("no privilege to load BPF programs; run as root or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON")]
    NoPrivilege,
    /// The interface is not there.
    #[error("interface {interface} does not exist; `ip link` lists those that do")]
    NoInterface {
        /// Its configured name.
        interface: String,
    },
    /// The driver cannot run programs.
    #[error(
        "the driver of interface {interface} has no native XDP, or not with this MTU; use xdp_mode = \"generic\" or \
         \"auto\": {}",
        chain(source)
    )]
    NoNativeMode {
        /// Its name.
        interface: String,
        /// What the kernel said.
        source: ProgramError,
    },
    /// Another program is in the way.
    #[error(
        "interface {interface} already has an XDP program; `ip link set dev {interface} xdp off` removes it, \
         if it is not needed"
    )]
    InUse {
        /// Its name.
        interface: String,
    },
    /// Any other refusal to attach.
    #[error("the program could not be attached to interface {interface}: {}", chain(source))]
    Attach {
        /// Its name.
        interface: String,
        /// What the kernel said.
        source: ProgramError,
    },
    /// The kernel is older than those the program is made for.
    #[error(
        "this is Linux {release}, and Linux {needed} or newer is needed to answer in the kernel; \
         `xdp_mode = \"off\"` leaves everything to the daemon"
    )]
    OldKernel {
        /// What it calls itself.
        release: String,
        /// The oldest version that does.
        needed: String,
    },
    /// The object was built for another layout of the maps.
    #[error(
        "the BPF object is not of map layout {}; build gtm anew from one commit",
        gtm_common::abi::ABI_VERSION
    )]
    AbiMismatch,
    /// The kernel did not take the object.
    #[error("the kernel did not create the maps: {}", chain(.0))]
    Load(#[source] aya::EbpfError),
    /// The kernel has no memory for a map, or makes none that large.
    #[error(
        "the kernel has no room for map {map} of {elements} elements, {bytes} bytes: {}; free memory, raise the memory \
         limit of gtm's control group, or configure less; `xdp_mode = \"off\"` leaves everything to the daemon",
        chain(source)
    )]
    NoRoom {
        /// Its name.
        map: &'static str,
        /// How many it was to have.
        elements: u32,
        /// How long they are together.
        bytes: u64,
        /// What the kernel said.
        source: Box<aya::EbpfError>,
    },
    /// The verifier did not take the program, or the kernel lacks something.
    #[error("the kernel did not accept the program: {}", chain(.0))]
    Verify(#[source] ProgramError),
    /// A map cannot be used.
    #[error("map {map}: {problem}")]
    Map {
        /// Its name.
        map: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A table is larger than the maps can address.
    #[error("{what} exceed what one generation holds ({limit})")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much fits.
        limit: u64,
    },
    /// The answer blocks of this generation have used up their room: a new generation is needed.
    #[error("no room for another answer block in this generation")]
    BlocksFull,
    /// The new generation did not answer a sample query as the table does.
    #[error("the new program answered a sample query for {name} wrongly: {problem}")]
    Sample {
        /// The name that was asked.
        name: String,
        /// What was wrong.
        problem: String,
    },
}

impl DataplaneError {
    pub(super) fn map(map: &'static str, problem: impl std::fmt::Display) -> Self {
        Self::Map { map, problem: problem.to_string() }
    }
}

/// An error with its causes, each after a colon.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut whole = error.to_string();
    let mut text = shortened(&whole);
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !whole.contains(&cause_text) {
            text = format!("{text}: {}", shortened(&cause_text));
            whole.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// The verifier's log runs to pages: the first line of an error and its end say what was refused.
fn shortened(text: &str) -> String {
    match text.char_indices().rev().nth(600).and_then(|(end, _)| text.get(end..)) {
        Some(end) => format!("{} ..\n{end}", text.lines().next().unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The system's error at the end of the chain.
pub(super) fn os_error(error: &(dyn std::error::Error + 'static)) -> Option<i32> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(code) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return Some(code);
        }
        current = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_log_the_end_is_shown() {
        assert_eq!(shortened("refused: r1 = 1\ninvalid access"), "refused: r1 = 1\ninvalid access");
        let shown = shortened(&format!("refused: r1 = 1\n{}\ninvalid access", "r2 = 1\n".repeat(1000)));
        assert!(shown.starts_with("refused: r1 = 1 ..\n"), "{shown}");
        assert!(shown.ends_with("r2 = 1\n\ninvalid access"), "{shown}");
        assert!(shown.len() < 650, "{} bytes", shown.len());
    }
}
