//! Answers over UDP: one task for each served address, one datagram for each answer.

use std::sync::Arc;

use tokio::net::UdpSocket;

use super::listen::{ERROR_PAUSE, Shared};
use super::{Transport, respond};

/// Answers datagrams until the task is ended. Every answer leaves from the address that was asked, because the socket
/// is bound to it.
pub(super) async fn serve(socket: UdpSocket, shared: Arc<Shared>) {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                tracing::warn!(%error, "receiving over UDP failed");
                tokio::time::sleep(ERROR_PAUSE).await;
                continue;
            }
        };
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
