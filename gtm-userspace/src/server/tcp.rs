//! Answers over TCP (RFC 7766): queries of one connection in their order, any number of them, without waiting in
//! between. A query is read when the answer before it is written, so a connection holds one of each, whatever its client
//! sends; and there are limits that keep one client from holding the server.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::listen::{Closing, ERROR_PAUSE, Limits, Shared};
use super::slots::{Slot, Slots};
use super::{Transport, respond};

/// Accepts connections until the server closes; then the connections are closed, each after the query at hand.
pub(super) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    slots: Arc<Slots>,
    mut closing: Closing,
) {
    let mut connections = JoinSet::new();
    let mut trouble = Trouble::default();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    trouble.ends();
                    let (slot, lost) = Slots::take(&slots, client.ip());
                    let (shared, closing) = (Arc::clone(&shared), closing.clone());
                    connections.spawn(async move {
                        tokio::select! {
                            () = converse(stream, client.ip(), &shared, slot, closing) => {}
                            _ = lost => shared.counters.count_displaced_connection(),
                        }
                    });
                }
                Err(error) => {
                    trouble.begins(&error);
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            },
            Some(_ended) = connections.join_next() => {}
            _ = closing.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// What keeps connections from being accepted, told when it changes: it may last, and accepting is tried again and again.
#[derive(Debug, Default)]
struct Trouble(Option<i32>);

impl Trouble {
    /// True when it is another one than before.
    fn begins(&mut self, error: &io::Error) -> bool {
        let is_news = self.0 != error.raw_os_error();
        if is_news {
            tracing::warn!(%error, "accepting TCP connections failed");
        }
        self.0 = error.raw_os_error();
        is_news
    }

    /// True when there was one.
    fn ends(&mut self) -> bool {
        let is_news = self.0.take().is_some();
        if is_news {
            tracing::info!("TCP connections are accepted again");
        }
        is_news
    }
}

/// Answers one query after the other until the client has no more, is too slow, or sends what gets no answer, or the
/// server closes.
async fn converse(stream: TcpStream, client: IpAddr, shared: &Shared, mut slot: Slot, mut closing: Closing) {
    // An answer must not wait until the client has confirmed the one before.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut stream = BufReader::new(stream);
    let Limits { idle, transfer, .. } = *slot.limits();
    let transport = Transport::Tcp { idle };
    loop {
        let first = tokio::select! {
            // What has arrived is still answered.
            biased;
            first = timeout(idle, stream.read_u8()) => first,
            _ = closing.changed() => return,
        };
        let Ok(Ok(high)) = first else { return };
        let Ok(Ok(message)) = timeout(transfer, read_message(&mut stream, high)).await else { return };
        slot.renew();
        let Some(response) = respond(&message, client, transport, &shared.tables.load()) else {
            shared.counters.count_drop();
            return;
        };
        let Ok(Ok(())) = timeout(transfer, write_message(&mut stream, &response.bytes)).await else {
            shared.counters.count_failed_send();
            return;
        };
        shared.counters.count_answer(transport, response.rcode);
    }
}

/// Reads the rest of a message, whose length begins with the byte `high`. Memory is taken as bytes arrive, not as they
/// are announced.
async fn read_message(stream: &mut BufReader<TcpStream>, high: u8) -> io::Result<Vec<u8>> {
    let length = u16::from_be_bytes([high, stream.read_u8().await?]);
    let mut message = Vec::new();
    let read = stream.take(length.into()).read_to_end(&mut message).await?;
    if read < usize::from(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(message)
}

/// Writes a message in one piece with its length (RFC 7766 section 8).
async fn write_message(stream: &mut BufReader<TcpStream>, message: &[u8]) -> io::Result<()> {
    // The answer was made to fit.
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat()).await
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    #[test]
    fn trouble_is_told_when_it_changes() {
        let mut trouble = Trouble::default();
        let mut fails = |error: Errno| trouble.begins(&error.into());
        assert!(fails(Errno::EMFILE));
        assert!(!fails(Errno::EMFILE));
        assert!(fails(Errno::ENFILE));
        assert!(trouble.ends());
        assert!(!trouble.ends());
        assert!(trouble.begins(&Errno::ENFILE.into()));
    }
}
