//! Turns the configuration of another DNS server into ours, and names every setting that has no equal here.
//!
//! Reads files and writes none: the command line does. What comes out has been loaded as any configuration is.

#![forbid(unsafe_code)]

pub mod gdnsd;
mod report;
mod vscf;

pub use report::Setting;

use crate::config::Problem;

/// A configuration turned into ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Our configuration, as TOML with comments.
    pub config: String,
    /// The zone files it names, without what is steered now.
    pub zones: Vec<ZoneFile>,
    /// What has no equal here, in the order it was found.
    pub settings: Vec<Setting>,
}

/// A zone file to write beside the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneFile {
    /// Name of the file, without a folder.
    pub file_name: String,
    /// What it holds.
    pub text: String,
}

/// Why nothing came out.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The other server's files cannot be read, or are not what it would read.
    #[error("{}", shown(.0))]
    Input(Vec<Problem>),
    /// What came out cannot be loaded.
    #[error("the result cannot be loaded:\n{}", shown(.0))]
    Result(Vec<Problem>),
    /// The folder in which the result is tried out cannot be written.
    #[error("no temporary folder to try the result in: {0}")]
    Temporary(#[from] std::io::Error),
}

fn shown(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
