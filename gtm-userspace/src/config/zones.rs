//! `[zone."NAME"]`: which zones there are, and their files.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use gtm_common::wire::rtype;

use super::Problem;
use super::model::AccessDomain;
use super::reader::{Node, Report, Table, parse_name};
use super::service::read_path;
use crate::name::Name;
use crate::zone::{self, Nodes, Zone};

/// Keys of a zone.
pub(super) const KEYS: &[&str] = &["file"];

/// Reads all zones with their files. A zone whose file is bad is returned without records, so that the names in it are
/// not reported as outside every zone. A zone whose files are as they were in one of those `before` is taken from there.
pub(super) fn read(root: &Table<'_>, folder: &Path, before: &[Zone]) -> Vec<Zone> {
    let Some(table) = root.get("zone").and_then(Node::table) else { return Vec::new() };
    let mut zones = Vec::new();
    let mut lines = HashMap::new();
    for (name, node) in table.entries() {
        let origin = match parse_name(name) {
            Ok(origin) => origin,
            Err(wrong) => {
                node.report.error(&node.place, format!("{name:?} is {wrong}"));
                continue;
            }
        };
        if let Some(line) = lines.insert(origin.clone(), node.place.line) {
            node.report.error(&node.place, format!("the zone \"{origin}\" is already in line {line}"));
        }
        zones.push(read_zone(node, &origin, folder, before).unwrap_or_else(|| Zone {
            origin,
            source: Arc::default(),
            nodes: Nodes::default(),
        }));
    }
    zones
}

/// Warns of names that records of the zones point at and that have an address neither there nor by steering.
pub(super) fn warn_of_missing_addresses(report: &Report<'_>, zones: &[Zone], domains: &[AccessDomain]) {
    let steered: HashSet<&Name> = domains.iter().map(|domain| &domain.name).collect();
    let missing = zones.iter().flat_map(|zone| &zone.source.without_address);
    for (_, problem) in missing.filter(|(target, _)| !steered.contains(target)) {
        report.add_warning(problem.clone());
    }
}

/// Warns of zones that lie in another one without being delegated there: whoever finds them by way of the other one does
/// not find that they are zones.
pub(super) fn warn_of_missing_delegations(report: &Report<'_>, zones: &[Zone]) {
    for inner in zones {
        let around = zones
            .iter()
            .filter(|zone| zone.origin != inner.origin && inner.origin.is_at_or_below(&zone.origin))
            .max_by_key(|zone| zone.origin.as_wire().len());
        let Some(outer) = around.filter(|outer| outer.records(&inner.origin, rtype::NS).is_none()) else {
            continue;
        };
        let (file, origin) = (outer.source.file(), &inner.origin);
        if let Some(file) = file {
            let message =
                format!("the zone \"{origin}\" lies in this one, which has no NS records for it; add them");
            report.add_warning(Problem::of_file(file, message));
        }
    }
}

fn read_zone(node: &Node<'_>, origin: &Name, folder: &Path, before: &[Zone]) -> Option<Zone> {
    let table = node.table()?.with_keys(KEYS);
    let file = table.read("file", |node| read_path(node).map(|path| node.at(path)))?;
    match zone::load(origin, &folder.join(&file.value), before) {
        Ok(zone) => {
            zone.source.warnings.iter().for_each(|warning| node.report.add_warning(warning.clone()));
            Some(zone)
        }
        Err(problems) => {
            for problem in problems {
                let here =
                    || node.report.error(&file.place, format!("\"{}\" {}", file.value, problem.message));
                match problem {
                    // About the file as a whole: the line that names it is the one to look at.
                    Problem { line: None, .. } => here(),
                    Problem { line: Some(_), .. } => node.report.add_error(problem),
                }
            }
            None
        }
    }
}
