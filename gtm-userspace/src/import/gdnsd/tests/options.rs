//! The section `options`.

use super::*;

#[test]
fn options_without_an_equal_are_named() {
    let config = "options => { listen => [ any, 192.0.2.1, ::1 ], tcp_threads => 2, max_edns_response => 1232, nsid => AA, \
                  udp_rcvbuf => 65536, min_ttl => 30, odd => 1 }";
    let imported = import_files(&[("config", config)]).unwrap();
    assert_eq!(part(&imported.config, "[service]")[1], "listen = [\"192.0.2.1:53\", \"[::1]:53\"]");
    let keys: Vec<_> = imported.settings.iter().map(|setting| setting.key.as_str()).collect();
    let expect = [
        "options.min_ttl",
        "options.listen",
        "options.tcp_threads",
        "options.nsid",
        "options.udp_rcvbuf",
        "options.odd",
    ];
    assert_eq!(keys, expect);

    let imported = import_files(&[("zones/example.com", ZONE)]).unwrap();
    assert_eq!(named(&imported).len(), 1, "{:?}", imported.settings);
    assert_eq!(part(&imported.config, "[service]")[1], "listen = [\"127.0.0.1\"]");
}

/// Options, what they add to `[service]` and `[dns]`, and what is said of them.
#[track_caller]
fn check_options(options: &str, service: &[&str], dns: &[&str], no_equal: &[&str]) {
    let config = format!("options => {{ listen => [ 192.0.2.1, ::1 ], {options} }}");
    let imported = import_files(&[("config", &config)]).unwrap_or_else(|error| panic!("{error}"));
    let found = part(&imported.config, "[service]");
    assert_eq!(found.get(3..).unwrap_or_default(), service, "{options}");
    assert_eq!(part(&imported.config, "[dns]").get(1..).unwrap_or_default(), dns, "{options}");
    let named = named(&imported);
    assert_eq!(named.len(), no_equal.len(), "{options}: {named:?}");
    for (found, expect) in named.iter().zip(no_equal) {
        assert!(found.starts_with(&format!("config:1 options.{expect}")), "{found}");
    }
}

#[test]
fn tcp_connections_and_their_time() {
    check_options("", &[], &[], &[]);
    check_options("tcp_clients_per_thread => 300", &["tcp_connections = 1200"], &[], &[]);
    check_options(
        "tcp_clients_per_thread => 300, tcp_threads => 4",
        &["tcp_connections = 2400"],
        &[],
        &["tcp_threads: the daemon's threads"],
    );
    let above = "tcp_clients_per_thread: 262140 is above 100000";
    check_options("tcp_clients_per_thread => 65535", &["tcp_connections = 100000"], &[], &[above]);
    check_options("tcp_timeout => 37", &["tcp_idle = \"37s\""], &[], &[]);
    check_options(
        "tcp_timeout => 1800",
        &["tcp_idle = \"600s\""],
        &[],
        &["tcp_timeout: 1800 is above 600, which is the most here"],
    );
}

#[test]
fn what_the_server_says_of_itself() {
    check_options("edns_client_subnet => true", &[], &[], &[]);
    check_options("edns_client_subnet => false", &[], &["ecs = \"never\""], &[]);
    check_options("nsid => 667261c3A9", &[], &["nsid = \"fraé\""], &[]);
    check_options("nsid_ascii => \"fra 1\"", &[], &["nsid = \"fra 1\""], &[]);
    for digits in ["FF", "+1", "ABC", "zz"] {
        check_options(&format!("nsid => \"{digits}\""), &[], &[], &["nsid: not a text in hexadecimal"]);
    }
    let long = "a".repeat(65);
    check_options(&format!("nsid_ascii => {long}"), &[], &[], &["nsid_ascii: 65 bytes long"]);
    check_options(&format!("nsid => {}", "61".repeat(65)), &[], &[], &["nsid: 65 bytes long"]);
    check_options("chaos_response => ns", &[], &["version = \"ns\"", "id = \"ns\""], &[]);
    check_options("chaos_response => \"\"", &[], &[], &["chaos_response: 0 bytes long"]);
}
