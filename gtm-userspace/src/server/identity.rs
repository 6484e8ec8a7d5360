//! What the server says about itself in class CH, where that is configured: its version, and which of several servers it
//! is (RFC 4892 section 2).

use gtm_common::wire::{ede, rtype};

use super::message::{Content, Records};
use crate::config::model::Dns;
use crate::name::Name;

/// The names with a text, where one is configured.
const NAMES: [(&[u8], fn(&Dns) -> &Option<String>); 4] = [
    (b"\x07version\x04bind\0", |dns| &dns.version),
    (b"\x07version\x06server\0", |dns| &dns.version),
    (b"\x02id\x06server\0", |dns| &dns.id),
    (b"\x08hostname\x04bind\0", |dns| &dns.id),
];

/// Every name that is answered.
pub(super) fn names(dns: &Dns) -> impl Iterator<Item = Name> {
    let configured = NAMES.into_iter().filter(|(_, text)| text(dns).is_some());
    configured.filter_map(|(name, _)| Name::from_wire(name).ok())
}

/// Answers a question of class CH. Every other name is somebody else's.
pub(super) fn answer(qname: Name, qtype: u16, dns: &Dns) -> Content<'_> {
    let known = NAMES.into_iter().find(|(name, _)| *name == qname.as_wire());
    let Some(text) = known.and_then(|(_, text)| text(dns).as_deref()) else {
        return Content::refused(ede::NOT_AUTHORITATIVE);
    };
    let mut content = Content { authoritative: true, ..Content::default() };
    if matches!(qtype, rtype::TXT | rtype::ANY) {
        content.answer.push(Records::Identity { owner: qname, text });
    }
    content
}
