//! The configurations that are asked about.

use std::path::Path;

use crate::Service;

/// A configuration in the repository.
#[derive(Debug, PartialEq, Eq)]
pub struct Configuration {
    /// What it is called in reports.
    pub name: &'static str,
    /// Its file, from the root of the repository on.
    pub path: &'static str,
}

/// All of them.
pub const ALL: &[Configuration] = &[
    Configuration { name: "policies", path: "tests/vectors/example.toml" },
    Configuration { name: "scenario", path: "etc/demo/gtm.toml" },
    ZONES,
];

/// Zones with every kind of content.
pub const ZONES: Configuration = Configuration { name: "zones", path: "tests/parity/zones.toml" };

impl Configuration {
    /// Loads it, with every check as it is at the start.
    pub fn load(&self) -> anyhow::Result<Service> {
        Service::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(self.path))
    }
}
