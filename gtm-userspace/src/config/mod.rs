//! Configuration: a file becomes a `Model` that is valid by construction, or a list of every problem in it.
//!
//! The file is read as a tree in which each value knows its line; what is written becomes a specification, and that,
//! with its references resolved and held against the zones, the model. Nothing here prints, and geo databases are named
//! but not opened.

#![forbid(unsafe_code)]

mod all_down;
mod control;
mod dns;
mod domain_rules;
mod domains;
mod file;
pub mod model;
mod names;
mod policy;
mod pools;
mod problem;
mod reader;
mod service;
mod socket;
mod source_rules;
mod sources;
mod targets;
mod templates;
#[cfg(test)]
mod tests;
mod zones;

use std::path::Path;

use toml::de::DeTable;

pub(crate) use control::DEFAULT_SOCKET;
pub(crate) use file::read_text;
pub use model::Model;
pub(crate) use names::suggestion;
pub use problem::{ConfigErrors, Problem};
pub(crate) use reader::parse_duration;
pub(crate) use socket::control_socket;

use domains::Known;
use names::Names;
use reader::{Report, Table};

use crate::zone::Zone;

/// Keys at the top of the file.
const KEYS: &[&str] =
    &["version", "service", "dns", "control", "store", "geo", "zone", "source", "template", "pool", "domain"];
/// The only version of the language so far.
const VERSION: u32 = 1;
/// Larger than any real configuration, small enough to read whole.
const MAX_BYTES: u64 = 64 << 20;

/// A configuration that can be used, and what is doubtful in it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the file means.
    pub model: Model,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Problem>,
}

/// Reads a configuration file and the zone files it names.
///
/// Paths in the file are relative to its folder. All problems are reported at once, except that a file that is no TOML,
/// or of another version of the language, is not read further.
pub fn load(path: &Path) -> Result<Loaded, ConfigErrors> {
    load_after(path, &[])
}

/// As [`load`], but a zone whose files are as they were when one of the zones `before` was read from them is taken from
/// there.
pub(crate) fn load_after(path: &Path, before: &[Zone]) -> Result<Loaded, ConfigErrors> {
    let alone = |problem: Problem| ConfigErrors { problems: vec![problem] };
    let text = read_text(path, MAX_BYTES).map_err(alone)?;
    let report = Report::new(path, &text);
    let document = DeTable::parse(&text).map_err(|error| {
        let line = error.span().map(|span| report.line(span.start));
        let message = format!("not valid TOML: {}", error.message().replace('\n', "; "));
        alone(Problem { line, ..Problem::of_file(path, message) })
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let model = read(&Table::root(&report, document.get_ref()), folder, before);
    let (problems, warnings) = report.finish();
    match model {
        Some(model) if problems.is_empty() => Ok(Loaded { model, warnings }),
        _ => Err(ConfigErrors { problems }),
    }
}

fn read(root: &Table<'_>, folder: &Path, before: &[Zone]) -> Option<Model> {
    root.read("version", |node| node.number(VERSION..=VERSION))?;
    root.report_unknown(KEYS);
    let service = service::read(root);
    let dns = dns::read(root);
    let control = control::read_control(root, folder);
    let store = control::read_store(root, folder);
    let geo_databases = service::read_databases(root, folder);
    let zones = zones::read(root, folder, before);
    let mut source_names = Names::new("source");
    let sources = sources::read(root, &mut source_names);
    let mut template_names = Names::new("template");
    let templates = templates::read(root, &mut template_names);
    let mut pool_names = Names::new("pool");
    let (pools, checks) = pools::read(root, &mut pool_names, &template_names, &source_names);
    let known = Known { zones: &zones, source_names: &source_names, pool_names: &pool_names, pools: &pools };
    let domains = domains::read(root, &known);
    zones::warn_of_missing_addresses(root.report, &zones, &domains);
    zones::warn_of_missing_delegations(root.report, &zones);
    source_rules::check(root.report, &source_names, &sources, &pools, &domains);
    for names in [&source_names, &template_names, &pool_names] {
        names.warn_of_unused(root.report);
    }
    Some(Model {
        service: service?,
        dns: dns?,
        control: control?,
        store: store?,
        geo_databases: geo_databases?,
        zones,
        sources,
        templates,
        pools,
        domains,
        checks,
    })
}

/// Every table of the language and its keys: what the documented example must show.
#[cfg(test)]
const LANGUAGE: &[(&str, &[&str])] = &[
    ("", KEYS),
    ("service", service::KEYS),
    ("dns", dns::KEYS),
    ("control", control::CONTROL_KEYS),
    ("store", control::STORE_KEYS),
    ("geo", service::GEO_KEYS),
    ("zone", zones::KEYS),
    ("source", sources::KEYS),
    ("template", templates::KEYS),
    ("pool", pools::KEYS),
    ("pool.address", pools::ADDRESS_KEYS),
    ("domain", domains::KEYS),
    ("domain.pool", domains::USE_KEYS),
];
