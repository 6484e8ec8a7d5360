//! Opens the sockets of one served address, and explains it when that fails.

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::sockopt::{IpFreebind, Ipv6V6Only, RcvBuf, RcvBufForce, ReuseAddr, RxqOvfl};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, setsockopt, socket};
use tokio::net::{TcpListener, UdpSocket};

use crate::path_mtu;

/// Why an address cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another socket has the address and port.
    #[error("{protocol} {address} is already taken by {holder}; stop it, or change `listen`")]
    Taken {
        /// The address that was wanted.
        address: SocketAddr,
        /// Over which it was wanted.
        protocol: Protocol,
        /// The process that has it, or `another process` when that cannot be told.
        holder: String,
    },
    /// The port is below 1024 and the process may not take it.
    #[error("no privilege to listen on {protocol} {address}; run as root or with CAP_NET_BIND_SERVICE")]
    NoPrivilege {
        /// The address that was wanted.
        address: SocketAddr,
        /// Over which it was wanted.
        protocol: Protocol,
    },
    /// Anything else.
    #[error("cannot listen on {protocol} {address}: {source}")]
    Os {
        /// The address that was wanted.
        address: SocketAddr,
        /// Over which it was wanted.
        protocol: Protocol,
        /// What the system says.
        source: io::Error,
    },
}

/// What an address is bound for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        })
    }
}

/// Bytes of queries, with what the kernel keeps beside each, that wait while the server is busy: some five thousand.
const RECEIVE_BUFFER: usize = 4 << 20;

/// The sockets of one served address.
pub(super) struct Sockets {
    /// The address, with the port that was taken.
    pub(super) address: SocketAddr,
    pub(super) udp: UdpSocket,
    pub(super) tcp: TcpListener,
}

/// Binds the address for UDP and TCP.
pub(super) fn bind(address: SocketAddr) -> Result<Sockets, BindError> {
    let udp = bind_udp(address).map_err(|source| explain(address, Protocol::Udp, source))?;
    // A port that was left open is now taken; TCP gets the same.
    let address = udp.local_addr().map_err(|source| explain(address, Protocol::Udp, source))?;
    let tcp = bind_tcp(address).map_err(|source| explain(address, Protocol::Tcp, source))?;
    Ok(Sockets { address, udp, tcp })
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(address, SockType::Datagram)?;
    path_mtu::ignore(&socket, family(address))?;
    // Beyond the limit for everybody where we may. Without a larger buffer bursts are lost, and counted.
    if setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER).is_err() {
        setsockopt(&socket, RcvBuf, &RECEIVE_BUFFER)?;
    }
    setsockopt(&socket, RxqOvfl, &1)?;
    bind_to(&socket, address)?;
    UdpSocket::from_std(socket.into())
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = open(address, SockType::Stream)?;
    // Connections of an earlier run that are still closing do not hold the port. UDP has none, and there the option
    // would let two servers share the port.
    setsockopt(&socket, ReuseAddr, &true)?;
    bind_to(&socket, address)?;
    nix::sys::socket::listen(&socket, Backlog::MAXCONN)?;
    TcpListener::from_std(socket.into())
}

fn open(address: SocketAddr, kind: SockType) -> io::Result<OwnedFd> {
    let socket = socket(family(address), kind, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None)?;
    if address.is_ipv6() {
        setsockopt(&socket, Ipv6V6Only, &true)?;
    }
    Ok(socket)
}

fn family(address: SocketAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

/// Binds to an address also when no interface has it yet: a VRRP or anycast address may come later, and an IPv6 one is
/// none for a second after its interface came up (RFC 4862 section 5.4).
fn bind_to(socket: &OwnedFd, address: SocketAddr) -> nix::Result<()> {
    let bind = || nix::sys::socket::bind(socket.as_raw_fd(), &SockaddrStorage::from(address));
    match bind() {
        Err(Errno::EADDRNOTAVAIL) => {
            setsockopt(socket, IpFreebind, &true)?;
            bind()?;
            tracing::warn!(%address, "no interface has the address; it is served once one has it");
            Ok(())
        }
        bound => bound,
    }
}

fn explain(address: SocketAddr, protocol: Protocol, source: io::Error) -> BindError {
    match source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EADDRINUSE) => {
            let holder = find_holder(address, protocol).unwrap_or_else(|| "another process".into());
            BindError::Taken { address, protocol, holder }
        }
        Some(Errno::EACCES) => BindError::NoPrivilege { address, protocol },
        _ => BindError::Os { address, protocol, source },
    }
}

/// The process that listens on the address, as far as this one may look.
fn find_holder(address: SocketAddr, protocol: Protocol) -> Option<String> {
    let tables = match protocol {
        Protocol::Udp => ["udp", "udp6"],
        Protocol::Tcp => ["tcp", "tcp6"],
    };
    // A socket of the other family may hold the address through a wildcard.
    let inode = tables.into_iter().find_map(|table| {
        let table = fs::read_to_string(format!("/proc/thread-self/net/{table}")).ok()?;
        table.lines().find_map(|line| socket_inode(line, address)).map(str::to_owned)
    })?;
    let link = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.filter_map(Result::ok).map(|entry| entry.path());
    // `/proc/self` and the like are the same processes once more.
    let is_number = |path: &Path| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit))
    };
    let process = processes.into_iter().find(|process| is_number(process) && has_open(process, &link))?;
    let name = fs::read_to_string(process.join("comm")).ok()?;
    Some(format!("{} (process {})", name.trim_end(), process.file_name()?.display()))
}

/// The inode of the socket in this line of a socket table, if it stands in the way of listening on the address
/// (proc(5), `/proc/net/tcp`).
fn socket_inode(line: &str, wanted: SocketAddr) -> Option<&str> {
    let mut fields = line.split_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let peer = fields.next()?;
    let is_connected = !peer.ends_with(":0000");
    let address = parse_address(address)?;
    let overlaps = address == wanted.ip() || address.is_unspecified() || wanted.ip().is_unspecified();
    (port == wanted.port() && overlaps && !is_connected).then(|| fields.nth(6)).flatten()
}

/// An address as the socket tables write it: 32-bit words in the byte order of the machine.
fn parse_address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = text.get(at..at + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    match text.len() {
        8 => word(0).map(|octets| Ipv4Addr::from_octets(octets).into()),
        32 => {
            let octets = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
            <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from_octets(octets).into())
        }
        _ => None,
    }
}

/// True when the process has this link among its open files.
fn has_open(process: &Path, link: &str) -> bool {
    let files = fs::read_dir(process.join("fd")).into_iter().flatten().filter_map(Result::ok);
    files.into_iter().any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, wanted: &str, expect: Option<&str>) {
        assert_eq!(socket_inode(line, wanted.parse().unwrap()), expect);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_of_the_socket_tables() {
        let udp =
            "  25: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   0    0 4711 2 0 0";
        check(udp, "127.0.0.1:53", Some("4711"));
        check(udp, "127.0.0.1:54", None);
        check(udp, "127.0.0.2:53", None);
        check(udp, "0.0.0.0:53", Some("4711"));
        let any =
            "  25: 00000000:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   0    0 4712 2 0 0";
        check(any, "127.0.0.2:53", Some("4712"));
        let connected =
            "  25: 0100007F:0035 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   0    0 4713 2 0 0";
        check(connected, "127.0.0.1:53", None);
        let v6 = " 1: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4714 1";
        check(v6, "[::1]:53", Some("4714"));
        check(v6, "[::2]:53", None);
        check(
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt",
            "[::1]:53",
            None,
        );
        check("", "[::1]:53", None);
    }

    #[test]
    fn lacking_privilege_is_said() {
        let address = "192.0.2.1:53".parse().unwrap();
        let error = explain(address, Protocol::Udp, Errno::EACCES.into());
        let expect = "no privilege to listen on UDP 192.0.2.1:53; run as root or with CAP_NET_BIND_SERVICE";
        assert_eq!(error.to_string(), expect);
    }
}
