//! From the bytes of a query to the bytes of its answer: a function of the message, the client and the tables. It does
//! no input or output and keeps nothing but the turns of the rotation.

use std::net::IpAddr;
use std::time::Duration;

use gtm_common::query::{Ecs, ParseError, Query};
use gtm_common::wire::{MAX_NAME, class, ede, rcode, rtype};

use super::message::{Content, Records, encode};
use super::{Tables, identity};
use crate::decision::Answer;
use crate::decision::answer::Picked;
use crate::decision::table::Steered;
use crate::name::Name;
use crate::zone::lookup::{DNAME, Found};
use crate::zone::{RecordSet, Zone};

/// How many aliases one answer follows, the first included.
const MAX_ALIASES: usize = 16;
/// Response code of a DNAME whose target would be too long (RFC 6672 section 2.2).
const YXDOMAIN: u16 = 6;

/// What a query came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One datagram: the answer has at most 1232 bytes, and no more than the client can take.
    Udp,
    /// A stream: the answer has at most 65,535 bytes.
    Tcp {
        /// How long a connection may be idle, for those who ask (RFC 7828).
        idle: Duration,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The whole message.
    pub bytes: Vec<u8>,
    /// Its response code, extended bits included.
    pub rcode: u16,
}

/// The answer to a message; `None` when it gets none.
pub fn respond(message: &[u8], client: IpAddr, transport: Transport, tables: &Tables) -> Option<Response> {
    match Query::parse(message, tables.dns.ecs.heeds(client)) {
        Err(ParseError::Drop) => None,
        Err(ParseError::Reject(reject)) => {
            let extended_error = (reject.rcode == rcode::NOTIMP).then_some(ede::NOT_SUPPORTED);
            let content = Content { extended_error, ..Content::error(reject.rcode) };
            Some(encode(reject.header, reject.question, reject.edns, &content, transport, &tables.dns))
        }
        Ok(query) => {
            let ecs_client = query.edns.and_then(|edns| edns.ecs).as_ref().and_then(Ecs::client);
            let mut content = answer(&query, ecs_client.unwrap_or(client), tables);
            if ecs_client.is_none() {
                content.scope = 0;
            }
            Some(encode(query.header, Some(query.question), query.edns, &content, transport, &tables.dns))
        }
    }
}

/// What the tables answer to a well-formed query.
fn answer<'t>(query: &Query<'_>, client: IpAddr, tables: &'t Tables) -> Content<'t> {
    let question = query.question;
    let Ok(qname) = Name::from_wire(question.qname) else {
        return Content::error(rcode::FORMERR);
    };
    if matches!(question.qtype, rtype::AXFR | rtype::IXFR) {
        return Content::refused(ede::PROHIBITED);
    }
    match question.qclass {
        class::IN => {}
        class::CH => return identity::answer(qname, question.qtype, &tables.dns),
        // Class ANY as well: RFC 8482 is about types, and nobody but a scanner asks for it.
        _ => return Content::refused(ede::NOT_AUTHORITATIVE),
    }
    let mut content = Content::default();
    content.follow(tables, qname, question.qtype, |content, zone, name| {
        let (rtype, Steered { answer, scope }) = steer(tables, name, question.qtype, client)?;
        content.scope = content.scope.max(scope);
        if let Answer::Empty { rcode } = *answer {
            content.add_nothing(zone, rcode);
            return Some(None);
        }
        let picked = answer.pick(client, |choice| tables.turns.next(name, rtype, choice));
        Some(content.add_steered(name, question.qtype, picked))
    });
    content
}

/// The steered answer, and the type under which its turns are counted. Type ANY gets one record set (RFC 8482), a
/// steered one first.
pub(super) fn steer(tables: &Tables, name: &Name, qtype: u16, client: IpAddr) -> Option<(u16, Steered)> {
    let candidates: &[u16] =
        if qtype == rtype::ANY { &[rtype::ANY, rtype::A, rtype::AAAA] } else { &[qtype] };
    candidates.iter().find_map(|&candidate| Some((candidate, tables.steering.find(name, candidate, client)?)))
}

impl<'t> Content<'t> {
    /// Adds what the zones say to the name and type, along aliases. Of a name that is steered `steered` adds the answer, and
    /// tells which alias is to be followed; `None` leaves the name to its zone.
    pub(super) fn follow(
        &mut self,
        tables: &'t Tables,
        qname: Name,
        qtype: u16,
        mut steered: impl FnMut(&mut Self, &'t Zone, &Name) -> Option<Option<Name>>,
    ) {
        let mut name = qname;
        let mut followed = Vec::new();
        while let Some(zone) = tables.zones.find(&name, qtype) {
            self.authoritative = true;
            let next = match steered(self, zone, &name) {
                Some(next) => next,
                None => self.add_static(zone, &name, qtype, followed.is_empty()),
            };
            followed.push(name);
            match next {
                Some(target) if followed.len() < MAX_ALIASES && !followed.contains(&target) => name = target,
                _ => return,
            }
        }
        if followed.is_empty() {
            *self = Content::refused(ede::NOT_AUTHORITATIVE);
        }
    }

    /// Adds the answer of a steered name without records: nothing of its type, or an error in the place of everything.
    pub(super) fn add_nothing(&mut self, zone: &'t Zone, rcode: u16) {
        if rcode == rcode::NOERROR {
            self.add_soa(zone);
        } else {
            *self = Content { scope: self.scope, ..Content::error(rcode) };
        }
    }

    /// Adds the records of a steered name and says which alias is to be followed.
    pub(super) fn add_steered(&mut self, name: &Name, qtype: u16, picked: Picked) -> Option<Name> {
        self.answer.push(Records::Steered { owner: name.clone(), records: picked.records });
        picked.alias.filter(|_| follows(qtype))
    }

    /// Adds what the zone says and tells which alias is to be followed.
    fn add_static(&mut self, zone: &'t Zone, name: &Name, qtype: u16, is_first: bool) -> Option<Name> {
        match zone.find(name, qtype) {
            Found::Records { rtype, set } => {
                self.answer.push(Records::set(name.clone(), rtype, set));
                None
            }
            Found::Alias(set) => {
                self.answer.push(Records::set(name.clone(), rtype::CNAME, set));
                target(set).filter(|_| follows(qtype))
            }
            Found::Renamed { owner, set } => self.add_renamed(name, owner, set, qtype),
            Found::Referral { cut, servers } => {
                if is_first {
                    self.authoritative = false;
                }
                self.add_referral(zone, cut, servers);
                None
            }
            Found::NoData => {
                self.add_soa(zone);
                None
            }
            Found::NxDomain => {
                // The code speaks of the last name of a chain of aliases (RFC 6604 section 3).
                self.rcode = rcode::NXDOMAIN;
                self.add_soa(zone);
                None
            }
        }
    }

    /// Adds a DNAME record and the CNAME record that it means for this name (RFC 6672 section 3.1).
    fn add_renamed(&mut self, name: &Name, owner: Name, set: &'t RecordSet, qtype: u16) -> Option<Name> {
        let kept = name.as_wire().len().checked_sub(owner.as_wire().len());
        let prefix = kept.and_then(|kept| name.as_wire().get(..kept)).unwrap_or_default();
        let renamed = [prefix, set.rdata.first()?].concat();
        self.answer.push(Records::set(owner, DNAME, set));
        if renamed.len() > MAX_NAME {
            self.rcode = YXDOMAIN;
            return None;
        }
        let renamed = Name::from_wire(&renamed).ok()?;
        self.answer.push(Records::Alias { owner: name.clone(), ttl: set.ttl, target: renamed.clone() });
        Some(renamed).filter(|_| follows(qtype))
    }

    /// Adds the servers of a delegated zone, and their addresses as far as this zone knows them.
    fn add_referral(&mut self, zone: &'t Zone, cut: Name, servers: &'t RecordSet) {
        for server in servers.rdata.iter().filter_map(|rdata| Name::from_wire(rdata).ok()) {
            for rtype in [rtype::A, rtype::AAAA] {
                if let Some(set) = zone.records(&server, rtype) {
                    let glue = Records::set(server.clone(), rtype, set);
                    // Without these the delegation cannot be followed (RFC 9471 section 3.1); the others save a query.
                    if server.is_at_or_below(&cut) { self.glue.push(glue) } else { self.optional.push(glue) }
                }
            }
        }
        self.authority.push(Records::set(cut, rtype::NS, servers));
    }

    /// Adds the SOA record of a negative answer.
    fn add_soa(&mut self, zone: &'t Zone) {
        if let Some((set, ttl)) = zone.negative_soa() {
            self.authority.push(Records::Set { owner: zone.origin.clone(), rtype: rtype::SOA, ttl, set });
        }
    }
}

/// True when a query of this type goes on at the target of a CNAME record (RFC 1034 section 3.6.2).
fn follows(qtype: u16) -> bool {
    !matches!(qtype, rtype::CNAME | rtype::ANY)
}

/// The target of a CNAME record set.
fn target(set: &RecordSet) -> Option<Name> {
    set.rdata.first().and_then(|rdata| Name::from_wire(rdata).ok())
}

#[cfg(test)]
mod tests;
