//! One datagram through the program and the server, and whether they agree.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};

use gtm_common::counters::Outcome;
use gtm_common::query::{Ecs, Query};
use gtm_common::wire::{class, rtype};
use gtm_userspace::dataplane::{Counters, Generation};
use gtm_userspace::decision::table::Steered;
use gtm_userspace::name::Name;

use super::Case;
use super::configuration::Configuration;
use crate::dns::{apart, owners, shown};
use crate::service::{Ran, run_after};
use crate::{Datagram, Service};

/// The owner of a record that is asked for: a pointer to the QNAME.
const QNAME_POINTER: [u8; 2] = [0xc0, 0x0c];

/// One configuration, served by both.
pub struct Pair {
    configuration: &'static Configuration,
    /// As the server serves it.
    pub service: Service,
    generation: Generation,
    counters: Counters,
}

/// Two answers that should be one, or a passed query that the program should have answered.
pub struct Difference {
    /// What is wrong, in words.
    problem: String,
    configuration: &'static Configuration,
    datagram: Datagram,
    program: Option<Vec<u8>>,
    server: Option<Vec<u8>>,
}

impl Pair {
    /// Loads a configuration, and the program with it, which takes root.
    pub fn load(configuration: &'static Configuration) -> anyhow::Result<Self> {
        let service = configuration.load()?;
        let generation = service.generation()?;
        let counters = generation.counters()?;
        Ok(Self { configuration, service, generation, counters })
    }

    /// What the program did, or how that differs from the server.
    pub fn check(&mut self, case: &Case) -> Result<Outcome, Box<Difference>> {
        let Case { datagram, is_valid } = case;
        let client = datagram.from.ip();
        let server = self.service.respond(&datagram.payload, client);
        let difference = |problem: String, program: Option<Vec<u8>>| {
            let (configuration, datagram) = (self.configuration, datagram.clone());
            Box::new(Difference { problem, configuration, datagram, program, server: server.clone() })
        };
        let broken = |error: anyhow::Error| difference(error.to_string(), None);
        let frame = datagram.frame().map_err(broken)?;
        let (ran, outcome) = run_after(&self.generation, &mut self.counters, &frame).map_err(broken)?;
        match ran {
            Ran::Sent(frame) => {
                let sent = Datagram::read(&frame).map_err(broken)?;
                let program = Some(sent.payload.clone());
                if (Datagram { payload: Vec::new(), ..sent.clone() }) != datagram.reply(Vec::new()) {
                    return Err(difference(format!("the program sent {sent:?}"), program));
                }
                let Some(response) = &server else {
                    return Err(difference("the server does not answer, the program does".into(), program));
                };
                if !self.are_same(&datagram.payload, client, response, &sent.payload) {
                    return Err(difference("the answers differ".into(), program));
                }
            }
            Ran::Passed if *is_valid && self.is_kernels(&datagram.payload, client) => {
                return Err(difference(format!("{}, although it has the answer", outcome.name()), None));
            }
            Ran::Passed => {}
        }
        Ok(outcome)
    }

    /// Equal bytes, or the same answer of another turn.
    fn are_same(&self, query: &[u8], client: IpAddr, server: &[u8], program: &[u8]) -> bool {
        server == program || self.are_turns(query, client, server, program).unwrap_or(false)
    }

    /// Whether the two differ in what is picked for each answer, and in nothing else: the records of a steered name,
    /// which is asked for or is what the aliases lead to.
    fn are_turns(&self, query: &[u8], client: IpAddr, server: &[u8], program: &[u8]) -> Option<bool> {
        let query = Query::parse(query, self.heeds_ecs(client)).ok()?;
        let ((ours, rest), (theirs, same)) = (apart(server)?, apart(program)?);
        let owners = owners(server)?;
        let last = owners.last()?;
        let aliases = owners.iter().position(|owner| Some(owner) == owners.last())?;
        let client = asking(&query, client);
        let Steered { answer, .. } = self.steered(last, query.question.qtype, client)?;
        let picked = |records: &[&[u8]]| {
            let records: Vec<Vec<u8>> = records.iter().skip(aliases).map(|record| at_qname(record)).collect();
            answer.admits(&records.iter().map(Vec::as_slice).collect::<Vec<_>>(), client)
        };
        let before = |records: &[&[u8]]| records.iter().take(aliases).copied().collect::<Vec<_>>().concat();
        Some(rest == same && before(&ours) == before(&theirs) && picked(&ours) && picked(&theirs))
    }

    fn heeds_ecs(&self, sender: IpAddr) -> bool {
        self.service.model().dns.ecs.heeds(sender)
    }

    /// The steered answer to the name; any of those that there are to type ANY (RFC 8482).
    fn steered(&self, name: &Name, qtype: u16, client: IpAddr) -> Option<Steered> {
        let types: &[u16] = if qtype == rtype::ANY { &[rtype::A, rtype::AAAA] } else { &[qtype] };
        types.iter().find_map(|rtype| self.service.decider().table().find(name, *rtype, client))
    }

    /// Whether the program has the steered answer that is asked for.
    fn is_kernels(&self, query: &[u8], client: IpAddr) -> bool {
        let Ok(query) = Query::parse(query, self.heeds_ecs(client)) else { return false };
        let Ok(name) = Name::from_wire(query.question.qname) else { return false };
        let steered = self.steered(&name, query.question.qtype, asking(&query, client));
        query.question.qclass == class::IN
            && steered.is_some_and(|steered| steered.answer.is_always_for_kernel())
    }
}

/// Whom the answer is for.
fn asking(query: &Query<'_>, sender: IpAddr) -> IpAddr {
    query.edns.and_then(|edns| edns.ecs).as_ref().and_then(Ecs::client).unwrap_or(sender)
}

/// The record as it is when its owner is asked for, if its owner is a pointer.
fn at_qname(record: &[u8]) -> Vec<u8> {
    match record.split_at_checked(QNAME_POINTER.len()) {
        Some(([0xc0..=0xff, _], rest)) => [&QNAME_POINTER, rest].concat(),
        _ => record.to_vec(),
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { problem, configuration, datagram, program, server } = self;
        let Datagram { from, to, vlan_tags, payload, .. } = datagram;
        let answer = |answer: &Option<Vec<u8>>| answer.as_deref().map_or("none\n".to_owned(), shown);
        writeln!(
            f,
            "{problem}\n\nquery from {from} to {to}, VLAN tags {vlan_tags:02x?}, configuration {}:",
            configuration.name
        )?;
        writeln!(f, "{}", shown(payload))?;
        writeln!(f, "the program's answer:\n{}", answer(program))?;
        writeln!(f, "the server's answer:\n{}", answer(server))?;
        writeln!(f, "as a vector:\n{}", vector(configuration, from, payload, server.as_deref()))
    }
}

/// A case of a vector file (`tests/vectors/main.rs`): the server's answer, which may be the wrong one.
fn vector(configuration: &Configuration, from: &SocketAddr, query: &[u8], answer: Option<&[u8]>) -> String {
    let answer = answer.map_or("none".to_owned(), hex);
    format!(
        "about   {}\nask     hex {}\nfrom    {}\nanswer  {answer}\n",
        configuration.path,
        hex(query),
        from.ip()
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}
