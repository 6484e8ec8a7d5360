//! The stage of the scenario: three namespaces on two veth pairs, the sites and the clients.
//!
//! ```text
//!   clients            edge                   sites
//!   1.2.4.8 ...        198.51.100.53          223.5.0.1 :80
//!   clients0 <-------> edge0   edge1 <------> sites0
//!                      XDP, gtm
//! ```

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use anyhow::{Context, Result};

use super::places::{Asker, EDGE_DEVICE, Family, NAME, Place};
use crate::client::Client;
use crate::counters::{self, AnsweredBy};
use crate::link::Veth;
use crate::namespace::Namespace;
use crate::pass::PassProgram;
use crate::site::Site;

const CLIENTS_DEVICE: &str = "clients0";
const UPSTREAM_DEVICE: &str = "edge1";
const SITES_DEVICE: &str = "sites0";
const MTU: u16 = 1500;
/// The edge's own addresses towards the sites: where health checks come from.
const UPSTREAM_ADDRESSES: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1))];

/// The namespaces with their links, and the sites. Everything goes when it is dropped.
#[derive(Debug)]
pub struct Network {
    sites: Vec<(Place, Site)>,
    /// Held only to be dropped.
    _links: [Veth; 2],
    _pass: PassProgram,
    edge: Arc<Namespace>,
    clients: Arc<Namespace>,
}

/// What one client was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The addresses of the answer in their order; empty when there was none.
    pub addresses: Vec<IpAddr>,
    /// Time to live in seconds, of an answer with records.
    pub ttl: Option<u32>,
    /// Who answered; `None` when nobody did.
    pub by: Option<AnsweredBy>,
    /// What came instead of addresses, in words; empty when addresses came.
    pub instead: String,
}

impl Network {
    /// Builds the stage; all sites are up.
    pub fn build() -> Result<Self> {
        let edge = Arc::new(Namespace::create("edge")?);
        let clients = Arc::new(Namespace::create("clients")?);
        let far = Arc::new(Namespace::create("sites")?);
        let links = [
            Veth::connect((&edge, EDGE_DEVICE), (&clients, CLIENTS_DEVICE), MTU)?,
            Veth::connect((&edge, UPSTREAM_DEVICE), (&far, SITES_DEVICE), MTU)?,
        ];
        let pass = PassProgram::attach(&clients, CLIENTS_DEVICE)?;
        // The edge is the router between the two sides: clients can also visit the sites they are sent to.
        edge.set_sysctl("ipv4/ip_forward", "1")?;
        edge.set_sysctl("ipv6/conf/all/forwarding", "1")?;
        for address in UPSTREAM_ADDRESSES {
            edge.add_address(UPSTREAM_DEVICE, address)?;
        }
        for family in Family::ALL {
            edge.add_address(EDGE_DEVICE, family.server().ip())?;
            for asker in Asker::ALL {
                clients.add_address(CLIENTS_DEVICE, asker.address(family))?;
            }
            for place in Place::ALL {
                far.add_address(SITES_DEVICE, place.address(family))?;
                edge.add_route(UPSTREAM_DEVICE, place.address(family))?;
            }
        }
        // The counters see questions only, and no search for neighbours between them.
        let (edge_mac, clients_mac) = (edge.mac(EDGE_DEVICE)?, clients.mac(CLIENTS_DEVICE)?);
        for family in Family::ALL {
            clients.add_neighbour(CLIENTS_DEVICE, family.server().ip(), edge_mac)?;
            for asker in Asker::ALL {
                edge.add_neighbour(EDGE_DEVICE, asker.address(family), clients_mac)?;
            }
        }
        edge.add_default_route(EDGE_DEVICE)?;
        clients.add_default_route(CLIENTS_DEVICE)?;
        far.add_default_route(SITES_DEVICE)?;

        let mut sites = Vec::new();
        for place in Place::ALL {
            for family in Family::ALL {
                sites.push((place, Site::start(&far, place.address(family))?));
            }
        }
        Ok(Self { sites, _links: links, _pass: pass, edge, clients })
    }

    /// The namespace the daemon runs in.
    pub fn edge(&self) -> &Arc<Namespace> {
        &self.edge
    }

    /// The namespace that has the addresses of the clients.
    pub fn clients(&self) -> &Arc<Namespace> {
        &self.clients
    }

    /// Someone who asks.
    pub fn client(&self, asker: Asker, family: Family) -> Client {
        Client::new(&self.clients, asker.address(family))
    }

    /// Asks for the steered name and tells what came and from whom.
    pub fn ask(&self, asker: Asker, family: Family) -> Result<Seen> {
        let client = self.client(asker, family);
        let ask = || client.ask(family.server(), NAME, family.record_type());
        let (answer, by) = counters::watch(&self.edge, EDGE_DEVICE, ask)?;
        Ok(match answer {
            Ok(answer) => {
                let addresses = answer.addresses();
                let code = answer.message.metadata.response_code;
                let instead =
                    if addresses.is_empty() { format!("no address, {code}") } else { String::new() };
                Seen { addresses, ttl: answer.ttl(), by: Some(by), instead }
            }
            Err(error) => Seen { addresses: Vec::new(), ttl: None, by: None, instead: unanswered(&error) },
        })
    }

    /// Brings exactly the sites of these places down and the others up.
    pub fn set_down(&mut self, down: &[Place]) -> Result<()> {
        for (place, site) in &mut self.sites {
            if down.contains(place) { site.stop() } else { site.resume() }.with_context(|| place.title())?;
        }
        Ok(())
    }

    /// The places whose sites are down.
    pub fn down(&self) -> Vec<Place> {
        Place::ALL
            .into_iter()
            .filter(|place| self.sites.iter().any(|(of, site)| of == place && !site.is_up()))
            .collect()
    }
}

impl Seen {
    /// The answer in one word or few: its addresses in their order, or what came instead.
    pub fn text(&self) -> String {
        if self.addresses.is_empty() { self.instead.clone() } else { join(&self.addresses) }
    }

    /// Who answered, as a word.
    pub fn by_text(&self) -> String {
        self.by.map_or_else(|| "nobody".to_owned(), |by| by.to_string())
    }
}

/// Why nothing came: a timeout is called what it is, where the system says "resource temporarily unavailable".
fn unanswered(error: &anyhow::Error) -> String {
    match error.downcast_ref::<io::Error>() {
        Some(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            "no answer".to_owned()
        }
        _ => error.root_cause().to_string(),
    }
}

/// Addresses in their order, with commas.
pub fn join(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
