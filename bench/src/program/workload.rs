//! What is served, and what is asked of it.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context as _;
use gtm_tests::query::client_subnet;
use gtm_tests::{Datagram, Query, Random, Service};
use gtm_userspace::config::Model;
use gtm_userspace::decision::Conditions;
use gtm_userspace::geo::Partition;
use gtm_userspace::name::Name;

use super::FRAMES;
use crate::prefixes::{self, Prefixes};

/// Where it is served.
const SERVER_V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 53);
const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x53, 0, 0, 0, 0, 0x53);
/// Payload size that most resolvers send (DNS flag day 2020).
const PAYLOAD: u16 = 1232;
const TYPE_A: u16 = 1;

/// What is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Table {
    /// Number of access domains, each with a name of its own.
    pub(crate) names: usize,
    /// Length of each name in bytes: 17 or 255.
    pub(crate) name_len: usize,
    /// The address space by source.
    pub(crate) prefixes: Prefixes,
}

/// Which queries come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Names that exist, over IPv4.
    Hits,
    /// The same over IPv6.
    HitsV6,
    /// The same over IPv4 from one resolver, with a client subnet of 24 bits.
    ClientSubnets,
    /// Names that do not exist, one label below the zone.
    Missing,
    /// Random labels below names that exist.
    Subdomains,
    /// Packets that are not DNS: to another port.
    Foreign,
}

impl Table {
    /// Decides a configuration of this size.
    pub(crate) fn service(self) -> anyhow::Result<Service> {
        let (model, partition) = self.inputs()?;
        let conditions = Conditions::all_up(&model);
        Ok(Service::new(model, partition, conditions))
    }

    /// A configuration of this size, undecided.
    pub(crate) fn inputs(self) -> anyhow::Result<(Model, Partition)> {
        let small = Service::from_text(&configuration(), ZONE)?;
        let mut model = small.model().clone();
        let domain = model.domains.first().context("one access domain is configured")?.clone();
        let named = |number| {
            let name = self.name(number)?;
            Ok(gtm_userspace::config::model::AccessDomain { name, ..domain.clone() })
        };
        model.domains = (0..self.names).map(named).collect::<anyhow::Result<_>>()?;
        let partition = self.prefixes.partition(small.partition().classes.clone())?;
        Ok((model, partition))
    }

    /// The name of this number.
    fn name(self, number: usize) -> anyhow::Result<Name> {
        let text = if self.name_len == 17 {
            format!("h{number:05x}.gtm.test")
        } else {
            let filler = "x".repeat(63);
            format!("h{number:05x}{}.{filler}.{filler}.{}.gtm.test", "y".repeat(57), "z".repeat(52))
        };
        Ok(text.parse()?)
    }

    /// [`FRAMES`] frames, each with a name and a sender that are drawn at random.
    pub(crate) fn frames(self, asked: Asked) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut random = Random::new(1);
        let mut senders = self.prefixes.addresses()?;
        (0..FRAMES)
            .map(|number| {
                let existing = self.name(random.below(self.names))?;
                let name = match asked {
                    Asked::Missing => format!("n{number:05x}.gtm.test").parse()?,
                    Asked::Subdomains => existing.child(format!("r{number:05x}").as_bytes())?,
                    Asked::Hits | Asked::HitsV6 | Asked::ClientSubnets | Asked::Foreign => existing,
                };
                let query = Query::new(name.as_wire().to_vec(), TYPE_A);
                let (v4, v6) = senders(&mut random);
                let options = match asked {
                    Asked::ClientSubnets => vec![(
                        8,
                        client_subnet(IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & 0xffff_ff00)), 24),
                    )],
                    Asked::Hits | Asked::HitsV6 | Asked::Missing | Asked::Subdomains | Asked::Foreign => {
                        Vec::new()
                    }
                };
                let (sender, server) = match asked {
                    Asked::HitsV6 => (IpAddr::V6(v6), IpAddr::V6(SERVER_V6)),
                    Asked::ClientSubnets => (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(SERVER_V4)),
                    Asked::Hits | Asked::Missing | Asked::Subdomains | Asked::Foreign => {
                        (IpAddr::V4(v4), IpAddr::V4(SERVER_V4))
                    }
                };
                let port = if asked == Asked::Foreign { 443 } else { 53 };
                let message = Query { id: random.word(), ..query }.with_opt(PAYLOAD, options).bytes();
                let from = SocketAddr::new(sender, 1024 + (random.word() >> 1));
                Datagram::new(from, SocketAddr::new(server, port), message).frame()
            })
            .collect()
    }
}

const ZONE: &str =
    "$ORIGIN gtm.test.\n$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\nns1 A 198.51.100.53\n";

/// One access domain that is steered by source: one pool of one address for each source and for `default`.
fn configuration() -> String {
    let mut text = format!(
        "version = 1\n[service]\nlisten = [\"{SERVER_V4}\", \"{SERVER_V6}\"]\ninterfaces = [\"eth0\"]\n\
         [zone.\"gtm.test\"]\nfile = \"zone\"\n[[domain]]\nname = \"h00000.gtm.test\"\ntype = \"A\"\n\
         policy = \"nearest-source\"\n"
    );
    for number in 0..=prefixes::SOURCES {
        let source = if number == 0 { "default".to_owned() } else { format!("source{number}") };
        write!(
            text,
            "[[domain.pool]]\npool = \"pool{number}\"\nordinal = {}\nsources = [\"{source}\"]\n",
            number + 1
        )
        .ok();
    }
    for number in 0..=prefixes::SOURCES {
        write!(
            text,
            "[pool.pool{number}]\nkind = \"ipv4\"\n[[pool.pool{number}.address]]\naddress = \"203.0.113.{}\"\nordinal = 1\n",
            number + 1
        )
        .ok();
        if number > 0 {
            write!(text, "[source.source{number}]\nprefixes = [\"203.0.113.{number}/32\"]\n").ok();
        }
    }
    text
}
