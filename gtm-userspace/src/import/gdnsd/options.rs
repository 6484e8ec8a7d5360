//! `options`: where to listen, the TTLs, TCP, what the server says of itself, and everything that is tuned otherwise here or
//! not at all.

use std::net::{IpAddr, SocketAddr};

use super::super::report::Report;
use super::section::{Item, Section};
use super::service::quoted;

const DEFAULT_PORT: u32 = 53;
const DEFAULT_TTL: u32 = 86400;
const DEFAULT_MIN_TTL: u32 = 5;
const DEFAULT_MAX_TTL: u32 = 3_600_000;
const DEFAULT_TCP_THREADS: u32 = 2;
/// What our configuration takes at most.
const MAX_CONNECTIONS: u32 = 100_000;
const MAX_IDLE: u32 = 600;
const MAX_NSID: usize = 64;
const MAX_STRING: usize = 255;

/// What of the options is used.
#[derive(Debug)]
pub(super) struct Options {
    /// Exact addresses only.
    pub(super) listen: Vec<SocketAddr>,
    pub(super) default_ttl: u32,
    pub(super) min_ttl: u32,
    pub(super) max_ttl: u32,
    /// Keys of `[service]` besides where to listen and how to attach, with their values.
    pub(super) tcp: Vec<(&'static str, String)>,
    /// Keys of `[dns]` with their values.
    pub(super) dns: Vec<(&'static str, String)>,
}

/// Options without an equal: the value that means what is done here, if there is one, and the reason.
const NO_EQUAL: &[(&str, Option<&str>, &str)] = &[
    ("max_ncache_ttl", None, "the TTL of a negative answer is that of the zone's SOA, whatever it is"),
    ("udp_threads", None, "the daemon's threads are as many as the processors"),
    ("disable_tcp_dso", Some("true"), "DNS Stateful Operations are not spoken"),
    ("tcp_backlog", None, "the backlog of TCP sockets is fixed"),
    ("tcp_fastopen", Some("0"), "TCP Fast Open is not used"),
    ("tcp_proxy", Some("false"), "the PROXY protocol is not spoken"),
    ("tcp_pad", Some("false"), "answers are not padded"),
    ("udp_rcvbuf", None, "the receive buffer of a UDP socket is 4 MiB, less where the system allows less"),
    ("udp_sndbuf", None, "the send buffers of UDP sockets are those of the system"),
    ("tcp_control", None, "the daemon takes requests on its Unix socket only"),
    (
        "zones_strict_data",
        None,
        "which problems of a zone are errors is fixed; `gtm check` shows all of them",
    ),
    ("zones_rfc1035_threads", None, "zone files are read one after the other"),
    ("lock_mem", Some("false"), "memory is not locked"),
    (
        "disable_text_autosplit",
        None,
        "a string of more than 255 bytes is written as several into the zone file",
    ),
    ("max_edns_response", Some("1232"), "UDP answers have at most 1232 bytes"),
    ("max_edns_response_v6", Some("1232"), "UDP answers have at most 1232 bytes"),
    ("acme_challenge_ttl", None, "there are no records for ACME challenges"),
    ("acme_challenge_dns_ttl", None, "there are no records for ACME challenges"),
    ("experimental_no_chain", None, "an alias into a served zone is followed in the answer"),
    ("disable_cookies", Some("true"), "DNS cookies are not used"),
    ("max_nocookie_response", Some("0"), "DNS cookies are not used"),
    ("cookie_key_file", None, "DNS cookies are not used"),
    ("run_dir", None, "[control] socket says where the daemon takes requests"),
    ("state_dir", None, "[store] file says where the daemon keeps its state"),
];

/// Reads the options; each without an equal is named.
pub(super) fn read(root: &Section<'_>, report: &Report) -> Options {
    let empty = super::super::vscf::Hash::default();
    let item = root.take("options");
    let section = item.as_ref().and_then(|item| item.expect_section(report));
    let section = section.unwrap_or_else(|| Section::root(&empty));
    let number = |key: &str, range, default| {
        section.take(key).and_then(|item| item.number(report, range)).unwrap_or(default)
    };
    let port = number("dns_port", 1..=65535, DEFAULT_PORT);
    let default_ttl = number("zones_default_ttl", 0..=u32::MAX / 2, DEFAULT_TTL);
    for key in ["min_ttl", "max_ttl"] {
        if let Some(item) = section.take(key) {
            item.no_equal(
                report,
                "TTLs of access domains are kept within it, but those of the records in zone files are served as they are",
            );
        }
    }
    let min_ttl = number("min_ttl", 0..=86400, DEFAULT_MIN_TTL);
    let max_ttl = number("max_ttl", 3600..=268_435_455, DEFAULT_MAX_TTL).max(min_ttl);
    let listen = section.take("listen");
    let listen = listen.map(|item| read_listen(&item, port, report)).unwrap_or_default();
    let (tcp, dns) = (read_tcp(&section, listen.len(), report), read_dns(&section, report));
    for item in section.rest() {
        name_no_equal(&item, report);
    }
    Options { listen, default_ttl, min_ttl, max_ttl, tcp, dns }
}

fn name_no_equal(item: &Item<'_>, report: &Report) {
    match NO_EQUAL.iter().find(|(key, ..)| *key == item.key) {
        Some((_, same, reason)) => {
            let written = item.value.text().map(str::to_ascii_lowercase);
            if same.is_none() || written.as_deref() != *same {
                item.no_equal(report, *reason);
            }
        }
        None => item.no_equal(report, "not an option that is known"),
    }
}

/// How many TCP connections there are, and how long they may be idle. gdnsd counts them for each thread, of which every
/// address has its own.
fn read_tcp(section: &Section<'_>, addresses: usize, report: &Report) -> Vec<(&'static str, String)> {
    let mut keys = Vec::new();
    let threads = section.take("tcp_threads");
    let threads = threads.and_then(|item| {
        item.no_equal(report, "the daemon's threads are as many as the processors");
        item.number(report, 1..=1024)
    });
    if let Some(item) = section.take("tcp_clients_per_thread")
        && let Some(each) = item.number(report, 16..=65535)
    {
        let threads = threads.unwrap_or(DEFAULT_TCP_THREADS);
        let addresses = u32::try_from(addresses.max(1)).unwrap_or(u32::MAX);
        let connections = each.saturating_mul(threads).saturating_mul(addresses);
        keys.push(("tcp_connections", at_most(MAX_CONNECTIONS, connections, &item, report).to_string()));
    }
    if let Some(item) = section.take("tcp_timeout")
        && let Some(seconds) = item.number(report, 5..=1800)
    {
        keys.push(("tcp_idle", quoted(&format!("{}s", at_most(MAX_IDLE, seconds, &item, report)))));
    }
    keys
}

fn at_most(most: u32, number: u32, item: &Item<'_>, report: &Report) -> u32 {
    if number > most {
        item.no_equal(report, format!("{number} is above {most}, which is the most here and is taken"));
    }
    number.min(most)
}

/// Whose client subnets count, and what the server says of itself.
fn read_dns(section: &Section<'_>, report: &Report) -> Vec<(&'static str, String)> {
    let mut keys = Vec::new();
    if let Some(item) = section.take("edns_client_subnet")
        && item.boolean(report) == Some(false)
    {
        keys.push(("ecs", quoted("never")));
    }
    // gdnsd takes only one of the two.
    if let Some(item) = section.take("nsid")
        && let Some(digits) = item.text(report)
    {
        match from_hexadecimal(digits) {
            Some(text) if fits(&text, MAX_NSID, &item, report) => keys.push(("nsid", quoted(&text))),
            Some(_) => {}
            None => item
                .no_equal(report, "not a text in hexadecimal digits, as which it is written here; left out"),
        }
    } else if let Some(item) = section.take("nsid_ascii")
        && let Some(text) = item.text(report)
        && fits(text, MAX_NSID, &item, report)
    {
        keys.push(("nsid", quoted(text)));
    }
    // gdnsd answers every name of class CH with it.
    if let Some(item) = section.take("chaos_response")
        && let Some(text) = item.text(report)
        && fits(text, MAX_STRING, &item, report)
    {
        keys.extend(["version", "id"].map(|key| (key, quoted(text))));
    }
    keys
}

fn fits(text: &str, longest: usize, item: &Item<'_>, report: &Report) -> bool {
    let fits = (1..=longest).contains(&text.len());
    if !fits {
        item.no_equal(report, format!("{} bytes long; here it has 1 to {longest}; left out", text.len()));
    }
    fits
}

/// The text whose bytes these digits are.
fn from_hexadecimal(digits: &str) -> Option<String> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let digits =
            str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok())?
    };
    String::from_utf8(pairs.map(byte).collect::<Option<Vec<u8>>>()?).ok()
}

/// One address, an array of them, or a hash with options for each.
fn read_listen(item: &Item<'_>, port: u32, report: &Report) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    let mut add = |item: &Item<'_>, text: &str| {
        match parse_listen(text, port) {
        Some(address) if address.ip().is_unspecified() => item.no_equal(
            report,
            format!("\"{text}\" is every address of the host; the kernel answers for exact addresses: write each into [service] listen"),
        ),
        Some(address) if !found.contains(&address) => found.push(address),
        Some(_) => {}
        None if text.eq_ignore_ascii_case("any") => item.no_equal(
            report,
            "\"any\" is every address of the host; the kernel answers for exact addresses: write each into [service] listen",
        ),
        None => item.no_equal(report, format!("\"{text}\" is not an address; left out")),
    }
    };
    let Some(section) = item.section() else {
        for text in item.texts(report) {
            add(item, text);
        }
        return found;
    };
    for address in section.rest() {
        let options = address.section();
        let is_proxy = options.as_ref().and_then(|options| options.take("tcp_proxy"));
        if let Some(proxy) = is_proxy.filter(|proxy| proxy.boolean(report) == Some(true)) {
            proxy.no_equal(report, "the PROXY protocol is not spoken; the address is left out");
            continue;
        }
        for option in options.iter().flat_map(Section::rest) {
            name_no_equal(&option, report);
        }
        add(&address, address.key);
    }
    found
}

fn parse_listen(text: &str, port: u32) -> Option<SocketAddr> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address);
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    Some(SocketAddr::new(bare.parse::<IpAddr>().ok()?, u16::try_from(port).ok()?))
}
