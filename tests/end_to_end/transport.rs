//! The server's sockets without the kernel's help: where answers come from, addresses that come late, path MTUs.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, SocketAddr};

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::{Icmpv4Type, PacketBuilder};
use gtm_tests::{Client, Datagram, Query, RawSocket};
use tempfile::TempDir;

use crate::stage::{CLIENT_DEVICE, EDGE0, SECOND_V4, SECOND_V6, SERVER_V4, SERVER_V6, Stage, edit, folder};
use crate::{DEADLINE, beside_others, can_run};

/// What an IPv4 header and the head of what it carries take.
const QUOTED: usize = 20 + 8;

/// Clients take an answer only from where they asked; the host would rather send from another address.
#[test]
fn answers_come_from_the_address_that_was_asked() {
    if !can_run("answers_come_from_the_address_that_was_asked", &["dig"]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(2);
    let own: [IpAddr; 2] = ["192.0.2.200".parse().unwrap(), "2001:db8:200::1".parse().unwrap()];
    for (side, device) in stage.sides.iter().zip([EDGE0, "edge1"]) {
        for (client, own) in side.clients.iter().zip(own) {
            stage.edge.add_address(device, own).unwrap();
            let (family, to) = (if own.is_ipv4() { "-4" } else { "-6" }, client.address().to_string());
            let route = ["route", "replace", &to, "dev", device, "src", &own.to_string()];
            stage.edge.ip(&[&[family][..], &route].concat()).unwrap();
        }
    }
    let seconds = [SECOND_V4, SECOND_V6].map(|address| SocketAddr::new(address, 53));
    let gtm = stage.run(without_kernel(&seconds.map(|second| second.ip())));
    for side in &stage.sides {
        for (client, server) in side.pairs().chain(side.clients.iter().zip(seconds)) {
            check(client, server);
        }
    }
    gtm.stop().unwrap();
}

#[test]
fn address_that_comes_late_is_served() {
    if !can_run("address_that_comes_late_is_served", &["dig"]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let late = ["198.51.100.60", "2001:db8:53::60"].map(|address| address.parse::<IpAddr>().unwrap());
    let gtm = stage.run(without_kernel(&late));
    let mac = stage.edge.mac(EDGE0).unwrap();
    let side = stage.side();
    for (client, address) in side.clients.iter().zip(late) {
        let server = SocketAddr::new(address, 53);
        gtm.wait_for_line(
            DEADLINE,
            &format!("no interface has the address; it is served once one has it address={server}"),
        )
        .unwrap();
        side.namespace.add_neighbour(CLIENT_DEVICE, address, mac).unwrap();
        stage.edge.add_address(EDGE0, address).unwrap();
        check(client, server);
    }
    gtm.stop().unwrap();
}

/// Anybody can claim that a link on the way is narrow; answers are not cut into fragments for that (RFC 9715).
#[test]
fn forged_path_mtu_cuts_no_answer() {
    if !can_run("forged_path_mtu_cuts_no_answer", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let side = stage.side();
    let gtm = stage.run(without_kernel(&[]));
    let raw = RawSocket::open(&side.namespace, CLIENT_DEVICE).unwrap();
    let (client, (to, from)) =
        (side.client(), (stage.edge.mac(EDGE0).unwrap(), side.namespace.mac(CLIENT_DEVICE).unwrap()));
    let narrow =
        Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: 552 });
    let (IpAddr::V4(server), IpAddr::V4(address)) = (SERVER_V4.ip(), client.address()) else {
        panic!("not IPv4")
    };
    let quoted = Datagram::new(SERVER_V4, SocketAddr::new(address.into(), 40_000), vec![0; 1200]);
    let quoted = quoted.frame().unwrap();
    let message = quoted.get(quoted.len() - 1200 - QUOTED..quoted.len() - 1200).unwrap();
    let mut frame = Vec::new();
    let builder =
        PacketBuilder::ethernet2(from, to).ipv4(address.octets(), server.octets(), 64).icmpv4(narrow);
    builder.write(&mut frame, message).unwrap();
    raw.send(&frame).unwrap();
    let name = "sixteen-addresses-make-an-answer-of-more-than-512-bytes.example.com";
    let query: Query = format!("{name} AAAA edns").parse().unwrap();
    let answer = client.send(SERVER_V4, &query.bytes()).unwrap();
    assert!(answer.bytes.len() + QUOTED > 552);
    assert_eq!(fragments(&stage), 0);
    gtm.stop().unwrap();
}

/// Fragments that the edge has sent over IPv4 (RFC 4293, `ipSystemStatsOutFragCreates`).
fn fragments(stage: &Stage) -> u64 {
    let read = || fs::read_to_string("/proc/thread-self/net/snmp").unwrap();
    let table = stage.edge.run(read).unwrap();
    let mut lines = table.lines().filter_map(|line| line.strip_prefix("Ip: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let mut columns = names.split(' ').zip(values.split(' '));
    columns.find(|(name, _)| *name == "FragCreates").unwrap().1.parse().unwrap()
}

/// A configuration without the kernel that listens on these addresses as well.
fn without_kernel(more: &[IpAddr]) -> TempDir {
    let folder = folder();
    let listen = format!("\"{}\", \"{}\"", SERVER_V4.ip(), SERVER_V6.ip());
    let mut longer = listen.clone();
    for address in more {
        write!(longer, ", \"{address}\"").unwrap();
    }
    edit(folder.path(), "gtm.toml", &listen, &longer);
    edit(folder.path(), "gtm.toml", "\"native\"", "\"off\"");
    folder
}

/// The server answers over UDP and TCP.
#[track_caller]
fn check(client: &Client, server: SocketAddr) {
    for way in ["+notcp", "+tcp"] {
        let answer = client.dig(server, &["+short", "+timeout=3", way, "text.example.com", "TXT"]).unwrap();
        assert_eq!(answer, "\"static\"\n", "{server} {way}");
    }
}
