//! Answers over TCP (RFC 7766): queries of one connection in their order, any number of them, without waiting in
//! between; with limits that keep one client from holding the server.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::listen::{ERROR_PAUSE, Limits, Shared};
use super::{Transport, respond};

/// Accepts connections until the task is ended; its connections end with it.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, slots: Arc<Slots>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => match Slots::take(&slots, client.ip()) {
                    Some(slot) => {
                        connections.spawn(converse(stream, Arc::clone(&shared), slot));
                    }
                    None => shared.counters.count_refused_connection(),
                },
                Err(error) => {
                    tracing::warn!(%error, "accepting a TCP connection failed");
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

/// Answers one query after the other until the client closes, is too slow, or sends what gets no answer.
async fn converse(stream: TcpStream, shared: Arc<Shared>, slot: SlotGuard) {
    // An answer must not wait until the client has confirmed the one before.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut stream = BufReader::new(stream);
    let limits = slot.slots.limits;
    let mut message = Vec::new();
    while let Ok(Ok(high)) = timeout(limits.idle, stream.read_u8()).await {
        let Ok(Ok(())) = timeout(limits.transfer, read_message(&mut stream, high, &mut message)).await else {
            return;
        };
        let Some(response) = respond(&message, slot.client, Transport::Tcp, &shared.tables.load()) else {
            shared.counters.count_drop();
            return;
        };
        let Ok(Ok(())) = timeout(limits.transfer, write_message(&mut stream, &response.bytes)).await else {
            shared.counters.count_failed_send();
            return;
        };
        shared.counters.count_answer(Transport::Tcp, response.rcode);
    }
}

/// Reads the rest of a message, whose length begins with the byte `high`.
async fn read_message(stream: &mut BufReader<TcpStream>, high: u8, message: &mut Vec<u8>) -> io::Result<()> {
    let low = stream.read_u8().await?;
    message.resize(usize::from(u16::from_be_bytes([high, low])), 0);
    stream.read_exact(message).await?;
    Ok(())
}

/// Writes a message in one piece with its length (RFC 7766 section 8).
async fn write_message(stream: &mut BufReader<TcpStream>, message: &[u8]) -> io::Result<()> {
    // The answer was made to fit.
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat()).await
}

/// How many connections there are, of all listeners together.
#[derive(Debug)]
pub(super) struct Slots {
    limits: Limits,
    taken: Mutex<Taken>,
}

/// Who holds connections: an IPv4 address, or a /64 of IPv6, in which one host can ask from any address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Holder(IpAddr);

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_client: HashMap<Holder, usize>,
}

/// The right to hold one connection; given back when dropped.
struct SlotGuard {
    slots: Arc<Slots>,
    client: IpAddr,
}

impl Slots {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, taken: Mutex::default() }
    }

    /// A place for a connection of this client, unless there are too many.
    fn take(slots: &Arc<Self>, client: IpAddr) -> Option<SlotGuard> {
        let mut taken = slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let holder = Holder::of(client);
        let of_client = taken.by_client.get(&holder).copied().unwrap_or(0);
        if taken.total >= slots.limits.connections || of_client >= slots.limits.connections_per_client {
            return None;
        }
        taken.total += 1;
        taken.by_client.insert(holder, of_client + 1);
        Some(SlotGuard { slots: Arc::clone(slots), client })
    }
}

impl Holder {
    fn of(client: IpAddr) -> Self {
        match client {
            IpAddr::V4(_) => Self(client),
            IpAddr::V6(client) => Self(Ipv6Addr::from_bits(client.to_bits() >> 64 << 64).into()),
        }
    }
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total = taken.total.saturating_sub(1);
        let holder = Holder::of(self.client);
        let left = taken.by_client.get(&holder).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            taken.by_client.remove(&holder);
        } else {
            taken.by_client.insert(holder, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each client in turn wants a connection and keeps it; a client may have two.
    #[track_caller]
    fn check(clients: &[&str], expect: &[bool]) {
        let slots = Arc::new(Slots::new(Limits { connections_per_client: 2, ..Limits::default() }));
        let taken: Vec<_> =
            clients.iter().map(|client| Slots::take(&slots, client.parse().unwrap())).collect();
        assert_eq!(taken.iter().map(Option::is_some).collect::<Vec<_>>(), expect, "{clients:?}");
        drop(taken);
        assert!(slots.taken.lock().unwrap().by_client.is_empty(), "all are given back");
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        check(&["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"], &[true, true, false, true]);
        check(&["2001:db8::1", "2001:db8::2", "2001:db8::ffff:0:0:3"], &[true, true, false]);
        check(&["2001:db8::1", "2001:db8:0:1::1", "2001:db8::2", "2001:db8:0:1::1"], &[true; 4]);
    }
}
