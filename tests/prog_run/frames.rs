//! Ethernet, VLAN tags, IP and UDP.

use gtm_tests::frame::MIN_FRAME;
use gtm_tests::{Datagram, Query};

use crate::program::{Program, V4, V6};

fn query() -> Query {
    "www.example.com A".parse().unwrap()
}

fn answer() -> Vec<u8> {
    query().answer(&["192.0.2.10".into()], 0)
}

#[test]
fn vlan_tags() {
    let Some(program) = Program::example() else { return };
    let (inner, outer) = ([0x81, 0, 0x60, 7], [0x88, 0xa8, 0xff, 0xff]);
    for client in [V4, V6] {
        for tags in
            [vec![], vec![inner], vec![outer], vec![outer, inner], vec![inner, inner], vec![outer, outer]]
        {
            let datagram = Datagram { vlan_tags: tags, ..program.datagram(client, &query().bytes()) };
            program.check_frame(&datagram, &datagram.frame().unwrap(), Ok(answer()));
        }
        let datagram =
            Datagram { vlan_tags: vec![outer, inner, inner], ..program.datagram(client, &query().bytes()) };
        program.check_passed(&datagram.frame().unwrap(), "passed_not_ip");
        // A tag of another kind (the old QinQ identifier).
        let datagram = Datagram { vlan_tags: vec![[0x91, 0, 0, 7]], ..datagram };
        program.check_passed(&datagram.frame().unwrap(), "passed_not_ip");
    }
}

#[test]
fn ethernet() {
    let Some(program) = Program::example() else { return };
    for client in [V4, V6] {
        let datagram = program.datagram(client, &query().bytes());
        for group in [[0xff; 6], [1, 0, 0x5e, 0, 0, 1], [0x33, 0x33, 0, 0, 0, 1]] {
            let datagram = Datagram { mac_to: group, ..datagram.clone() };
            program.check_passed(&datagram.frame().unwrap(), "passed_not_ip");
        }
        for ether_type in [0x0806_u16, 0x86de, 0x0801, 0, 60] {
            let mut frame = datagram.frame().unwrap();
            frame[12..14].copy_from_slice(&ether_type.to_be_bytes());
            program.check_passed(&frame, "passed_not_ip");
        }
        // IPv4 as IPv6 and the other way around.
        let mut frame = datagram.frame().unwrap();
        let other: [u8; 2] = if client == V4 { [0x86, 0xdd] } else { [8, 0] };
        frame[12..14].copy_from_slice(&other);
        program.check_passed(&frame, "passed_not_udp");
    }
}

/// What is behind the datagram is not part of it, and not part of the answer.
#[test]
fn padding() {
    let Some(program) = Program::example() else { return };
    for client in [V4, V6] {
        let query: Query = "cdn.example.com A".parse().unwrap();
        let datagram = program.datagram(client, &query.bytes());
        let frame = datagram.frame().unwrap();
        for length in [MIN_FRAME, frame.len() + 1, frame.len() + 7, 200, 1514, 3000] {
            for filler in [0, 0xff] {
                let mut frame = frame.clone();
                frame.resize(length.max(frame.len()), filler);
                program.check_frame(&datagram, &frame, Ok(query.answer(&["cdn.example.net".into()], 0)));
            }
        }
    }
}

/// Frames of an interface with a large MTU lie in several buffers, of which the program sees the first: none is answered,
/// not even one whose datagram lies in the first and is followed by nothing but padding.
#[test]
fn jumbo_frames() {
    let Some(program) = Program::example() else { return };
    for client in [V4, V6] {
        let datagram = program.datagram(client, &query().bytes());
        let long = program.datagram(client, &[query().bytes(), vec![0; 8900]].concat());
        program.check_passed(&long.frame().unwrap(), "passed_not_udp");
        for length in [4096, 5000, 9014] {
            let mut frame = datagram.frame().unwrap();
            frame.resize(length, 0);
            program.check_passed(&frame, "passed_not_udp");
        }
        // What is not for us goes up as before.
        let mut other = program.datagram(client, &query().bytes());
        other.to.set_port(54);
        let mut frame = other.frame().unwrap();
        frame.resize(9014, 0);
        program.check_passed(&frame, "passed_not_served");
    }
}

#[test]
fn ipv4_header() {
    let Some(program) = Program::example() else { return };
    let datagram = program.datagram(V4, &query().bytes());
    let ip = datagram.ip_offset();
    // Type of service, identification, "don't fragment" and TTL are the sender's choice.
    for (at, value) in [(1, 0xb8), (4, 0x12), (5, 0x34), (6, 0x40), (8, 1), (8, 255)] {
        program.check_frame(&datagram, &changed_ipv4(&datagram, ip + at, value), Ok(answer()));
    }
    // Version and length, total length, "more fragments", offset, protocol.
    for (at, value) in [
        (0, 0x44),
        (0, 0x46),
        (0, 0x4f),
        (0, 0x55),
        (0, 0x65),
        (2, 1),
        (3, 0),
        (6, 0x20),
        (6, 0x01),
        (7, 1),
        (9, 6),
        (9, 1),
    ] {
        program.check_passed(&changed_ipv4(&datagram, ip + at, value), "passed_not_udp");
    }
    let mut frame = datagram.frame().unwrap();
    frame[ip + 10] ^= 1;
    program.check_passed(&frame, "passed_not_udp");
    frame[ip + 10..ip + 12].fill(0);
    program.check_passed(&frame, "passed_not_udp");
    // One option, the header else right.
    let mut frame = datagram.frame().unwrap();
    frame.splice(ip + 20..ip + 20, [1, 1, 1, 0]);
    let length = u16::try_from(frame.len() - ip).unwrap();
    frame[ip + 2..ip + 4].copy_from_slice(&length.to_be_bytes());
    program.check_passed(&with_ipv4_checksum(&changed(&frame, ip, 0x46), ip, 24), "passed_not_udp");
}

#[test]
fn ipv6_header() {
    let Some(program) = Program::example() else { return };
    let datagram = program.datagram(V6, &query().bytes());
    let (ip, frame) = (datagram.ip_offset(), datagram.frame().unwrap());
    // Traffic class, flow label and hop limit are the sender's choice.
    for (at, value) in [(0, 0x6f), (1, 0xff), (2, 0x12), (3, 0x34), (7, 1), (7, 255)] {
        program.check_frame(&datagram, &changed(&frame, ip + at, value), Ok(answer()));
    }
    // Version, payload length, next header.
    for (at, value) in [(0, 0x40), (0, 0x70), (4, 1), (5, 0), (6, 0), (6, 43), (6, 44), (6, 58), (6, 60)] {
        program.check_passed(&changed(&frame, ip + at, value), "passed_not_udp");
    }
    // A hop-by-hop header before UDP.
    let mut frame = changed(&frame, ip + 6, 0);
    frame.splice(ip + 40..ip + 40, [17, 0, 1, 4, 0, 0, 0, 0]);
    let length = u16::try_from(frame.len() - ip - 40).unwrap();
    frame[ip + 4..ip + 6].copy_from_slice(&length.to_be_bytes());
    program.check_passed(&frame, "passed_not_udp");
}

#[test]
fn udp_header() {
    let Some(program) = Program::example() else { return };
    for client in [V4, V6] {
        let datagram = program.datagram(client, &query().bytes());
        let (udp, frame) = (datagram.udp_offset(), datagram.frame().unwrap());
        for length in [0_u16, 1, 7, 8, 9, 19, 65535] {
            let mut frame = frame.clone();
            frame[udp + 4..udp + 6].copy_from_slice(&length.to_be_bytes());
            program.check_passed(&frame, "passed_not_udp");
        }
        for step in [-1_i16, 1] {
            let mut frame = [frame.clone(), vec![0; 8]].concat();
            let length = u16::try_from(8 + datagram.payload.len()).unwrap().checked_add_signed(step).unwrap();
            frame[udp + 4..udp + 6].copy_from_slice(&length.to_be_bytes());
            program.check_passed(&frame, "passed_not_udp");
        }
        // The network card leaves a partial sum where the sender is on this machine: the answer's sum is right anyway.
        for checksum in [[0xff, 0xff], [0x12, 0x34]] {
            let mut frame = frame.clone();
            frame[udp + 6..udp + 8].copy_from_slice(&checksum);
            program.check_frame(&datagram, &frame, Ok(answer()));
        }
        // No checksum: allowed over IPv4 (RFC 768), discarded over IPv6 (RFC 8200 section 8.1).
        let frame = changed(&changed(&frame, udp + 6, 0), udp + 7, 0);
        if client == V4 {
            program.check_frame(&datagram, &frame, Ok(answer()));
        } else {
            program.check_passed(&frame, "passed_not_udp");
        }
    }
}

#[test]
fn addresses_and_ports() {
    let Some(program) = Program::example() else { return };
    let v4 = "192.0.2.1:40000";
    check_way(&program, v4, "198.51.100.53:53", "answered");
    check_way(&program, v4, "198.51.100.54:5353", "answered");
    check_way(&program, v4, "198.51.100.54:53", "passed_not_served");
    check_way(&program, v4, "198.51.100.53:5353", "passed_not_served");
    check_way(&program, v4, "198.51.100.53:54", "passed_not_served");
    check_way(&program, v4, "198.51.100.52:53", "passed_not_served");
    check_way(&program, v4, "224.0.0.251:53", "passed_not_served");
    let v6 = "[2001:db8:1::1]:40000";
    check_way(&program, v6, "[2001:db8:53::53]:53", "answered");
    check_way(&program, v6, "[2001:db8:53::53]:54", "passed_not_served");
    check_way(&program, v6, "[2001:db8:53::54]:53", "passed_not_served");
    // The served IPv4 address in the upper bytes.
    check_way(&program, v6, "[c633:6435::]:53", "passed_not_served");
    for from in [
        "0.0.0.0:1",
        "0.1.2.3:1",
        "127.0.0.1:1",
        "224.0.0.1:1",
        "240.0.0.1:1",
        "255.255.255.255:1",
        "192.0.2.1:0",
    ] {
        check_way(&program, from, "198.51.100.53:53", "passed_bad_sender");
    }
    for from in ["1.0.0.0:1", "126.255.255.255:1", "128.0.0.0:65535", "223.255.255.255:53"] {
        check_way(&program, from, "198.51.100.53:53", "answered");
    }
    for from in ["[::]:1", "[::1]:1", "[ff02::1]:1", "[ffff::]:1", "[2001:db8:1::1]:0"] {
        check_way(&program, from, "[2001:db8:53::53]:53", "passed_bad_sender");
    }
    for from in ["[::2]:1", "[fe80::1]:1", "[fc00::1]:53"] {
        check_way(&program, from, "[2001:db8:53::53]:53", "answered");
    }
}

#[track_caller]
fn check_way(program: &Program, from: &str, to: &str, expect: &str) {
    let datagram = Datagram::new(from.parse().unwrap(), to.parse().unwrap(), query().bytes());
    let expect = if expect == "answered" { Ok(answer()) } else { Err(expect) };
    program.check_frame(&datagram, &datagram.frame().unwrap(), expect);
}

/// The sums of the answer over every value of one word of the query, 0 among them.
#[test]
fn udp_checksum_of_every_id() {
    let Some(program) = Program::example() else { return };
    for client in [V4, V6] {
        for id in (0..=u16::MAX).step_by(23) {
            program.check(client, &format!("www.example.com A id={id}"), "192.0.2.10");
        }
        // The ID for which the sum is zero, sent as all ones (RFC 768).
        let sum = |id: u16| {
            let query: Query = format!("www.example.com A id={id}").parse().unwrap();
            let frame = program.datagram(client, &query.bytes()).frame().unwrap();
            let sent = program.run(&frame).unwrap();
            let sent = sent.frame().unwrap();
            let udp = program.datagram(client, &[]).udp_offset();
            u16::from_be_bytes([sent[udp + 6], sent[udp + 7]])
        };
        assert_eq!(sum(sum(0)), 0xffff);
    }
}

/// The program looks at datagrams that end within the first 2047 bytes of their frame.
#[test]
fn long_datagrams() {
    let Some(program) = Program::example() else { return };
    for client in [V4, V6] {
        let query = |length: usize| query().with_opt(1232, vec![(12, vec![0; length])]);
        let empty = program.datagram(client, &query(0).bytes()).frame().unwrap().len();
        program.check_query(client, &query(2047 - empty), "192.0.2.10");
        program.check_query(client, &query(2048 - empty), "passed_not_udp");
        program.check_query(client, &query(3000 - empty), "passed_not_udp");
    }
}

/// Every bit of the headers wrong, one after another: passed, or answered as the server answers what the frame
/// says now.
#[test]
fn every_wrong_bit() {
    let Some(program) = Program::example() else { return };
    for client in [V4, V6] {
        let datagram = program.datagram(client, &query().bytes());
        let frame = datagram.frame().unwrap();
        for bit in 0..8 * frame.len() {
            let mut wrong = frame.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            if let Ok(sent) = program.run(&wrong) {
                assert_eq!(
                    (sent.mac_to.as_slice(), sent.mac_from.as_slice()),
                    (&wrong[6..12], &wrong[..6]),
                    "bit {bit}"
                );
                let message = &wrong[datagram.udp_offset() + 8..];
                assert_eq!(Some(sent.payload), program.service.respond(message, sent.to.ip()), "bit {bit}");
            }
        }
    }
}

fn changed(frame: &[u8], at: usize, value: u8) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[at] = value;
    frame
}

/// The frame with one byte of its IPv4 header changed and the header's checksum right again.
fn changed_ipv4(datagram: &Datagram, at: usize, value: u8) -> Vec<u8> {
    with_ipv4_checksum(&changed(&datagram.frame().unwrap(), at, value), datagram.ip_offset(), 20)
}

fn with_ipv4_checksum(frame: &[u8], ip: usize, header_len: usize) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[ip + 10..ip + 12].fill(0);
    let words =
        frame[ip..ip + header_len].chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum = words.fold(0, |sum, word| (sum + word) % 0xffff);
    let checksum = u16::try_from(0xffff - sum).unwrap();
    frame[ip + 10..ip + 12].copy_from_slice(&checksum.to_be_bytes());
    frame
}
