//! The plugins that answer, and their resources: `plugin!resource`, as zone files and other plugins name them.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::report::{Place, Report};
use super::super::vscf::Data;
use super::context::Context;
use super::node::Node;
use super::pool::{self, Choice, Inherited, Leaf};
use super::section::{Item, Section};
use super::{meta, weighted};

/// The plugins whose resources become pools.
const RESOLVING: &[&str] = &["multifo", "simplefo", "static", "weighted", "metafo", "geoip"];

/// Keys at the top of `metafo` and `geoip`.
const META: &[&str] = &[
    "resources",
    "maps",
    "undefined_datacenters_ok",
    "plugin",
    "service_types",
    "up_thresh",
    "multi",
    "ignore_health",
];

/// The plugins that are configured; those without an equal are named.
pub(super) fn read_plugins<'v>(root: &Section<'v>, report: &Report) -> BTreeMap<&'v str, Item<'v>> {
    let mut plugins = BTreeMap::new();
    let Some(section) = root.take("plugins").and_then(|item| item.expect_section(report)) else {
        return plugins;
    };
    for item in section.rest() {
        match item.key {
            key if RESOLVING.contains(&key) => {
                if let ("metafo" | "geoip", Some(section)) = (key, item.section()) {
                    let unknown = section.rest().into_iter().filter(|item| !META.contains(&item.key));
                    unknown.for_each(|item| {
                        item.no_equal(report, "not a setting of this plugin that is known; left out");
                    });
                }
                plugins.insert(item.key, item);
            }
            // Nothing to configure; what uses them is named where it does.
            "null" | "reflect" => {}
            "extmon" | "extfile" | "http_status" | "tcp_connect" => {
                item.no_equal(report, "settings of this monitoring plugin have no equal");
            }
            _ => item.no_equal(report, "not a plugin that is known; left out"),
        }
    }
    plugins
}

/// The resource that is named so, made when it is first asked for. `place` and `key` are of what names it.
pub(super) fn resolve(
    context: &Context<'_>,
    plugin: &str,
    resource: &str,
    place: &Place,
    key: &str,
) -> Option<Node> {
    let name = format!("{plugin}!{resource}");
    context.used.borrow_mut().insert(name.clone());
    let known = context.resources.borrow().get(&name).cloned();
    match known {
        Some(Some(node)) => return Some(node),
        Some(None) => {
            // In the making, or named already as one that cannot be made.
            let reason = format!("\"{name}\" cannot be used here: it is left out, or leads back to itself");
            context.report.no_equal(place, key, reason);
            return None;
        }
        None => {}
    }
    context.resources.borrow_mut().insert(name.clone(), None);
    let node = make(context, plugin, resource);
    match node {
        Ok(node) => {
            context.resources.borrow_mut().insert(name, Some(node.clone()));
            Some(node)
        }
        Err(reason) => {
            context.report.no_equal(place, key, format!("{reason}; left out"));
            None
        }
    }
}

/// Every resource of the plugins, `plugin` and `resource`, with its place and path.
pub(super) fn all(context: &Context<'_>) -> Vec<(String, String, Place, String)> {
    let mut found = Vec::new();
    for (plugin, item) in &context.plugins {
        let Some(section) = item.section() else { continue };
        let resources = match *plugin {
            "metafo" | "geoip" => section.take("resources").and_then(|item| item.section()),
            _ => Some(section),
        };
        for item in resources.iter().flat_map(Section::rest) {
            let is_setting = ["service_types", "up_thresh", "ignore_health", "multi"].contains(&item.key)
                && *plugin != "static"
                && !matches!(*plugin, "metafo" | "geoip");
            if !is_setting {
                found.push(((*plugin).to_owned(), item.key.to_owned(), item.place.clone(), item.path));
            }
        }
    }
    found
}

fn make(context: &Context<'_>, plugin: &str, resource: &str) -> Result<Node, String> {
    let missing = || format!("there is no resource \"{resource}\" in the plugin \"{plugin}\"");
    match plugin {
        "null" => return Err("the plugin \"null\" answers with unspecified addresses".to_owned()),
        "reflect" => {
            return Err("the plugin \"reflect\" answers with the address of the client".to_owned());
        }
        _ => {}
    }
    let item =
        context.plugins.get(plugin).ok_or_else(|| format!("the plugin \"{plugin}\" is not configured"))?;
    let section = item.section().ok_or_else(missing)?;
    match plugin {
        "metafo" | "geoip" => meta::resource(context, plugin, &section, resource).ok_or_else(missing),
        "static" => {
            let item = section.take(resource).ok_or_else(missing)?;
            static_leaf(context, &item, resource).ok_or_else(missing)
        }
        _ => {
            let settings = Inherited::default().and(&section);
            let item = section.take(resource).ok_or_else(missing)?;
            synthesize(context, plugin, &item, resource, &settings).ok_or_else(|| {
                format!(
                    "the resource \"{resource}\" of the plugin \"{plugin}\" has no address that can be used"
                )
            })
        }
    }
}

/// The resource of an address plugin that an item describes.
pub(super) fn synthesize(
    context: &Context<'_>,
    plugin: &str,
    item: &Item<'_>,
    name: &str,
    settings: &Inherited<'_>,
) -> Option<Node> {
    match plugin {
        "multifo" => multifo(context, item, name, settings).map(Node::Leaf),
        "simplefo" => simplefo(context, item, name, settings).map(Node::Leaf),
        "weighted" => weighted::resource(context, item, name, settings),
        _ => {
            item.no_equal(
                &context.report,
                format!("the plugin \"{plugin}\" cannot be described here; left out"),
            );
            None
        }
    }
}

fn static_leaf(context: &Context<'_>, item: &Item<'_>, name: &str) -> Option<Node> {
    let text = item.text(&context.report)?;
    fixed(context, item, name, text, &Inherited::default()).map(Node::Leaf)
}

/// One address or name.
pub(super) fn fixed(
    context: &Context<'_>,
    item: &Item<'_>,
    name: &str,
    text: &str,
    settings: &Inherited<'_>,
) -> Option<Rc<Leaf>> {
    let address = pool::read_address(context, item, text, settings)?;
    let pools = pool::make_pools(context, item, &[address], settings, Choice::AllUp);
    Some(pool::make_leaf(context, item, name, pools))
}

/// All addresses that are up, when they are enough; else all.
pub(super) fn multifo(
    context: &Context<'_>,
    item: &Item<'_>,
    name: &str,
    settings: &Inherited<'_>,
) -> Option<Rc<Leaf>> {
    leaf_of_families(
        context,
        item,
        name,
        settings,
        &|item, settings| addresses(context, item, settings),
        Choice::AllUp,
    )
}

/// The first address that is up, else the first.
fn simplefo(
    context: &Context<'_>,
    item: &Item<'_>,
    name: &str,
    settings: &Inherited<'_>,
) -> Option<Rc<Leaf>> {
    let read = |item: &Item<'_>, settings: &Inherited<'_>| {
        let Some(section) = item.section() else { return Vec::new() };
        let settings = settings.and(&section);
        ["primary", "secondary"]
            .into_iter()
            .filter_map(|key| section.take(key))
            .filter_map(|item| pool::read_address(context, &item, item.text(&context.report)?, &settings))
            .collect()
    };
    leaf_of_families(context, item, name, settings, &read, Choice::FirstUp)
}

/// A resource whose addresses stand in it directly, or by family in `addrs_v4` and `addrs_v6`.
fn leaf_of_families(
    context: &Context<'_>,
    item: &Item<'_>,
    name: &str,
    settings: &Inherited<'_>,
    read: &dyn Fn(&Item<'_>, &Inherited<'_>) -> Vec<pool::Address>,
    choice: Choice,
) -> Option<Rc<Leaf>> {
    let mut pools = Vec::new();
    let stanzas = families(item);
    if stanzas.is_empty() {
        let settings = item.section().map_or_else(|| settings.clone(), |section| settings.and(&section));
        pools = pool::make_pools(context, item, &read(item, &settings), &settings, choice);
    }
    let outer = item.section().map_or_else(|| settings.clone(), |section| settings.and(&section));
    for stanza in &stanzas {
        let inner = stanza.section().map_or_else(|| outer.clone(), |section| outer.and(&section));
        pools.extend(pool::make_pools(context, stanza, &read(stanza, &inner), &inner, choice));
    }
    (!pools.is_empty()).then(|| pool::make_leaf(context, item, name, pools))
}

/// The stanzas `addrs_v4` and `addrs_v6`; what stands beside them is named.
pub(super) fn families<'v>(item: &Item<'v>) -> Vec<Item<'v>> {
    let Some(section) = item.section() else { return Vec::new() };
    ["addrs_v4", "addrs_v6"].into_iter().filter_map(|key| section.take(key)).collect()
}

/// Labelled addresses; those of an array are labelled by number.
fn addresses(context: &Context<'_>, item: &Item<'_>, settings: &Inherited<'_>) -> Vec<pool::Address> {
    match &item.value.data {
        Data::Hash(_) => {
            let Some(section) = item.section() else { return Vec::new() };
            let settings = settings.and(&section);
            let labelled = section.rest().into_iter();
            labelled
                .filter_map(|item| pool::read_address(context, &item, item.text(&context.report)?, &settings))
                .collect()
        }
        Data::Text(_) | Data::Array(_) => {
            let texts = item.texts(&context.report).into_iter().enumerate();
            let read = |(index, text): (usize, &str)| {
                let mut address = pool::read_address(context, item, text, settings)?;
                address.label = (index + 1).to_string();
                Some(address)
            };
            texts.filter_map(read).collect()
        }
    }
}
