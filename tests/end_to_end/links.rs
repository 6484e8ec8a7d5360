//! Several interfaces, several addresses and ports, and VLAN tags.

use std::net::SocketAddr;

use gtm_common::counters::Outcome;
use gtm_tests::counters::xdp_program;
use gtm_tests::{Client, Datagram, Query, RawSocket};

use crate::stage::{
    CLIENT_DEVICE, EDGE0, SECOND_V4, SECOND_V6, SERVER_V4, SERVER_V6, Stage, folder, folder_with,
};
use crate::{DEADLINE, beside_others, can_run};

const CLIENT_PORT: u16 = 40_053;

#[test]
fn every_interface_is_answered_by_the_kernel() {
    if !can_run("every_interface_is_answered_by_the_kernel", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(2);
    let gtm = stage.run(folder_with("[\"edge0\"]", "[\"edge0\", \"edge1\"]"));
    assert!(stage.program().is_some());
    assert_eq!(xdp_program(&stage.edge, "edge1").unwrap(), stage.program(), "one program on both");
    // The first side is in Germany.
    for (side, expect) in stage.sides.iter().zip(["192.0.2.20", "192.0.2.10"]) {
        for (client, server) in side.pairs() {
            check(&stage, client, server, expect);
        }
    }
    // Both go over to a new generation.
    let written = gtm.reload().unwrap();
    assert!(written.contains("configuration accepted"), "{written}");
    assert_eq!(xdp_program(&stage.edge, "edge1").unwrap(), stage.program(), "one program on both");
    for (side, expect) in stage.sides.iter().zip(["192.0.2.20", "192.0.2.10"]) {
        check(&stage, side.client(), SERVER_V4, expect);
    }
    gtm.stop().unwrap();
    assert_eq!(xdp_program(&stage.edge, "edge1").unwrap(), None);
}

#[test]
fn an_interface_that_is_gone_does_not_hold_up_the_others() {
    if !can_run("an_interface_that_is_gone_does_not_hold_up_the_others", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(2);
    let gtm = stage.run(folder_with("[\"edge0\"]", "[\"edge1\", \"edge0\"]"));
    let first = stage.program();
    stage.edge.ip(&["link", "delete", "edge1"]).unwrap();
    let written = gtm.reload().unwrap();
    assert!(written.contains("program not attached"), "{written}");
    assert!(written.contains("configuration accepted"), "{written}");
    assert!(stage.program().is_some_and(|program| Some(program) != first));
    check(&stage, stage.side().client(), SERVER_V4, "192.0.2.20");
    gtm.stop().unwrap();
}

#[test]
fn a_link_that_refuses_native_mode_gets_generic_mode() {
    if !can_run("a_link_that_refuses_native_mode_gets_generic_mode", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    // veth has no native mode for an end with fewer queues than the other sends to.
    let wide = ["link", "add", "wide0", "numtxqueues", "2", "type", "veth"];
    let narrow = ["peer", "name", "narrow0", "numtxqueues", "1", "numrxqueues", "1"];
    stage.edge.ip(&[&wide[..], &narrow].concat()).unwrap();
    let (from, to) = ("[\"edge0\"]\nxdp_mode = \"native\"", "[\"edge0\", \"narrow0\"]\nxdp_mode = \"auto\"");
    let gtm = stage.run(folder_with(from, to));
    gtm.wait_for_line(DEADLINE, "mode=\"generic\"").unwrap();
    gtm.wait_for_line(DEADLINE, "mode=\"native\"").unwrap();
    check(&stage, stage.side().client(), SERVER_V4, "192.0.2.20");
    gtm.stop().unwrap();
}

#[test]
fn jumbo_links_are_answered_in_native_mode() {
    if !can_run("jumbo_links_are_answered_in_native_mode", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let side = stage.side();
    side.namespace.ip(&["link", "set", CLIENT_DEVICE, "mtu", "9000"]).unwrap();
    stage.edge.ip(&["link", "set", EDGE0, "mtu", "9000"]).unwrap();
    let gtm = stage.run(folder());
    for (client, server) in side.pairs() {
        check(&stage, client, server, "192.0.2.20");
        // A query in several buffers is for the server, which says the same.
        let short: Query = "www.example.com A edns".parse().unwrap();
        let long = short.clone().with_opt(4096, vec![(65_001, vec![0; 8000])]);
        let (answer, counted) = stage.counted(|| client.send(server, &long.bytes()).unwrap());
        assert_eq!(answer.bytes, short.answer(&["192.0.2.20".into()], 0));
        assert_eq!(counted, [(Outcome::PassedNotUdp, 1)], "{server}");
    }
    gtm.stop().unwrap();
}

#[test]
fn every_address_and_port_is_served() {
    if !can_run("every_address_and_port_is_served", &["dig"]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let listen = "[\"198.51.100.53\", \"2001:db8:53::53\"";
    let more = ", \"198.51.100.54:5353\", \"[2001:db8:53::54]:5353\"";
    let gtm = stage.run(folder_with(listen, &format!("{listen}{more}")));
    let [v4, v6] = &stage.side().clients;
    for (client, server) in [
        (v4, SERVER_V4),
        (v6, SERVER_V6),
        (v4, SocketAddr::new(SECOND_V4, 5353)),
        (v6, SocketAddr::new(SECOND_V6, 5353)),
    ] {
        check(&stage, client, server, "192.0.2.20");
        let (printed, counted) =
            stage.counted(|| client.dig(server, &["+short", "text.example.com", "TXT"]).unwrap());
        assert_eq!(
            (printed.as_str(), counted.as_slice()),
            ("\"static\"\n", [(Outcome::Answered, 1)].as_slice())
        );
    }
    // Neither an address on the port of another, nor the other way round.
    for (client, server) in
        [(v4, SocketAddr::new(SECOND_V4, 53)), (v6, SocketAddr::new(SERVER_V6.ip(), 5353))]
    {
        let query: Query = "www.example.com A".parse().unwrap();
        let (answer, counted) = stage.counted(|| client.send(server, &query.bytes()));
        assert!(answer.is_err(), "{answer:?}");
        assert_eq!(counted, [(Outcome::PassedNotServed, 1)]);
    }
    gtm.stop().unwrap();
}

/// The answer carries the tags of its query. Linux has no VLAN device here, so frames are sent and read as they are.
#[test]
fn tagged_queries_get_tagged_answers() {
    if !can_run("tagged_queries_get_tagged_answers", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    let side = stage.side();
    let raw = RawSocket::open(&side.namespace, CLIENT_DEVICE).unwrap();
    let (to, from) = (stage.edge.mac("edge0").unwrap(), side.namespace.mac(CLIENT_DEVICE).unwrap());
    let query: Query = "www.example.com A rd edns ecs=203.0.113.0/24".parse().unwrap();
    // Priority 3 of VLAN 42; 802.1ad outside, and 802.1Q twice, as some switches do.
    let (inner, outer, same) = ([0x81, 0x00, 0x60, 42], [0x88, 0xa8, 0x00, 7], [0x81, 0x00, 0x0f, 0xff]);
    for tags in [vec![], vec![inner], vec![outer], vec![outer, inner], vec![same, inner]] {
        for (client, server) in side.pairs() {
            let datagram = Datagram {
                mac_to: to,
                mac_from: from,
                vlan_tags: tags.clone(),
                ..Datagram::new(SocketAddr::new(client.address(), CLIENT_PORT), server, query.bytes())
            };
            let (reply, counted) = stage.counted(|| {
                raw.send(&datagram.frame().unwrap()).unwrap();
                raw.datagram_from(53, DEADLINE).unwrap()
            });
            let answered = counted.iter().find(|(outcome, _)| *outcome == Outcome::Answered);
            assert_eq!(answered, Some(&(Outcome::Answered, 1)), "{tags:02x?}: {counted:?}");
            let scope = reply.payload.last_chunk::<4>().map(|[scope, ..]| *scope);
            let expect = query.answer(&["192.0.2.10".into()], scope.unwrap());
            assert_eq!(reply, datagram.reply(expect), "{tags:02x?}");
        }
    }
    gtm.stop().unwrap();
}

/// The kernel gives this answer.
#[track_caller]
fn check(stage: &Stage, client: &Client, server: SocketAddr, expect: &str) {
    let query: Query = "www.example.com A edns".parse().unwrap();
    let (answer, counted) = stage.counted(|| client.send(server, &query.bytes()).unwrap());
    assert_eq!(answer.bytes, query.answer(&[expect.into()], 0));
    assert_eq!(counted, [(Outcome::Answered, 1)], "{server}");
}
