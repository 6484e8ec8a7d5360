//! `[template.NAME]`: how to check an address.

use std::net::IpAddr;
use std::time::Duration;

use super::model::{CheckKind, HttpCheck, Initial, Template, Tls};
use super::names::Names;
use super::reader::{Node, Table, shown_duration, values};

/// Keys of a template; which of them are allowed depends on its kind.
pub(super) const KEYS: &[&str] = &[
    "kind",
    "interval",
    "timeout",
    "failures",
    "successes",
    "initial",
    "port",
    "path",
    "host",
    "expect_status",
    "verify",
];

const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
const MIN_INTERVAL: Duration = Duration::from_millis(100);
const MAX_INTERVAL: Duration = Duration::from_hours(1);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);
const MIN_TIMEOUT: Duration = Duration::from_millis(10);
const MAX_TIMEOUT: Duration = Duration::from_mins(1);
const DEFAULT_FAILURES: u32 = 3;
const DEFAULT_SUCCESSES: u32 = 2;
const MAX_COUNT: u32 = 100;
/// Longest request path; servers refuse much longer ones.
const MAX_PATH: usize = 2048;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ping,
    Tcp,
    Http,
    Https,
}

const KINDS: &[(&str, Kind)] =
    &[("ping", Kind::Ping), ("tcp", Kind::Tcp), ("http", Kind::Http), ("https", Kind::Https)];
const INITIAL: &[(&str, Initial)] = &[("up", Initial::Up), ("down", Initial::Down), ("last", Initial::Last)];

pub(super) fn read(root: &Table<'_>, names: &mut Names) -> Vec<Template> {
    names.define(root, "template", read_template)
}

fn read_template(name: &str, node: &Node<'_>) -> Option<Template> {
    let table = node.table()?.with_keys(KEYS);
    let interval =
        table.read_or("interval", DEFAULT_INTERVAL, |node| node.duration(MIN_INTERVAL..=MAX_INTERVAL));
    let timeout = read_timeout(&table, interval);
    let failures = table.read_or("failures", DEFAULT_FAILURES, |node| node.number(1..=MAX_COUNT));
    let successes = table.read_or("successes", DEFAULT_SUCCESSES, |node| node.number(1..=MAX_COUNT));
    let initial = table.read_or("initial", Initial::Up, |node| node.choice(INITIAL));
    let kind = table.read("kind", |node| node.choice(KINDS)).and_then(|kind| read_kind(&table, kind));
    Some(Template {
        name: name.to_owned(),
        kind: kind?,
        interval: interval?,
        timeout: timeout?,
        failures: failures?,
        successes: successes?,
        initial: initial?,
    })
}

/// The timeout, by default as long as is usual and as the interval allows.
fn read_timeout(table: &Table<'_>, interval: Option<Duration>) -> Option<Duration> {
    let default = interval.map_or(DEFAULT_TIMEOUT, |interval| interval.min(DEFAULT_TIMEOUT));
    let timeout = table.read_or("timeout", default, |node| node.duration(MIN_TIMEOUT..=MAX_TIMEOUT))?;
    if let (Some(node), Some(interval)) =
        (table.get("timeout"), interval.filter(|interval| *interval < timeout))
    {
        node.reject(&format!("above the interval; allowed at most \"{}\" here", shown_duration(interval)));
        return None;
    }
    Some(timeout)
}

/// What the kind of check needs beyond the common keys; keys of other kinds are reported.
fn read_kind(table: &Table<'_>, kind: Kind) -> Option<CheckKind> {
    refuse_foreign_keys(table, kind);
    match kind {
        Kind::Ping => Some(CheckKind::Ping),
        Kind::Tcp => table.read("port", read_port).map(|port| CheckKind::Tcp { port }),
        Kind::Http => read_http(table, 80, Some(Tls::Off)),
        Kind::Https => {
            let verify = table.read_or("verify", true, Node::boolean);
            read_http(table, 443, verify.map(|verify| if verify { Tls::Verify } else { Tls::NoVerify }))
        }
    }
}

fn refuse_foreign_keys(table: &Table<'_>, kind: Kind) {
    for (key, node) in table.entries() {
        let (only, belongs) = match *key {
            "port" => ("tcp, http and https", kind != Kind::Ping),
            "path" | "host" | "expect_status" => ("http and https", matches!(kind, Kind::Http | Kind::Https)),
            "verify" => ("https", kind == Kind::Https),
            _ => continue,
        };
        if !belongs {
            let word = KINDS.iter().find(|(_, listed)| *listed == kind).map_or("", |(word, _)| word);
            let message =
                format!("\"{key}\" does not belong to kind \"{word}\", only to {only}; leave it out");
            node.report.error(&node.place, message);
        }
    }
}

fn read_http(table: &Table<'_>, default_port: u16, tls: Option<Tls>) -> Option<CheckKind> {
    let port = table.read_or("port", default_port, read_port);
    let path = table.read_or("path", "/".to_owned(), read_request_path);
    let host = table.read_or("host", None, |node| read_host(node).map(Some));
    let expect_status = table.read_or("expect_status", Vec::new(), |node| {
        node.distinct_list(|item| item.number(200..=599)).map(values)
    });
    Some(CheckKind::Http(HttpCheck {
        tls: tls?,
        port: port?,
        path: path?,
        host: host?,
        expect_status: expect_status?,
    }))
}

fn read_port(node: &Node<'_>) -> Option<u16> {
    node.number(1..=u16::MAX)
}

fn read_request_path(node: &Node<'_>) -> Option<String> {
    let path = node.text()?;
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if !path.starts_with('/') || !plain || path.len() > MAX_PATH {
        node.reject(&format!(
            "not a path of a request; it begins with \"/\" and has at most {MAX_PATH} ASCII characters without spaces and \"#\""
        ));
        return None;
    }
    Some(path.to_owned())
}

/// A host name or an address, as the `Host` header and the TLS server name take it.
fn read_host(node: &Node<'_>) -> Option<String> {
    let host = node.text()?;
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let named = host.len() <= 253 && host.split('.').all(label);
    if !named && host.parse::<IpAddr>().is_err() {
        node.reject("not a host name or address; letters, digits, \"-\", \"_\" and \".\" are expected, without a port");
        return None;
    }
    Some(host.to_owned())
}
