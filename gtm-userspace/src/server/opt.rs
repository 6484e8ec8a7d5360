//! The OPT record of an answer and its options (RFC 6891, 7871, 5001, 8914, 7828). The kernel writes the same, in the same
//! order.

use gtm_common::query::{Ecs, Edns};
use gtm_common::wire::edns::OPT_LEN;
use gtm_common::wire::{MAX_UDP_PAYLOAD, edns, rtype};

use super::Transport;
use super::message::{Content, HEADER_RCODE};
use crate::config::model::Dns;

/// The keepalive option tells time in this many milliseconds (RFC 7828 section 3.1).
const KEEPALIVE_UNIT: u128 = 100;

/// The OPT record that answers one.
pub(super) struct Opt {
    dnssec_ok: bool,
    options: Vec<u8>,
}

impl Opt {
    /// Answers the OPT record of a query: with its client subnet, and with what was asked for, is configured and fits
    /// the answer and the transport.
    pub(super) fn new(query: Edns<'_>, content: &Content<'_>, transport: Transport, dns: &Dns) -> Self {
        let mut opt = Self { dnssec_ok: query.dnssec_ok, options: Vec::new() };
        if let Some(ecs) = query.ecs {
            opt.subnet(ecs, content.scope);
        }
        if let Some(nsid) = dns.nsid.as_ref().filter(|_| query.nsid) {
            opt.option(edns::NSID, nsid.as_bytes());
        }
        if let Some(code) = content.extended_error.filter(|_| dns.extended_errors) {
            opt.option(edns::EDE, &code.to_be_bytes());
        }
        if let Transport::Tcp { idle } = transport
            && query.keepalive
        {
            let units = u16::try_from(idle.as_millis() / KEEPALIVE_UNIT).unwrap_or(u16::MAX);
            opt.option(edns::KEEPALIVE, &units.to_be_bytes());
        }
        opt
    }

    /// Length of the record in bytes.
    pub(super) fn len(&self) -> usize {
        OPT_LEN + self.options.len()
    }

    /// Writes the record of an answer with this response code.
    pub(super) fn write(&self, rcode: u16, bytes: &mut Vec<u8>) {
        let dnssec_ok = if self.dnssec_ok { edns::DO } else { 0 };
        let [_, extended_rcode] = (rcode >> HEADER_RCODE.count_ones()).to_be_bytes();
        bytes.push(0);
        bytes.extend(rtype::OPT.to_be_bytes());
        bytes.extend(MAX_UDP_PAYLOAD.to_be_bytes());
        bytes.extend([extended_rcode, edns::VERSION]);
        bytes.extend(dnssec_ok.to_be_bytes());
        bytes.extend(length(&self.options));
        bytes.extend(&self.options);
    }

    /// The client subnet as it came, with the scope of the answer (RFC 7871 section 7.2.1).
    fn subnet(&mut self, ecs: Ecs<'_>, scope: u8) {
        let [high, low] = ecs.family.to_be_bytes();
        self.option(edns::ECS, &[&[high, low, ecs.source, scope], ecs.address].concat());
    }

    fn option(&mut self, code: u16, data: &[u8]) {
        self.options.extend(code.to_be_bytes());
        self.options.extend(length(data));
        self.options.extend(data);
    }
}

/// The length as it is written. No option is longer than a configured string, so it always fits.
fn length(data: &[u8]) -> [u8; 2] {
    u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes()
}
