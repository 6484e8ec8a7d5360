//! The ping probe: an ICMP or `ICMPv6` echo, answered (RFC 792, RFC 4443 section 4). One raw socket per family serves all
//! probes. Judges nothing but that the right reply came.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::ProbeError;

/// Sends echo requests and tells their replies apart.
#[derive(Default)]
pub(super) struct Pinger {
    v4: Mutex<Option<Arc<EchoSocket>>>,
    v6: Mutex<Option<Arc<EchoSocket>>>,
    /// Makes payloads that cannot be guessed, so that nobody off the path can answer for a dead target.
    key: RandomState,
    sent: AtomicU64,
}

/// All that a reply must have in common with its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Echo {
    /// Where the request goes and the reply comes from.
    address: IpAddr,
    identifier: u16,
    sequence: u16,
    payload: [u8; 8],
}

impl Pinger {
    /// Sends one echo request and waits for its reply.
    pub(super) async fn ping(&self, address: IpAddr) -> Result<(), ProbeError> {
        let socket = self.socket(address).map_err(|error| {
            if error.kind() == io::ErrorKind::PermissionDenied {
                ProbeError::PingNotPermitted
            } else {
                ProbeError::Connection(error)
            }
        })?;
        let echo = self.next_echo(address);
        let (reply, replied) = oneshot::channel();
        let _waiting = WaitingGuard::new(&socket.waiting, echo, reply);
        let sent = socket.raw.send_to(&echo.request(), SocketAddr::new(address, 0)).await;
        sent.map_err(ProbeError::Connection)?;
        // The sender is kept until the reply comes or the guard drops it: it cannot fail before.
        replied.await.map_err(|error| ProbeError::Connection(io::Error::other(error)))
    }

    /// The socket of the address's family, opened by its first use: who pings nothing needs no privilege.
    fn socket(&self, address: IpAddr) -> io::Result<Arc<EchoSocket>> {
        let (slot, domain, protocol) = match address {
            IpAddr::V4(_) => (&self.v4, Domain::IPV4, Protocol::ICMPV4),
            IpAddr::V6(_) => (&self.v6, Domain::IPV6, Protocol::ICMPV6),
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(socket) = &*slot {
            return Ok(Arc::clone(socket));
        }
        let socket = Arc::new(EchoSocket::open(domain, protocol)?);
        *slot = Some(Arc::clone(&socket));
        Ok(socket)
    }

    fn next_echo(&self, address: IpAddr) -> Echo {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let [.., s0, s1] = number.to_be_bytes();
        let [.., i0, i1] = self.key.hash_one("identifier").to_be_bytes();
        Echo {
            address,
            identifier: u16::from_be_bytes([i0, i1]),
            sequence: u16::from_be_bytes([s0, s1]),
            payload: self.key.hash_one(number).to_be_bytes(),
        }
    }
}

/// A raw ICMP socket and the requests that wait for a reply on it.
struct EchoSocket {
    /// A raw socket in the type of a datagram socket, whose calls are the same.
    raw: Arc<UdpSocket>,
    waiting: Waiting,
    /// Receives; ends with the socket.
    _receiver: JoinSet<()>,
}

type Waiting = Arc<Mutex<HashMap<Echo, oneshot::Sender<()>>>>;

fn lock(waiting: &Waiting) -> MutexGuard<'_, HashMap<Echo, oneshot::Sender<()>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EchoSocket {
    /// Room for replies that come while the receiver has no turn. Asked for; the kernel gives as much as it allows.
    const RECEIVE_BUFFER: usize = 4 << 20;

    fn open(domain: Domain, protocol: Protocol) -> io::Result<Self> {
        let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(Self::RECEIVE_BUFFER)?;
        let raw = Arc::new(UdpSocket::from_std(socket.into())?);
        let waiting = Waiting::default();
        let mut receiver = JoinSet::new();
        receiver.spawn(receive(Arc::clone(&raw), Arc::clone(&waiting)));
        Ok(Self { raw, waiting, _receiver: receiver })
    }
}

/// Hands every reply to the request that waits for it. The socket gets a copy of all ICMP that the host receives; what
/// nobody waits for is passed over.
async fn receive(raw: Arc<UdpSocket>, waiting: Waiting) {
    // A reply is 16 bytes behind at most 60 of IPv4 header; of longer ones the cut is passed over.
    let mut datagram = [0; 128];
    loop {
        match raw.recv_from(&mut datagram).await {
            Ok((length, from)) => {
                let echo = datagram.get(..length).and_then(|bytes| Echo::from_reply(from.ip(), bytes));
                if let Some(reply) = echo.and_then(|echo| lock(&waiting).remove(&echo)) {
                    // The probe may have been cut this moment: then nobody listens, and nothing is lost.
                    reply.send(()).ok();
                }
            }
            // Short of memory or an interface that went down: a pause, so that a lasting error does not take the core.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// A request is waited for as long as its guard lives, which ends with the probe, also when it is cut.
struct WaitingGuard<'a> {
    waiting: &'a Waiting,
    echo: Echo,
}

impl<'a> WaitingGuard<'a> {
    fn new(waiting: &'a Waiting, echo: Echo, reply: oneshot::Sender<()>) -> Self {
        lock(waiting).insert(echo, reply);
        Self { waiting, echo }
    }
}

impl Drop for WaitingGuard<'_> {
    fn drop(&mut self) {
        lock(self.waiting).remove(&self.echo);
    }
}

impl Echo {
    /// The ICMP message that asks. The kernel fills in the checksum of `ICMPv6`, which covers the addresses.
    fn request(&self) -> [u8; 16] {
        let [i0, i1] = self.identifier.to_be_bytes();
        let [s0, s1] = self.sequence.to_be_bytes();
        let [p0, p1, p2, p3, p4, p5, p6, p7] = self.payload;
        let message =
            |kind, [c0, c1]: [u8; 2]| [kind, 0, c0, c1, i0, i1, s0, s1, p0, p1, p2, p3, p4, p5, p6, p7];
        match self.address {
            IpAddr::V4(_) => message(8, checksum(&message(8, [0, 0])).to_be_bytes()),
            IpAddr::V6(_) => message(128, [0, 0]),
        }
    }

    /// What a received datagram is the reply to, if it is a reply. A raw IPv4 socket receives the IP header too.
    fn from_reply(from: IpAddr, datagram: &[u8]) -> Option<Self> {
        let (message, reply_kind) = match from {
            IpAddr::V4(_) => (datagram.get(usize::from(datagram.first()? & 0x0f) * 4..)?, 0),
            IpAddr::V6(_) => (datagram, 129),
        };
        let &[kind, 0, _, _, i0, i1, s0, s1, ref payload @ ..] = message else { return None };
        (kind == reply_kind).then_some(Self {
            address: from,
            identifier: u16::from_be_bytes([i0, i1]),
            sequence: u16::from_be_bytes([s0, s1]),
            payload: payload.try_into().ok()?,
        })
    }
}

/// The Internet checksum (RFC 1071).
fn checksum(message: &[u8; 16]) -> u16 {
    let (words, _) = message.as_chunks::<2>();
    let sum: u32 = words.iter().map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "192.0.2.1";
    const V6: &str = "2001:db8::1";

    fn echo(address: &str) -> Echo {
        let payload = *b"\x01\xff\x03\xfe\x05\xfd\x07\xfc";
        Echo { address: address.parse().unwrap(), identifier: 0xabcd, sequence: 0x1234, payload }
    }

    #[track_caller]
    fn check(from: &str, datagram: &[u8], expect: Option<Echo>) {
        assert_eq!(Echo::from_reply(from.parse().unwrap(), datagram), expect);
    }

    /// The reply to a request: another kind, and behind an IP header of `header` bytes.
    fn reply(request: [u8; 16], kind: u8, header: usize) -> Vec<u8> {
        let mut datagram = vec![0; header];
        if let Some(first) = datagram.first_mut() {
            *first = 0x40 | u8::try_from(header / 4).unwrap();
        }
        datagram.push(kind);
        datagram.extend_from_slice(&request[1..]);
        datagram
    }

    #[test]
    fn request_has_the_form_of_the_rfc() {
        let v4 = echo(V4).request();
        assert_eq!(v4[..2], [8, 0]);
        assert_eq!(v4[4..8], [0xab, 0xcd, 0x12, 0x34]);
        assert_eq!(checksum(&v4), 0, "a message with its checksum sums up to nothing");
        assert_eq!(echo(V6).request()[..4], [128, 0, 0, 0]);
        // RFC 1071 section 3: the sum of this example is 0xddf2.
        assert_eq!(checksum(&[0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7, 0, 0, 0, 0, 0, 0, 0, 0]), !0xddf2);
    }

    #[test]
    fn reply_is_told_from_everything_else() {
        let (v4, v6) = (echo(V4).request(), echo(V6).request());
        check(V4, &reply(v4, 0, 20), Some(echo(V4)));
        check(V4, &reply(v4, 0, 60), Some(echo(V4)));
        check(V6, &reply(v6, 129, 0), Some(echo(V6)));
        // From elsewhere: another echo, which nobody waits for.
        check("192.0.2.2", &reply(v4, 0, 20), Some(echo("192.0.2.2")));
        // The request itself, as loopback shows it; the other family's kinds; an unreachable target.
        check(V4, &reply(v4, 8, 20), None);
        check(V4, &reply(v4, 129, 20), None);
        check(V4, &reply(v4, 3, 20), None);
        check(V6, &v6, None);
        check(V6, &reply(v6, 0, 0), None);
        // Another code, cut short, with more behind, with a header length that lies.
        check(V6, &[129, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], None);
        check(V4, &[], None);
        check(V6, &[], None);
        check(V4, &reply(v4, 0, 20)[..35], None);
        check(V6, &[reply(v6, 129, 0), vec![0]].concat(), None);
        check(V4, &[0x4f; 20], None);
    }

    #[tokio::test]
    async fn every_part_of_the_reply_must_match() {
        let waiting = Waiting::default();
        let asked = echo(V4);
        let (reply, mut replied) = oneshot::channel();
        let guard = WaitingGuard::new(&waiting, asked, reply);
        for other in [
            Echo { address: V6.parse().unwrap(), ..asked },
            Echo { identifier: 1, ..asked },
            Echo { sequence: 1, ..asked },
            Echo { payload: [0; 8], ..asked },
        ] {
            assert!(lock(&waiting).remove(&other).is_none(), "{other:?}");
        }
        assert_eq!(replied.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        drop(guard);
        assert!(lock(&waiting).is_empty(), "a probe that was cut waits no more");
        assert_eq!(replied.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }

    #[test]
    fn no_two_requests_are_alike() {
        let pinger = Pinger::default();
        let (first, second) = (pinger.next_echo(V4.parse().unwrap()), pinger.next_echo(V4.parse().unwrap()));
        assert_eq!(first.identifier, second.identifier);
        assert_eq!(first.sequence.wrapping_add(1), second.sequence);
        assert_ne!(first.payload, second.payload);
    }
}
