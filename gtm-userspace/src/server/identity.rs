//! What the server says about itself in class CH, where that is configured: its version, and which of several servers it
//! is (RFC 4892 section 2).

use gtm_common::wire::{ede, rtype};

use super::message::{Content, Records};
use crate::config::model::Dns;
use crate::name::Name;

/// The names that may have a text.
const NAMES: [&[u8]; 4] = [VERSION_BIND, VERSION_SERVER, ID_SERVER, HOSTNAME_BIND];
const VERSION_BIND: &[u8] = b"\x07version\x04bind\0";
const VERSION_SERVER: &[u8] = b"\x07version\x06server\0";
const ID_SERVER: &[u8] = b"\x02id\x06server\0";
const HOSTNAME_BIND: &[u8] = b"\x08hostname\x04bind\0";

/// Every name that has a text.
pub(super) fn names(dns: &Dns) -> impl Iterator<Item = Name> {
    let names = NAMES.into_iter().filter_map(|name| Name::from_wire(name).ok());
    names.filter(|name| text(name, dns).is_some())
}

fn text<'d>(name: &Name, dns: &'d Dns) -> Option<&'d str> {
    match name.as_wire() {
        VERSION_BIND | VERSION_SERVER => dns.version.as_deref(),
        ID_SERVER | HOSTNAME_BIND => dns.id.as_deref(),
        _ => None,
    }
}

/// Answers a question of class CH. Every other name is somebody else's.
pub(super) fn answer(qname: Name, qtype: u16, dns: &Dns) -> Content<'_> {
    let Some(text) = text(&qname, dns) else { return Content::refused(ede::NOT_AUTHORITATIVE) };
    let mut content = Content { authoritative: true, ..Content::default() };
    if matches!(qtype, rtype::TXT | rtype::ANY) {
        content.answer.push(Records::Identity { owner: qname, text });
    }
    content
}
