//! What the server says about itself in class CH, where that is configured: its version, and which of several servers it
//! is (RFC 4892 section 2).

use gtm_common::wire::{ede, rtype};

use super::message::{Content, Records};
use crate::config::model::Dns;
use crate::name::Name;

/// Answers a question of class CH. Every other name is somebody else's.
pub(super) fn answer(qname: Name, qtype: u16, dns: &Dns) -> Content<'_> {
    let text = match qname.as_wire() {
        b"\x07version\x04bind\0" | b"\x07version\x06server\0" => &dns.version,
        b"\x02id\x06server\0" | b"\x08hostname\x04bind\0" => &dns.id,
        _ => &None,
    };
    let Some(text) = text else { return Content::refused(ede::NOT_AUTHORITATIVE) };
    let mut content = Content { authoritative: true, ..Content::default() };
    if matches!(qtype, rtype::TXT | rtype::ANY) {
        content.answer.push(Records::Identity { owner: qname, text });
    }
    content
}
