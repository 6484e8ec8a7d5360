//! Three of our servers, each in a namespace of its own behind its XDP program, and a namespace in their middle, from which
//! the judges ask. It has no other links: what is not resolved here is not resolved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gtm_tests::gtm::copy_of;
use gtm_tests::pass::PassProgram;
use gtm_tests::{Gtm, Namespace, Veth};

use crate::DEADLINE;

/// The interface of every server.
pub(crate) const DEVICE: &str = "edge0";
/// The judges' addresses.
const JUDGES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 9)),
];
/// The maximum of Ethernet.
const MTU: u16 = 1500;
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/judges/config");

/// One of our servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// It delegates to the others.
    Root,
    /// It has the names that are asked for.
    Edge,
    /// It has the zones to which aliases and a delegation of the edge lead.
    Below,
}

/// The namespaces and what connects them. Declare what runs in them after it, so that it ends first.
#[derive(Debug)]
pub(crate) struct Network {
    places: [Place; 3],
    pub(crate) judges: Arc<Namespace>,
}

/// Where a server runs.
#[derive(Debug)]
struct Place {
    server: Server,
    /// Held only to be dropped.
    _pass: PassProgram,
    _link: Veth,
    namespace: Arc<Namespace>,
}

impl Server {
    /// Its addresses, as in its configuration.
    pub(crate) fn addresses(self) -> [IpAddr; 2] {
        let (last, group) = match self {
            Self::Root => (1, 1),
            Self::Edge => (53, 0x53),
            Self::Below => (54, 0x54),
        };
        [
            Ipv4Addr::new(198, 51, 100, last).into(),
            Ipv6Addr::new(0x2001, 0xdb8, group, 0, 0, 0, 0, 0x53).into(),
        ]
    }

    /// The folder of its configuration.
    pub(crate) fn folder(self) -> PathBuf {
        Path::new(FILES).join(match self {
            Self::Root => "root",
            Self::Edge => "edge",
            Self::Below => "below",
        })
    }
}

impl Network {
    /// Connects the places of the servers with the judges; nobody serves yet.
    pub(crate) fn build() -> Self {
        let judges = Arc::new(Namespace::create("judges").unwrap());
        for address in JUDGES {
            judges.add_address("lo", address).unwrap();
        }
        let places = [Server::Root, Server::Edge, Server::Below].map(|server| Place::build(server, &judges));
        Self { places, judges }
    }

    /// The namespace of a server.
    pub(crate) fn namespace(&self, server: Server) -> &Arc<Namespace> {
        &self.places.iter().find(|place| place.server == server).unwrap().namespace
    }

    /// Starts the daemon of a server and waits until it serves.
    pub(crate) fn start(&self, server: Server) -> Gtm {
        let gtm = Gtm::start(self.namespace(server), copy_of(&server.folder()).unwrap()).unwrap();
        gtm.wait_for_line(DEADLINE, "serving").unwrap();
        gtm
    }
}

impl Place {
    fn build(server: Server, judges: &Arc<Namespace>) -> Self {
        let namespace = Arc::new(Namespace::create("server").unwrap());
        let device = format!("{server:?}");
        let link = Veth::connect((&namespace, DEVICE), (judges, &device), MTU).unwrap();
        let pass = PassProgram::attach(judges, &device).unwrap();
        let (server_mac, judges_mac) = (namespace.mac(DEVICE).unwrap(), judges.mac(&device).unwrap());
        for address in server.addresses() {
            namespace.add_address(DEVICE, address).unwrap();
            judges.add_neighbour(&device, address, server_mac).unwrap();
            judges.add_route(&device, address).unwrap();
        }
        for address in JUDGES {
            namespace.add_neighbour(DEVICE, address, judges_mac).unwrap();
            namespace.add_route(DEVICE, address).unwrap();
        }
        Self { server, _pass: pass, _link: link, namespace }
    }
}
