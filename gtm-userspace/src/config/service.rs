//! `[service]` and `[geo]`: where to listen, how to attach, which databases.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::model::{GeoDatabase, Service, XdpMode};
use super::reader::{At, Node, Table, values};

/// Keys of `[service]`.
pub(super) const KEYS: &[&str] = &["listen", "interfaces", "xdp_mode", "tcp_connections", "tcp_idle"];
/// Keys of `[geo]`.
pub(super) const GEO_KEYS: &[&str] = &["databases"];

const MODES: &[(&str, XdpMode)] = &[
    ("auto", XdpMode::Auto),
    ("native", XdpMode::Native),
    ("generic", XdpMode::Generic),
    ("off", XdpMode::Off),
];
const DNS_PORT: u16 = 53;
const DEFAULT_CONNECTIONS: usize = 1000;
/// More than this would need more files than a process is usually allowed.
const MAX_CONNECTIONS: usize = 100_000;
const DEFAULT_IDLE: Duration = Duration::from_secs(10);
const MAX_IDLE: Duration = Duration::from_mins(10);
/// Longest interface name: `IFNAMSIZ` of the kernel without the final zero.
const MAX_INTERFACE: usize = 15;

pub(super) fn read(root: &Table<'_>) -> Option<Service> {
    let table = root.read("service", Node::table)?.with_keys(KEYS);
    let listen = table.read("listen", |node| node.distinct_list(read_listen));
    let xdp_mode = table.read_or("xdp_mode", XdpMode::Auto, |node| node.choice(MODES))?;
    let interfaces = if xdp_mode == XdpMode::Off {
        if let Some(interfaces) = table.get("interfaces") {
            table.report.warn(&interfaces.place, "not used with xdp_mode = \"off\"");
        }
        Some(Vec::new())
    } else {
        table.read("interfaces", |node| node.distinct_list(read_interface)).map(values)
    };
    let tcp_connections =
        table.read_or("tcp_connections", DEFAULT_CONNECTIONS, |node| node.number(1..=MAX_CONNECTIONS));
    let tcp_idle =
        table.read_or("tcp_idle", DEFAULT_IDLE, |node| node.duration(Duration::from_secs(1)..=MAX_IDLE));
    Some(Service {
        listen: values(listen?),
        interfaces: interfaces?,
        xdp_mode,
        tcp_connections: tcp_connections?,
        tcp_idle: tcp_idle?,
    })
}

/// The paths of the geo databases; relative ones start at the configuration's folder.
pub(super) fn read_databases(root: &Table<'_>, folder: &Path) -> Option<Vec<GeoDatabase>> {
    let Some(geo) = root.get("geo") else { return Some(Vec::new()) };
    let table = geo.table()?.with_keys(GEO_KEYS);
    let databases = table.read("databases", |node| node.distinct_list(read_path))?;
    let database = |At { value, place }| GeoDatabase {
        path: folder.join::<String>(value),
        line: place.line,
        key: place.key,
    };
    Some(databases.into_iter().map(database).collect())
}

/// A path as it is written.
pub(super) fn read_path(node: &Node<'_>) -> Option<String> {
    let path = node.text()?;
    if path.is_empty() || path.contains('\0') {
        node.reject("not a path");
        return None;
    }
    Some(path.to_owned())
}

fn read_listen(node: &Node<'_>) -> Option<SocketAddr> {
    let text = node.text()?;
    let bare = || text.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, DNS_PORT));
    let bracketed = || {
        let inside = text.strip_prefix('[')?.strip_suffix(']')?;
        inside.parse().ok().map(|address| SocketAddr::new(IpAddr::V6(address), DNS_PORT))
    };
    let Some(address) = text.parse::<SocketAddr>().ok().or_else(bare).or_else(bracketed) else {
        node.reject(
            "not an address to listen on, like \"192.0.2.53\", \"192.0.2.53:53\" or \"[2001:db8::53]:53\"",
        );
        return None;
    };
    let wrong = match address.ip() {
        ip if ip.is_unspecified() => {
            "a wildcard; the kernel answers for exact addresses, so list each of them"
        }
        ip if ip.is_multicast() => "a multicast address; a unicast address is expected",
        IpAddr::V4(ip) if ip.is_broadcast() => "the broadcast address; a unicast address is expected",
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            "a link-local address, which means another host on every link; use a global or unique local one"
        }
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => "an IPv4 address in IPv6 form; write it as IPv4",
        _ if is_scoped(address) => {
            "with a scope, which only link-local addresses have; leave out \"%\" and what follows"
        }
        _ if address.port() == 0 => "without a usable port; allowed 1 to 65535",
        IpAddr::V4(_) | IpAddr::V6(_) => return Some(address),
    };
    node.reject(wrong);
    None
}

fn is_scoped(address: SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(address) if address.scope_id() != 0)
}

fn read_interface(node: &Node<'_>) -> Option<String> {
    let name = node.text()?;
    let valid = |byte: u8| byte.is_ascii_graphic() && byte != b'/' && byte != b':';
    if name.is_empty()
        || name.len() > MAX_INTERFACE
        || !name.bytes().all(valid)
        || name == "."
        || name == ".."
    {
        node.reject("not the name of an interface, like \"eth0\"; at most 15 characters without spaces, \"/\" and \":\"");
        return None;
    }
    Some(name.to_owned())
}
