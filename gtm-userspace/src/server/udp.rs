//! Answers over UDP: one task for each served address, one datagram for each answer.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::listen::{Closing, ERROR_PAUSE, Shared};
use super::{Transport, respond};

/// Answers datagrams until the server closes. Every answer leaves from the address that was asked, because the socket
/// is bound to it.
pub(super) async fn serve(socket: UdpSocket, shared: Arc<Shared>, mut closing: Closing) {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    let mut overflowed = 0;
    loop {
        let received = tokio::select! {
            // What has arrived is still answered.
            biased;
            received = receive(&socket, &mut buffer) => received,
            _ = closing.changed() => return,
        };
        let Received { length, client, lost } = match received {
            Ok(received) => received,
            Err(error) => {
                tracing::warn!(%error, "receiving over UDP failed");
                tokio::time::sleep(ERROR_PAUSE).await;
                continue;
            }
        };
        // The number is the socket's since it was opened, and goes round; two that arrived at once may have changed over.
        if let Ok(more) = u32::try_from(lost.wrapping_sub(overflowed).cast_signed()) {
            shared.counters.count_overflow(more);
            overflowed = lost;
        }
        let message = buffer.get(..length).unwrap_or_default();
        let Some(response) = respond(message, client.ip(), Transport::Udp, &shared.tables.load()) else {
            shared.counters.count_drop();
            continue;
        };
        match socket.send_to(&response.bytes, client).await {
            Ok(_) => shared.counters.count_answer(Transport::Udp, response.rcode),
            Err(error) => {
                tracing::debug!(%client, %error, "sending over UDP failed");
                shared.counters.count_failed_send();
            }
        }
    }
}

/// A datagram that came in.
struct Received {
    length: usize,
    client: SocketAddr,
    /// Datagrams that were lost when this one came, since the socket was opened.
    lost: u32,
}

async fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Received> {
    socket.async_io(Interest::READABLE, || receive_now(socket, buffer)).await
}

fn receive_now(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Received> {
    let mut space = nix::cmsg_space!(u32);
    let mut parts = [IoSliceMut::new(buffer)];
    let received =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty())?;
    let lost = received
        .cmsgs()?
        .find_map(|control| if let ControlMessageOwned::RxqOvfl(lost) = control { Some(lost) } else { None });
    let from = received.address.as_ref();
    let v4 = from.and_then(SockaddrStorage::as_sockaddr_in).map(|from| SocketAddrV4::from(*from).into());
    let v6 = || from.and_then(SockaddrStorage::as_sockaddr_in6).map(|from| SocketAddrV6::from(*from).into());
    let client = v4.or_else(v6).ok_or(io::ErrorKind::InvalidData)?;
    // Nothing is said as long as nothing was lost.
    Ok(Received { length: received.bytes, client, lost: lost.unwrap_or(0) })
}
