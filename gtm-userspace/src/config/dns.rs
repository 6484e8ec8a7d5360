//! `[dns]`: whose client subnets count, and what the service says about itself.

use super::model::{Dns, EcsTrust};
use super::reader::{Node, Table, values};
use super::sources::read_prefix;

/// Keys of `[dns]`.
pub(super) const KEYS: &[&str] = &["ecs", "nsid", "version", "id", "extended_errors"];

/// Small enough that an answer which has it and all other options fits the smallest UDP payload.
const MAX_NSID: usize = 64;
/// Longest string of a TXT record (RFC 1035 section 3.3).
const MAX_STRING: usize = 255;

pub(super) fn read(root: &Table<'_>) -> Option<Dns> {
    let Some(node) = root.get("dns") else { return Some(Dns::default()) };
    let table = node.table()?.with_keys(KEYS);
    let ecs = table.read_or("ecs", EcsTrust::Always, read_trust);
    let string = |key, longest| table.read_or(key, None, |node| read_string(node, longest).map(Some));
    let (nsid, version, id) =
        (string("nsid", MAX_NSID), string("version", MAX_STRING), string("id", MAX_STRING));
    let extended_errors = table.read_or("extended_errors", false, Node::boolean);
    Some(Dns { ecs: ecs?, nsid: nsid?, version: version?, id: id?, extended_errors: extended_errors? })
}

fn read_trust(node: &Node<'_>) -> Option<EcsTrust> {
    if node.is_list() {
        return node.distinct_list(read_prefix).map(|prefixes| EcsTrust::Prefixes(values(prefixes)));
    }
    match node.text_or("\"always\", \"never\" or a list of prefixes")? {
        "always" => Some(EcsTrust::Always),
        "never" => Some(EcsTrust::Never),
        _ => {
            node.reject(
                "not one of the choices; allowed \"always\", \"never\" or a list like [\"192.0.2.0/24\"]",
            );
            None
        }
    }
}

fn read_string(node: &Node<'_>, longest: usize) -> Option<String> {
    let text = node.text()?;
    if text.is_empty() || text.len() > longest {
        node.reject(&format!("{} bytes long; allowed 1 to {longest}", text.len()));
        return None;
    }
    Some(text.to_owned())
}
