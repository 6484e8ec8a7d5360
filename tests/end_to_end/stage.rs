//! An edge and its clients, each side on a veth pair of its own, with the daemon on the small configuration beside this.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use gtm_tests::counters::{risen, xdp_program};
use gtm_tests::gtm::{CONFIG, Gtm, copy_of};
use gtm_tests::pass::PassProgram;
use gtm_tests::{Client, Namespace, Veth};
use tempfile::TempDir;

use gtm_common::counters::Outcome;

use crate::DEADLINE;

/// The daemon's interface towards the first side.
pub(crate) const EDGE0: &str = "edge0";
/// The device of every side.
pub(crate) const CLIENT_DEVICE: &str = "clients0";
/// Where the daemon listens, as in the configuration, and two addresses more.
pub(crate) const SERVER_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 53)), 53);
pub(crate) const SERVER_V6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x53, 0, 0, 0, 0, 0x53)), 53);
pub(crate) const SECOND_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 54));
pub(crate) const SECOND_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x53, 0, 0, 0, 0, 0x54));
/// The sides' own addresses: the first from Germany, the second from nowhere.
const CLIENTS: [[IpAddr; 2]; 2] = [
    [IpAddr::V4(Ipv4Addr::new(5, 9, 0, 1)), IpAddr::V6(Ipv6Addr::new(0x2a01, 0x4f8, 0, 0, 0, 0, 0, 1))],
    [
        IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 9)),
    ],
];
/// The maximum of Ethernet.
const MTU: u16 = 1500;

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/end_to_end/config");
const DATABASE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../etc/demo/country.mmdb");

/// The edge with its sides. Declare the daemon after it, so that it ends first.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) sides: Vec<Side>,
    pub(crate) edge: Arc<Namespace>,
}

/// Clients on one link.
#[derive(Debug)]
pub(crate) struct Side {
    /// Held only to be dropped.
    _pass: PassProgram,
    _link: Veth,
    pub(crate) namespace: Arc<Namespace>,
    /// Two that ask, over IPv4 and over IPv6.
    pub(crate) clients: [Client; 2],
}

impl Stage {
    /// An edge with one side or two.
    pub(crate) fn build(sides: usize) -> Self {
        let edge = Arc::new(Namespace::create("edge").unwrap());
        let build_side = |(number, addresses): (usize, &[IpAddr; 2])| {
            let device = format!("edge{number}");
            let namespace = Arc::new(Namespace::create("clients").unwrap());
            let link = Veth::connect((&edge, &device), (&namespace, CLIENT_DEVICE), MTU).unwrap();
            let pass = PassProgram::attach(&namespace, CLIENT_DEVICE).unwrap();
            let (edge_mac, mac) = (edge.mac(&device).unwrap(), namespace.mac(CLIENT_DEVICE).unwrap());
            for address in [SERVER_V4.ip(), SERVER_V6.ip(), SECOND_V4, SECOND_V6] {
                namespace.add_neighbour(CLIENT_DEVICE, address, edge_mac).unwrap();
                if number == 0 {
                    edge.add_address(&device, address).unwrap();
                }
            }
            for &address in addresses {
                namespace.add_address(CLIENT_DEVICE, address).unwrap();
                edge.add_neighbour(&device, address, mac).unwrap();
                edge.add_route(&device, address).unwrap();
            }
            namespace.add_default_route(CLIENT_DEVICE).unwrap();
            let clients = addresses.map(|address| Client::new(&namespace, address));
            Side { _pass: pass, _link: link, namespace, clients }
        };
        let sides = CLIENTS.iter().enumerate().take(sides).map(build_side).collect();
        Self { sides, edge }
    }

    /// The first side.
    pub(crate) fn side(&self) -> &Side {
        self.sides.first().unwrap()
    }

    /// Starts the daemon and waits until it serves.
    pub(crate) fn run(&self, folder: TempDir) -> Gtm {
        let gtm = Gtm::start(&self.edge, folder).unwrap();
        gtm.wait_for_line(DEADLINE, "serving").unwrap();
        gtm
    }

    /// What was answered, and which counters have risen.
    pub(crate) fn counted<T>(&self, ask: impl FnOnce() -> T) -> (T, Vec<(Outcome, u64)>) {
        risen(&self.edge, EDGE0, ask).unwrap()
    }

    /// The program on the first interface.
    pub(crate) fn program(&self) -> Option<u32> {
        xdp_program(&self.edge, EDGE0).unwrap()
    }
}

impl Side {
    /// The client that asks over IPv4.
    pub(crate) fn client(&self) -> &Client {
        let [client, _] = &self.clients;
        client
    }

    /// Each client with the server's address of its family.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Client, SocketAddr)> {
        self.clients.iter().zip([SERVER_V4, SERVER_V6])
    }
}

/// A folder with the configuration.
pub(crate) fn folder() -> TempDir {
    let folder = copy_of(Path::new(FILES)).unwrap();
    fs::copy(DATABASE, folder.path().join("country.mmdb")).unwrap();
    folder
}

/// A folder with the configuration, changed.
pub(crate) fn folder_with(from: &str, to: &str) -> TempDir {
    let folder = folder();
    edit(folder.path(), CONFIG, from, to);
    folder
}

/// Replaces what stands once in a file.
pub(crate) fn edit(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{from:?} in {file}");
    fs::write(path, text.replace(from, to)).unwrap();
}
