//! gdnsd's configuration and zones as ours (gdnsd 3.8, gdnsd.config(5) and the manual pages of its plugins).
//!
//! `options`, `service_types` and the plugins' resources are read into what they mean; each name of a zone file that uses
//! a resource becomes access domains, and what these use is written. Whatever has no equal is named on the way.

mod city;
mod context;
mod map;
mod meta;
mod naming;
mod node;
mod options;
mod order;
mod pool;
mod resource;
mod section;
mod service;
mod share;
mod steer;
#[cfg(test)]
mod tests;
mod ttl;
mod weighted;
mod write;
mod zone;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use self::context::Context;
use self::map::{Map, Maps};
use self::naming::Naming;
use self::section::{Item, Section};
use self::steer::Steering;
use self::zone::Zone;
use super::report::{Place, Report};
use super::vscf::{self, Data, Hash};
use super::{ImportError, Imported, ZoneFile};
use crate::config::{self, Problem};

/// Name of the configuration in its folder.
const CONFIG: &str = "config";
/// Name of what comes out.
pub const OUTPUT: &str = "gtm.toml";

/// Translates the configuration at `path`, the file or its folder, with the zones beside it. `interfaces` are those whose
/// queries the kernel is to answer; none means that the daemon answers everything.
pub fn import(path: &Path, interfaces: &[String]) -> Result<Imported, ImportError> {
    let path = std::path::absolute(path)?;
    let (folder, file) = locate(&path);
    let value = if file.exists() || !path.is_dir() {
        vscf::load(&file).map_err(|problem| ImportError::Input(vec![problem]))?
    } else {
        // gdnsd serves the zones with every option at its default when there is no file.
        let place = Place { file: file.as_path().into(), line: 1 };
        vscf::Value { place, data: Data::Hash(Hash::default()) }
    };
    let Data::Hash(hash) = &value.data else {
        let problem = Problem::of_file(&file, "is an array; a file of keys is expected");
        return Err(ImportError::Input(vec![problem]));
    };
    let imported = translate(&folder, &file, hash, interfaces)?;
    try_out(&imported)?;
    Ok(imported)
}

/// The folder and the file of a configuration that is named by either.
fn locate(path: &Path) -> (PathBuf, PathBuf) {
    if path.is_dir() {
        (path.to_path_buf(), path.join(CONFIG))
    } else {
        (path.parent().unwrap_or(Path::new("")).to_path_buf(), path.to_path_buf())
    }
}

fn translate(
    folder: &Path,
    file: &Path,
    hash: &Hash,
    interfaces: &[String],
) -> Result<Imported, ImportError> {
    let report = Report::default();
    let root = Section::root(hash);
    let mut naming = Naming::default();
    let options = options::read(&root, &report);
    if options.listen.is_empty()
        && root
            .take("options")
            .and_then(|item| item.section())
            .is_none_or(|section| section.take("listen").is_none())
    {
        let place = Place { file: file.into(), line: 1 };
        let reason = "without it gdnsd listens on every address of the host; the kernel answers for exact addresses: write \
                      each into [service] listen";
        report.no_equal(&place, "options.listen", reason);
    }
    let services = service::read(&root, &mut naming, &report);
    let plugins = resource::read_plugins(&root, &report);
    for item in root.rest() {
        item.no_equal(&report, "not a part of the configuration that is known");
    }
    let mut maps = Maps { report: &report, folder: map::folder(folder), databases: Vec::new() };
    let read_maps = read_maps(plugins.get("geoip"), &mut maps, &mut naming);
    let databases = maps.databases;
    let zones =
        zone::read_all(&folder.join("zones"), options.default_ttl, &report).map_err(ImportError::Input)?;
    let context = Context {
        report,
        services,
        maps: read_maps,
        plugins,
        resources: RefCell::default(),
        used: RefCell::default(),
        naming: RefCell::new(naming),
        ids: Cell::new(0),
    };
    let mut steering = Steering::default();
    for zone in &zones {
        steer(&context, &options, zone, &mut steering);
    }
    keep_unused(&context, &mut steering);
    let zones = with_file_names(zones);
    let config = write::document(
        &context,
        &write::Document {
            file,
            options: &options,
            interfaces,
            databases: databases.iter().map(PathBuf::as_path).collect(),
            zones: &zones,
            steering: &steering,
        },
    );
    let zones = zones.into_iter().map(|(_, file)| file).collect();
    Ok(Imported { config, zones, settings: context.report.into_settings() })
}

fn read_maps(geoip: Option<&Item<'_>>, maps: &mut Maps<'_>, naming: &mut Naming) -> BTreeMap<String, Map> {
    let section = geoip.and_then(Item::section).and_then(|section| section.take("maps"));
    let section = section.and_then(|item| item.expect_section(maps.report));
    let items = section.iter().flat_map(Section::rest);
    let read = items.filter_map(|item| Some((item.key.to_owned(), maps.read(&item, naming)?)));
    read.collect()
}

/// The access domains of a zone.
fn steer(context: &Context<'_>, options: &options::Options, zone: &Zone, steering: &mut Steering) {
    for record in &zone.records {
        let (place, key) = (&record.place, record.key());
        if record.owner.labels().any(|label| label == b"*") {
            let reason = "an access domain is one literal name, not a wildcard; left out";
            context.report.no_equal(place, &key, reason);
            continue;
        }
        let Some(node) = resource::resolve(context, &record.plugin, &record.resource, place, &key) else {
            continue;
        };
        let flat = node.flatten(context);
        let ttl = ttl::of(context, options, record, &flat);
        steering.add(context, record, &flat, &ttl);
    }
}

/// Resources that no name leads to: their pools are written all the same.
fn keep_unused(context: &Context<'_>, steering: &mut Steering) {
    let used: BTreeSet<String> = {
        let used = context.used.borrow();
        // One datacenter of a resource is a use of it.
        used.iter().map(|name| name.split('/').next().unwrap_or(name).to_owned()).collect()
    };
    for (plugin, name, place, path) in resource::all(context) {
        if used.contains(&format!("{plugin}!{name}")) {
            continue;
        }
        let Some(node) = resource::resolve(context, &plugin, &name, &place, &path) else { continue };
        let leaves = node.leaves();
        for leaf in &leaves {
            steering.keep(context, leaf);
        }
        let what = if leaves.len() == 1 {
            "its pool is written"
        } else {
            "its pools are written, not what chooses among them"
        };
        context.report.no_equal(&place, &path, format!("no name of a zone file uses it: {what}"));
    }
}

/// A file for each zone.
fn with_file_names(zones: Vec<Zone>) -> Vec<(Zone, ZoneFile)> {
    let mut given = BTreeSet::new();
    let named = zones.into_iter().map(|zone| {
        let allowed =
            |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
        let name = zone.origin.to_string();
        let base = if name == "." { "root".to_owned() } else { name };
        let base: String =
            base.chars().map(|character| if allowed(character) { character } else { '_' }).collect();
        let mut file_name = format!("{base}.zone");
        let mut number: usize = 2;
        while !given.insert(file_name.clone()) {
            file_name = format!("{base}-{number}.zone");
            number += 1;
        }
        let file = ZoneFile { file_name, text: zone.text.clone() };
        (zone, file)
    });
    named.collect()
}

/// Loads what came out, as it would be loaded later.
fn try_out(imported: &Imported) -> Result<(), ImportError> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(OUTPUT);
    std::fs::write(&path, &imported.config)?;
    for zone in &imported.zones {
        std::fs::write(folder.path().join(&zone.file_name), &zone.text)?;
    }
    config::load(&path).map(drop).map_err(|errors| {
        let without_folder = |problem: Problem| Problem {
            file: problem.file.file_name().map(PathBuf::from).unwrap_or(problem.file),
            ..problem
        };
        ImportError::Result(errors.problems.into_iter().map(without_folder).collect())
    })
}
