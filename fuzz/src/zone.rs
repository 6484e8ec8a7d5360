//! A zone file: what is loaded is written as text, and that text is the same zone.

use std::collections::BTreeMap;

use gtm_userspace::name::Name;
use gtm_userspace::zone::{self, Node, Zone};

use crate::folder;

/// Loads it as the zone `example`; false when it is refused.
pub fn run(text: &[u8]) -> bool {
    let Ok(zone) = load(text) else { return false };
    let mut lines = Vec::new();
    for (owner, node) in zone.nodes.iter() {
        lines.extend(node.iter().flat_map(|(rtype, set)| set.to_lines(owner, *rtype)));
    }
    let text = lines.join("\n");
    match load(text.as_bytes()) {
        Ok(again) => assert!(records(&again) == records(&zone), "another zone than it was:\n{text}"),
        Err(problems) => panic!("{problems}\nin:\n{text}"),
    }
    true
}

fn load(text: &[u8]) -> Result<Zone, String> {
    let folder = folder(&[("zone", text)]);
    let origin: Name = "example".parse().expect("a name");
    zone::load(&origin, &folder.path().join("zone"), &[])
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn records(zone: &Zone) -> BTreeMap<&Name, &Node> {
    zone.nodes.iter().collect()
}
