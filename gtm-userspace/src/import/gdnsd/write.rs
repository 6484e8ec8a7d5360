//! Our configuration as text, with a comment at each part that says where it came from.

use std::fmt::Write as _;
use std::path::Path;

use super::super::ZoneFile;
use super::context::Context;
use super::map::{Clients, List};
use super::options::Options;
use super::pool::{Address, Pool};
use super::service::{Service, Template, quoted};
use super::steer::{DomainOut, PoolOut, Steering, Variant};
use super::zone::Zone;

/// What is written besides what the context holds.
pub(super) struct Document<'d> {
    /// gdnsd's configuration.
    pub(super) file: &'d Path,
    pub(super) options: &'d Options,
    pub(super) interfaces: &'d [String],
    pub(super) databases: Vec<&'d Path>,
    pub(super) zones: &'d [(Zone, ZoneFile)],
    pub(super) steering: &'d Steering,
}

/// Text in the making.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    /// A comment on a line of its own.
    fn comment(&mut self, text: &str) {
        self.line(&format!("# {}", one_line(text)));
    }

    fn key(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {value}"));
    }
}

/// Comments end with their line: what a file's name or key holds must not.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// The whole configuration.
pub(super) fn document(context: &Context<'_>, document: &Document<'_>) -> String {
    let mut text = Text::default();
    text.comment(&format!("Imported from {} of gdnsd.", document.file.display()));
    text.line("version = 1");
    service(&mut text, document);
    if !document.options.dns.is_empty() {
        text.line("\n[dns]");
        for (key, value) in &document.options.dns {
            text.key(key, value);
        }
    }
    if !document.databases.is_empty() {
        text.line("\n[geo]");
        let paths = document.databases.iter().map(|path| quoted(&path.display().to_string()));
        text.key("databases", &array(paths));
    }
    for (zone, file) in document.zones {
        text.line("");
        text.comment(&zone.file.display().to_string());
        text.line(&format!("[zone.{}]", quoted(&zone.origin.to_string())));
        text.key("file", &quoted(&file.file_name));
    }
    for list in context.maps.values().flat_map(|map| &map.lists) {
        source(&mut text, list);
    }
    for service in context.services.values() {
        if let Service::Checked(template) = service {
            self::template(&mut text, template);
        }
    }
    for pool in &document.steering.pools {
        self::pool(&mut text, pool);
    }
    for domain in &document.steering.domains {
        self::domain(&mut text, domain);
    }
    text.0
}

fn service(text: &mut Text, document: &Document<'_>) {
    text.line("\n[service]");
    let Options { listen, tcp, .. } = document.options;
    if listen.is_empty() {
        text.comment("gdnsd listened on every address of the host; here each one is written.");
        text.key("listen", "[\"127.0.0.1\"]");
    } else {
        text.key("listen", &array(listen.iter().map(|address| quoted(&address.to_string()))));
    }
    if document.interfaces.is_empty() {
        text.comment("The daemon answers everything. To answer in the kernel, write interfaces = [\"eth0\"] or the like instead.");
        text.key("xdp_mode", "\"off\"");
    } else {
        text.key("interfaces", &array(document.interfaces.iter().map(|name| quoted(name))));
    }
    for (key, value) in tcp {
        text.key(key, value);
    }
}

fn source(text: &mut Text, list: &List) {
    let Some(name) = &list.source else { return };
    text.line("");
    text.comment(&format!("{}: {}: {}", list.place, list.path, list.datacenters.join(", ")));
    text.line(&format!("[source.{}]", key(name)));
    let Clients { continents, countries, subdivisions, cities, prefixes, exclude_subdivisions } =
        &list.clients;
    for (key, codes) in [("continents", continents), ("countries", countries), ("subdivisions", subdivisions)]
    {
        if !codes.is_empty() {
            text.key(key, &array(codes.iter().map(|code| quoted(code))));
        }
    }
    if !cities.is_empty() {
        text.key("cities", &array(cities.iter().map(u32::to_string)));
    }
    if !prefixes.is_empty() {
        text.line("prefixes = [");
        for prefix in prefixes {
            text.line(&format!("  {},", quoted(prefix)));
        }
        text.line("]");
    }
    if !exclude_subdivisions.is_empty() {
        text.key("exclude_subdivisions", &array(exclude_subdivisions.iter().map(|code| quoted(code))));
    }
}

fn template(text: &mut Text, template: &Template) {
    text.line("");
    text.comment(&format!("{}: {}", template.place, template.path));
    for comment in &template.comments {
        text.comment(comment);
    }
    text.line(&format!("[template.{}]", key(&template.name)));
    for (key, value) in &template.keys {
        text.key(key, value);
    }
}

fn pool(text: &mut Text, out: &PoolOut) {
    let Pool { kind, policy, judgement, addresses, .. } = &out.pool;
    text.line("");
    text.comment(&format!("{}: {}", out.leaf.place, out.leaf.path));
    match out.variant {
        Variant::Copy(0) => {}
        Variant::Copy(_) => text.comment("The same for clients who get it in another order."),
        Variant::Last => {
            text.comment("Answers as if it were up, for clients whose other pools are all down.");
        }
    }
    text.line(&format!("[pool.{}]", key(&out.name)));
    text.key("kind", &quoted(kind.word()));
    if *policy != "ordinal" {
        text.key("policy", &quoted(policy));
    }
    if let Some(judgement) = judgement.as_ref().filter(|_| out.variant != Variant::Last) {
        text.key("judgement", &quoted(judgement));
    }
    // The templates that most of them have stand at the pool.
    let common = addresses.first().map(|address| address.templates.as_slice()).unwrap_or_default();
    if !common.is_empty() && out.variant != Variant::Last {
        text.key("templates", &templates(common));
    }
    text.line("address = [");
    for (index, address) in addresses.iter().enumerate() {
        let mut keys = format!("address = {}, ordinal = {}", quoted(&address.target.to_string()), index + 1);
        if *policy == "weight" {
            append(&mut keys, "weight", &address.weight.to_string());
        }
        mode(&mut keys, address, common, out.variant);
        text.line(&format!("  {{ {keys} }}, # {}", one_line(&address.label)));
    }
    text.line("]");
}

fn mode(keys: &mut String, address: &Address, common: &[String], variant: Variant) {
    if variant == Variant::Last {
        append(keys, "mode", "\"online\"");
    } else if address.is_down {
        append(keys, "mode", "\"offline\"");
    } else if address.templates != common {
        append(keys, "templates", &templates(&address.templates));
    }
}

fn append(keys: &mut String, key: &str, value: &str) {
    // Writing to a string never fails.
    let _written = write!(keys, ", {key} = {value}");
}

fn templates(names: &[String]) -> String {
    array(names.iter().map(|name| quoted(name)))
}

fn domain(text: &mut Text, domain: &DomainOut) {
    let record = &domain.record;
    text.line("");
    let resource = if record.resource.is_empty() { String::new() } else { format!("!{}", record.resource) };
    text.comment(&format!("{}: {}{resource}", record.place, record.plugin));
    if let Some(comment) = &domain.ttl_comment {
        text.comment(comment);
    }
    text.line("[[domain]]");
    text.key("name", &quoted(&record.owner.to_string()));
    text.key("type", &quoted(domain.steered.word()));
    text.key("ttl", &domain.ttl.to_string());
    text.key("policy", &quoted(domain.policy));
    if domain.is_as_if_up {
        text.key("all_down", "\"as-if-up\"");
    }
    text.line("pool = [");
    for (index, used) in domain.uses.iter().enumerate() {
        let mut keys = format!("pool = {}, ordinal = {}", quoted(&used.pool), index + 1);
        if !used.sources.is_empty() && domain.policy == "nearest-source" {
            append(&mut keys, "sources", &array(used.sources.iter().map(|name| quoted(name))));
        }
        if let Some(weight) = used.weight {
            append(&mut keys, "weight", &weight.to_string());
        }
        text.line(&format!("  {{ {keys} }},"));
    }
    text.line("]");
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A key, in quotes when it needs them.
fn key(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.bytes().all(is_bare) && !name.is_empty() { name.to_owned() } else { quoted(name) }
}
