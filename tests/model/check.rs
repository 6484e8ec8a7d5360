//! One access domain asked for by one client: is every answer among those that the reference expects?

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use gtm_common::wire::{rcode, rtype};
use gtm_userspace::config::model::{AccessDomain, SteeredType, Target};
use gtm_userspace::name::Name;

use crate::client::{Client, first, last};
use crate::expected::{Expected, Held, List, length};
use crate::reference::{Reference, domain_name};
use crate::reply::Reply;
use crate::world::World;

/// Answers in a row by which the shares of weights are judged, and by how many a share may be off: the sequence that picks
/// is even, but not quite.
const SHARE_ANSWERS: u32 = 60;
const SHARE_TOLERANCE: u32 = 4;

/// Which members client prefixes got.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    last: BTreeMap<Prefix, (Members, String)>,
    of: BTreeMap<(Prefix, Members), String>,
}

/// Members by name, with their weights.
type Members = BTreeMap<String, u32>;
/// Access domain, level, and a prefix of clients.
type Prefix = (String, String, IpAddr, u8);

/// What is asked.
pub(crate) struct Asked<'a> {
    pub(crate) domain: &'a AccessDomain,
    pub(crate) client: Client,
    /// Whether the shares of weights are judged, which takes many answers.
    pub(crate) shares: bool,
}

impl Asked<'_> {
    /// Asks, and says what is wrong.
    pub(crate) fn check(&self, world: &World, reference: &Reference, kept: &mut Kept) -> Result<(), String> {
        let (domain, address) = (self.domain, self.client.address());
        let (expected, _) = reference.answer(domain, address);
        let qtypes: &[u16] = match domain.steered {
            SteeredType::A => &[rtype::A],
            SteeredType::Aaaa => &[rtype::AAAA],
            SteeredType::Cname => &[rtype::CNAME, rtype::A, rtype::AAAA],
        };
        for qtype in qtypes {
            let message = self.client.query(&domain.name, *qtype).bytes();
            let server = || Ok(Some(world.ask_server(&message, self.client.sender)));
            let program = || world.ask_program(&message, self.client.sender, (&domain.name, *qtype, address));
            let told = |who: &str, error: String| {
                format!(
                    "{who} to {} for {} of type {qtype}: {error}\nexpected: {expected}",
                    self.client, domain.name
                )
            };
            self.judge(reference, &expected, *qtype, kept, &server).map_err(|error| told("server", error))?;
            self.judge(reference, &expected, *qtype, kept, &program)
                .map_err(|error| told("program", error))?;
        }
        Ok(())
    }

    /// Several answers in a row of one reader.
    fn judge(
        &self,
        reference: &Reference,
        expected: &Expected,
        qtype: u16,
        kept: &mut Kept,
        ask: &dyn Fn() -> Result<Option<Vec<u8>>, String>,
    ) -> Result<(), String> {
        let next = || -> Result<Option<Reply>, String> {
            ask()?.map(|bytes| Reply::read(&bytes, &self.domain.name)).transpose()
        };
        let Some(reply) = next()? else { return Ok(()) };
        self.check_scope(reference, expected, &reply)?;
        let Expected::Records(choice, most) = expected else {
            return is_empty_or_static(reference, self.domain, expected, qtype, &reply);
        };
        let lists = choice.lists(*most);
        let turns = choice.turns(*most, &reply.list);
        let shares = if self.shares { choice.shares(*most) } else { Vec::new() };
        let count =
            if shares.is_empty() { turns.len().max(2) } else { usize::try_from(SHARE_ANSWERS).unwrap() };
        let mut replies = vec![reply];
        for _ in 1..count {
            replies.push(next()?.ok_or("it answered before, and does not now")?);
        }
        for reply in &replies {
            if reply.rcode != rcode::NOERROR || !lists.contains(&reply.list) {
                return Err(format!("{reply}"));
            }
            if reply.ttls != BTreeSet::from([self.domain.ttl]) {
                return Err(format!("TTL {:?}, not {}", reply.ttls, self.domain.ttl));
            }
            for held in choice.held(*most, &reply.list) {
                kept.take(self.domain, self.client.address(), held)?;
            }
        }
        check_turns(&turns, &replies)?;
        check_shares(&shares, &replies)
    }

    /// Everyone within the scope is answered alike, and without a client subnet there is none.
    fn check_scope(&self, reference: &Reference, expected: &Expected, reply: &Reply) -> Result<(), String> {
        let Some(scope) = reply.scope else {
            return self.client.subnet.map_or(Ok(()), |_| Err("no client subnet".to_owned()));
        };
        let client = self.client.address();
        for other in [first(client, scope), last(client, scope)] {
            let (others, _) = reference.answer(self.domain, other);
            if others != *expected {
                return Err(format!("scope {scope}, but {other} gets {others}"));
            }
        }
        let Expected::Records(choice, _) = expected else { return Ok(()) };
        if choice.sticky_length(client) > scope {
            return Err(format!("scope {scope}, although longer prefixes differ"));
        }
        Ok(())
    }
}

/// In as many answers in a row as there are turns each is met.
fn check_turns(turns: &[BTreeSet<List>], replies: &[Reply]) -> Result<(), String> {
    let all = || replies.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
    let is_met = |turn: &BTreeSet<List>| replies.iter().any(|reply| turn.contains(&reply.list));
    match turns.iter().position(|turn| !is_met(turn)) {
        Some(missing) => Err(format!("turn {} of {} is not met: {}", missing + 1, turns.len(), all())),
        None => Ok(()),
    }
}

/// Each member has its share, weight / sum of weights.
fn check_shares(shares: &[(BTreeSet<List>, u32)], replies: &[Reply]) -> Result<(), String> {
    let total: u32 = shares.iter().map(|(_, weight)| weight).sum();
    for (lists, weight) in shares {
        let count = replies.iter().filter(|reply| lists.contains(&reply.list)).count();
        let count = u32::try_from(count).unwrap();
        if (count * total).abs_diff(SHARE_ANSWERS * weight) > SHARE_TOLERANCE * total {
            return Err(format!(
                "{count} of {SHARE_ANSWERS} answers for a weight of {weight} in {total}: {lists:?}"
            ));
        }
    }
    Ok(())
}

/// Answers that are not steered, or have no records.
fn is_empty_or_static(
    reference: &Reference,
    domain: &AccessDomain,
    expected: &Expected,
    qtype: u16,
    reply: &Reply,
) -> Result<(), String> {
    let (rcode, list) = match expected {
        Expected::NoData | Expected::Records(..) => (rcode::NOERROR, List::new()),
        Expected::ServFail => (rcode::SERVFAIL, List::new()),
        Expected::Refused => (rcode::REFUSED, List::new()),
        Expected::Zone => of_zone(reference, &domain.name, qtype),
    };
    let mut sorted = reply.list.clone();
    sorted.sort();
    if (reply.rcode, sorted) == (rcode, list) {
        Ok(())
    } else {
        Err(format!("{reply}, code {}", reply.rcode))
    }
}

/// What the zone says: the records of the type, else an alias, else nothing, of a name that exists or not.
fn of_zone(reference: &Reference, name: &Name, qtype: u16) -> (u16, List) {
    let model = reference.model();
    let node = model.zones.iter().find_map(|zone| zone.nodes.get(name));
    let target = |rtype: u16, rdata: &[u8]| match rtype {
        rtype::A => Target::Ip(<[u8; 4]>::try_from(rdata).unwrap().into()),
        rtype::AAAA => Target::Ip(<[u8; 16]>::try_from(rdata).unwrap().into()),
        _ => Target::Name(Name::from_wire(rdata).unwrap()),
    };
    let of_type = |rtype: u16| {
        let set = node.and_then(|node| node.get(&rtype));
        set.map(|set| set.rdata.iter().map(|rdata| target(rtype, rdata)).collect::<List>())
    };
    let mut list = of_type(qtype).or_else(|| of_type(rtype::CNAME)).unwrap_or_default();
    list.sort();
    let is_steered = |domain: &AccessDomain| domain.name == *name && reference.is_steered(domain);
    let exists = node.is_some() || model.domains.iter().any(is_steered);
    (if exists { rcode::NOERROR } else { rcode::NXDOMAIN }, list)
}

impl Kept {
    /// A client got a member by its prefix. It keeps that member as long as the member is there and no other comes; and of
    /// the same members it always gets the same.
    fn take(&mut self, domain: &AccessDomain, client: IpAddr, held: Held) -> Result<(), String> {
        let Held { level, sticky, members, member } = held;
        let length = length(sticky, client);
        let prefix = (domain_name(domain), level, first(client, length), length);
        let told = |before: &str, members_before: &Members| {
            Err(format!(
                "clients of {}/{length} got {before} of {members_before:?}, and now {member} of {members:?}",
                prefix.2
            ))
        };
        if let Some((members_before, before)) = self.last.get(&prefix) {
            let is_same_weight = |name: &String| {
                members_before.get(name).is_none_or(|weight| members.get(name) == Some(weight))
            };
            let is_comparable = members.keys().all(is_same_weight);
            let has_come = !members_before.contains_key(&member);
            if is_comparable && members.contains_key(before) && *before != member && !has_come {
                return told(before, members_before);
            }
        }
        let key = (prefix.clone(), members.clone());
        if let Some(before) = self.of.get(&key).filter(|before| **before != member) {
            return told(before, &members);
        }
        self.of.insert(key, member.clone());
        self.last.insert(prefix, (members, member));
        Ok(())
    }
}
