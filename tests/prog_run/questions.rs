//! Header and question: what is a plain query, cut short anywhere, with bytes behind it.

use crate::program::{Program, V4, V6};

#[test]
fn flags_and_counts() {
    let Some(program) = Program::example() else { return };
    for flags in ["", "rd", "ad", "cd", "rd ad cd", "id=0", "id=65535"] {
        program.check_both(&format!("www.example.com A {flags}"), "192.0.2.10");
        program.check_both(&format!("www.example.com AAAA edns {flags}"), "2001:db8:ffff::10");
    }
    program.check_both("www.example.com A qr", "passed_not_query");
    for flags in ["aa", "tc", "ra", "z", "rcode=1", "rcode=15", "aa tc ra z rcode=3"] {
        program.check_both(&format!("www.example.com A {flags}"), "192.0.2.10");
        program.check_both(&format!("www.example.com AAAA rd edns {flags}"), "2001:db8:ffff::10");
    }
    for opcode in 1..16 {
        for rest in ["", "rd aa tc", "edns", "edns version=1 do", "edns option=8:00 option=3"] {
            program.check_both(&format!("www.example.com SOA opcode={opcode} {rest}"), "server");
        }
    }
    // Not one question: whatever follows.
    for counts in ["0,0,0,0", "2,0,0,0", "256,0,0,0", "257,0,0,0", "2,1,1,1", "2,0,0,1"] {
        program.check_both(&format!("www.example.com A counts={counts}"), "server");
        program.check_both(&format!("www.example.com A rd opcode=4 edns counts={counts}"), "server");
    }
    for counts in [
        "0,0,0,1",
        "0,0,1,0",
        "0,1,0,0",
        "1,1,0,0",
        "1,256,0,0",
        "1,0,1,0",
        "1,0,256,0",
        "1,0,0,2",
        "1,0,0,256",
        "1,0,0,257",
    ] {
        program.check_both(&format!("www.example.com A counts={counts}"), "passed_not_query");
        program.check_both(&format!("www.example.com A edns counts={counts}"), "passed_not_query");
    }
    for class in [0, 2, 3, 4, 254, 255, 256, 257] {
        for rest in ["", "edns", "edns option=3"] {
            program.check_both(&format!("www.example.com A class={class} {rest}"), "server");
        }
    }
    for name in ["version.bind", "VERSION.server", "id.server", "hostname.bind", "example.com", "bind"] {
        for rtype in ["TXT", "ANY", "A", "SOA", "AXFR"] {
            program.check_both(&format!("{name} {rtype} class=3"), "server");
            program.check_both(&format!("{name} {rtype} class=3 edns option=3"), "server");
        }
    }
}

#[test]
fn counts_that_do_not_hold() {
    let Some(program) = Program::example() else { return };
    program.check_both("www.example.com A counts=1,0,0,1", "passed_bad_edns");
    program.check_both("www.example.com A edns counts=1,0,0,0", "passed_bad_edns");
    program.check_both("www.example.com A tail=00", "passed_bad_edns");
    program.check_both("www.example.com A edns tail=00", "passed_bad_edns");
    program.check_both("www.example.com A edns ecs=11.0.0.0/8 tail=00", "passed_bad_edns");
}

/// A message cut short anywhere, in headers that are right about it, is not answered.
#[test]
fn message_cut_short() {
    let Some(program) = Program::example() else { return };
    for query in ["www.example.com A rd", "www.example.com AAAA edns do option=10:0011 ecs=11.1.2.0/24"] {
        let query: gtm_tests::Query = query.parse().unwrap();
        let message = query.bytes();
        let question_end = 12 + query.qname.len() + 4;
        for client in [V4, V6] {
            for length in 0..message.len() {
                let cut = program.datagram(client, &message[..length]);
                assert!(program.run(&cut.frame().unwrap()).is_err(), "{length} bytes");
                // Padding of a short frame is not part of the message.
                let padded = [cut.frame().unwrap(), message[length..].to_vec()].concat();
                let outcome = match length {
                    0..12 => "passed_not_query",
                    _ if length < question_end => "passed_bad_question",
                    _ => "passed_bad_edns",
                };
                assert_eq!(
                    program.run(&padded),
                    Err(outcome),
                    "{length} bytes, the others behind the datagram"
                );
            }
        }
    }
}

/// A frame cut short anywhere is passed as it is.
#[test]
fn frame_cut_short() {
    let Some(program) = Program::example() else { return };
    for query in ["www.example.com A", "www.example.com A edns ecs=11.1.2.0/24"] {
        let query: gtm_tests::Query = query.parse().unwrap();
        for client in [V4, V6] {
            let mut datagram = program.datagram(client, &query.bytes());
            for tags in [vec![], vec![[0x81, 0, 0, 7]], vec![[0x88, 0xa8, 0, 7], [0x81, 0, 0, 9]]] {
                datagram.vlan_tags = tags;
                let frame = datagram.frame().unwrap();
                // The kernel runs programs on a whole Ethernet header at least.
                for length in 14..frame.len() {
                    assert!(program.run(&frame[..length]).is_err(), "{length} bytes");
                }
                assert!(program.run(&frame).is_ok());
            }
        }
    }
}
