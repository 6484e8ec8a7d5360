//! The plugins `metafo` and `geoip`: resources made of other resources, one for each datacenter.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::vscf::Data;
use super::context::Context;
use super::node::{Geo, List, Node};
use super::pool::{Inherited, Target};
use super::resource::{fixed, multifo, resolve, synthesize};
use super::section::{Item, Section};

/// A resource, or with `RESOURCE/DATACENTER` one datacenter of it.
pub(super) fn resource(
    context: &Context<'_>,
    plugin: &str,
    section: &Section<'_>,
    name: &str,
) -> Option<Node> {
    let outer = Inherited::default().and(section);
    let resources = section.take("resources").and_then(|item| item.section())?;
    if let Some(item) = resources.take(name) {
        return read(context, plugin, &item, &outer);
    }
    let (name, datacenter) = name.rsplit_once('/')?;
    // Through the whole resource, so that both have the same pools.
    let item = resources.take(name)?;
    match resolve(context, plugin, name, item.place, &item.path)? {
        Node::Geo(geo) => geo.datacenters.get(datacenter).cloned(),
        Node::List(list) => {
            list.datacenters.iter().find(|(name, _)| name == datacenter).map(|(_, node)| node.clone())
        }
        Node::Leaf(_) | Node::Groups(_) => None,
    }
}

fn read(context: &Context<'_>, plugin: &str, item: &Item<'_>, outer: &Inherited<'_>) -> Option<Node> {
    let section = item.expect_section(&context.report)?;
    let settings = outer.and(&section);
    let map = section.take("map").filter(|_| plugin == "geoip");
    let order = section.take("datacenters").filter(|_| plugin == "metafo");
    let skip_first = section.take("skip_first").and_then(|item| item.boolean(&context.report)) == Some(true);
    let Some(dcmap) = section.take("dcmap").and_then(|item| item.expect_section(&context.report)) else {
        item.no_equal(&context.report, "\"dcmap\" is missing; left out");
        return None;
    };
    for other in section.rest() {
        other.no_equal(&context.report, "not a setting of this plugin that is known; left out");
    }
    let mut datacenters = BTreeMap::new();
    for datacenter in dcmap.rest() {
        let name = format!("{}-{}", item.key, datacenter.key);
        if let Some(node) = read_datacenter(context, &datacenter, &name, &settings) {
            datacenters.insert(datacenter.key.to_owned(), node);
        }
    }
    if let Some(map) = map {
        let name = map.text(&context.report)?;
        if !context.maps.contains_key(name) {
            map.no_equal(&context.report, format!("there is no map \"{name}\"; the resource is left out"));
            return None;
        }
        let (place, path) = (item.place.clone(), item.path.clone());
        return Some(Node::Geo(Rc::new(Geo { map: name.to_owned(), datacenters, skip_first, place, path })));
    }
    let order = order.map(|order| order.texts(&context.report)).unwrap_or_default();
    let datacenters: Vec<(String, Node)> =
        order.iter().filter_map(|name| datacenters.remove_entry(*name)).collect();
    if datacenters.is_empty() {
        item.no_equal(&context.report, "none of its datacenters can be used; the resource is left out");
        return None;
    }
    Some(Node::List(Rc::new(List { datacenters, skip_first })))
}

/// What one datacenter answers, in any of the forms it can be written in.
fn read_datacenter(
    context: &Context<'_>,
    item: &Item<'_>,
    name: &str,
    settings: &Inherited<'_>,
) -> Option<Node> {
    match &item.value.data {
        Data::Text(text) if text.starts_with(['%', '!']) => reference(context, item, text, settings),
        Data::Text(text) => {
            // A name is answered as it is: checks are of addresses.
            let is_name = matches!(Target::parse(text), Some(Target::Name(_)));
            let settings = if is_name { &Inherited::default() } else { settings };
            fixed(context, item, name, text, settings).map(Node::Leaf)
        }
        Data::Array(_) => multifo(context, item, name, settings).map(Node::Leaf),
        Data::Hash(_) => {
            let own = item.section()?.take("plugin");
            let plugin = own.or_else(|| settings.plugin.clone());
            let plugin = plugin.and_then(|item| item.text(&context.report)).unwrap_or("multifo");
            if plugin == "metafo" {
                return read(context, plugin, item, settings);
            }
            synthesize(context, plugin, item, name, settings)
        }
    }
}

/// `%plugin!resource`, or `!resource` of the plugin that is the default here.
fn reference(context: &Context<'_>, item: &Item<'_>, text: &str, settings: &Inherited<'_>) -> Option<Node> {
    let (plugin, resource) = if let Some(rest) = text.strip_prefix('%') {
        rest.split_once('!').unwrap_or((rest, ""))
    } else {
        let default = settings.plugin.as_ref().and_then(|item| item.text(&context.report));
        (default.unwrap_or("multifo"), text.trim_start_matches('!'))
    };
    resolve(context, plugin, resource, item.place, &item.path)
}
