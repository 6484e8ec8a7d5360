//! What is configured beside the zones: whose client subnets count, what an OPT record holds, and class CH.

use super::*;
use crate::config::model::{Dns, EcsTrust, Prefix};

/// Everything that can be told is told.
fn talkative() -> Tables {
    let text = |text: &str| Some(text.to_owned());
    tables_with(Dns {
        ecs: EcsTrust::Always,
        nsid: text("fra1"),
        version: text("gtm"),
        id: text("fra1.example.net"),
        extended_errors: true,
    })
}

const WWW: &str = "NoError aa | www.example.com. 300 A 192.0.2.1 | edns";
const NSID: &str = "3=[66, 72, 61, 31]";

#[test]
fn name_server_identifier() {
    let tables = talkative();
    check_from(&tables, "www.example.com A edns option=3", &format!("{WWW} {NSID}"));
    check_from(&tables, "www.example.com A edns option=3 option=10 option=3", &format!("{WWW} {NSID}"));
    check_from(&tables, "www.example.com A edns option=10", WWW);
    check_from(
        &tables,
        "none.example.com A edns option=3",
        &format!("NXDomain aa | auth example.com. 60 SOA | edns {NSID}"),
    );
    check("www.example.com A edns option=3", WWW);
    // The options of other opcodes are not looked at.
    check_from(&tables, "www.example.com A edns option=3 opcode=4", "NotImp | edns 15=[00, 15]");
}

#[test]
fn extended_errors() {
    let tables = talkative();
    check_from(&tables, "www.example.org A edns", "Refused | edns 15=[00, 14]");
    check_from(&tables, "www.example.com A class=ANY edns", "Refused | edns 15=[00, 14]");
    check_from(&tables, "www.example.com A class=CH edns", "Refused | edns 15=[00, 14]");
    check_from(&tables, "example.com AXFR edns tcp", "Refused | edns 15=[00, 12]");
    check_from(&tables, "example.com IXFR edns", "Refused | edns 15=[00, 12]");
    check_from(&tables, "example.com SOA opcode=5 edns", "NotImp | edns 15=[00, 15]");
    // Only where there is an OPT record to put it into.
    check_from(&tables, "www.example.org A", "Refused");
    // What an access domain answers on purpose is no error of the query.
    check_from(&tables, "refused.example.com A edns", "Refused | edns");
    check_from(&tables, "servfail.example.com A edns", "ServFail | edns");
    check_from(&tables, "none.example.com A edns", "NXDomain aa | auth example.com. 60 SOA | edns");
    check_from(&tables, "huge.example.com TXT edns tcp", "ServFail aa | edns");
    check("www.example.org A edns", "Refused | edns");
}

#[test]
fn idle_connections() {
    check("www.example.com A edns option=11 tcp", &format!("{WWW} 11=[00, c8]"));
    check("www.example.com A edns option=11", WWW);
    check("www.example.com A edns tcp", WWW);
    check("www.example.org A edns option=11 tcp", "Refused | edns 11=[00, c8]");
}

#[test]
fn options_have_an_order() {
    check_from(
        &talkative(),
        "www.example.org A edns option=11 option=3 ecs=198.51.100.0/24 tcp",
        &format!("Refused | edns 198.51.100.0/24/0 {NSID} 15=[00, 14] 11=[00, c8]"),
    );
}

#[test]
fn options_count_against_the_size() {
    let thirty = each(0..30, |i| format!(" | mmm.example.com. 20 A 10.0.0.{i}"));
    let tables = talkative();
    check_from(&tables, "mmm.example.com A edns=532 option=3", &format!("NoError aa{thirty} | edns {NSID}"));
    check_from(&tables, "mmm.example.com A edns=531 option=3", &format!("NoError aa tc | edns {NSID}"));
}

#[test]
fn client_subnets_of_the_trusted() {
    let prefix = |address: &str, length| Prefix { address: address.parse().unwrap(), length };
    let trust = |ecs| tables_with(Dns { ecs, ..Dns::default() });
    let some = trust(EcsTrust::Prefixes(vec![prefix("192.0.2.0", 24), prefix("2001:db8::", 32)]));
    let ask = "steer.example.com A edns ecs=198.51.100.0/24";
    let mine = "NoError aa | steer.example.com. 20 A 203.0.113.1 | edns";
    let all = "NoError aa | steer.example.com. 20 A 192.0.2.80 | steer.example.com. 20 A 192.0.2.81 | edns";
    check_from(&some, &format!("{ask} from=192.0.2.7"), &format!("{mine} 198.51.100.0/24/24"));
    check_from(&some, &format!("{ask} from=2001:db8::7"), &format!("{mine} 198.51.100.0/24/24"));
    check_from(&some, &format!("{ask} from=192.0.3.7"), all);
    check_from(&trust(EcsTrust::Never), &format!("{ask} from=192.0.2.7"), all);
    // The sender is the client then, and a malformed option is no error. Two subnets are malformed.
    check_from(&some, "steer.example.com A edns ecs=192.0.2.0/24 from=198.51.100.7", mine);
    let twice = "www.example.com A edns ecs=192.0.2.0/24 ecs=192.0.2.0/24";
    check_from(&some, &format!("{twice} from=198.51.100.7"), WWW);
    check_from(&some, &format!("{twice} from=192.0.2.7"), "FormErr | edns");
    check_from(&some, "www.example.com A edns option=8 from=198.51.100.7", WWW);
    check_from(&some, "www.example.com A edns option=8 from=192.0.2.7", "FormErr | edns");
}

/// They are echoed, and the sender is the client.
#[test]
fn client_subnets_of_nobody() {
    let mine = "NoError aa | steer.example.com. 20 A 203.0.113.1 | edns";
    for subnet in ["10.0.0.0/8", "127.0.0.1/32", "fe80::/64", "::1/128"] {
        let ask = format!("steer.example.com A edns ecs={subnet} from=198.51.100.7");
        check(&ask, &format!("{mine} {subnet}/0"));
    }
}

#[test]
fn server_identification() {
    let tables = talkative();
    check_from(&tables, "version.bind TXT class=CH", "NoError aa | version.bind. 0 TXT gtm");
    check_from(&tables, "version.server TXT class=CH rd", "NoError aa rd | version.server. 0 TXT gtm");
    check_from(&tables, "id.server TXT class=CH", "NoError aa | id.server. 0 TXT fra1.example.net");
    check_from(&tables, "hostname.bind ANY class=CH", "NoError aa | hostname.bind. 0 TXT fra1.example.net");
    check_from(&tables, "version.bind A class=CH edns", "NoError aa | edns");
    check_from(&tables, "version.bind AXFR class=CH edns", "Refused | edns 15=[00, 12]");
    check_from(&tables, "authors.bind TXT class=CH edns", "Refused | edns 15=[00, 14]");
    check_from(&tables, "version.bind TXT", "Refused");
    check("version.bind TXT class=CH", "Refused");
    check("id.server TXT class=CH", "Refused");
    let longest = Dns { version: Some("x".repeat(255)), ..Dns::default() };
    let said = format!("NoError aa | version.bind. 0 TXT {}", "x".repeat(255));
    check_from(&tables_with(longest), "version.bind TXT class=CH", &said);
}

#[test]
fn server_identification_byte_for_byte() {
    let question = "07 56455253494f4e 04 62696e64 00 0010 0003";
    let ask = hex(&format!("0001 0000 0001 0000 0000 0000 {question}"));
    let answer =
        hex(&format!("0001 8400 0001 0001 0000 0000 {question} c00c 0010 0003 00000000 0004 03 67746d"));
    assert_eq!(respond(&ask, SENDER, Transport::Udp, &talkative()).unwrap().bytes, answer);
}
