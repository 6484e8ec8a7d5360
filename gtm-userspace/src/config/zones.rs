//! `[zone."NAME"]`: which zones there are, and their files.

use std::collections::HashMap;
use std::path::Path;

use super::Problem;
use super::reader::{Node, Table, parse_name};
use super::service::read_path;
use crate::name::Name;
use crate::zone::{self, Zone};

/// Keys of a zone.
pub(super) const KEYS: &[&str] = &["file"];

/// Reads all zones with their files. A zone whose file is bad is returned without records, so that the names in it are
/// not reported as outside every zone.
pub(super) fn read(root: &Table<'_>, folder: &Path) -> Vec<Zone> {
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
        zones.push(read_zone(node, &origin, folder).unwrap_or_else(|| Zone {
            origin,
            file: folder.to_path_buf(),
            nodes: HashMap::new(),
        }));
    }
    zones
}

fn read_zone(node: &Node<'_>, origin: &Name, folder: &Path) -> Option<Zone> {
    let table = node.table()?.with_keys(KEYS);
    let file = table.read("file", |node| read_path(node).map(|path| node.at(path)))?;
    match zone::load(origin, &folder.join(&file.value)) {
        Ok(loaded) => {
            loaded.warnings.into_iter().for_each(|warning| node.report.add_warning(warning));
            Some(loaded.zone)
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
