//! The tcp probe: a connection that is accepted. Sends and reads nothing.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::ProbeError;

/// Connects, then closes in order.
pub(super) async fn probe(address: SocketAddr) -> Result<(), ProbeError> {
    // The connection stood, which is all that was asked; a peer that has already gone is no reason to call it bad.
    close(connect(address).await?).await;
    Ok(())
}

/// Connects.
pub(super) async fn connect(address: SocketAddr) -> Result<TcpStream, ProbeError> {
    TcpStream::connect(address).await.map_err(ProbeError::Connection)
}

/// Closes without a reset, as far as the peer lets us.
pub(super) async fn close(mut stream: TcpStream) {
    if stream.shutdown().await.is_ok() {
        // Unread, a greeting would turn the close into a reset. Read once: a peer that never stops talking would hold
        // the task, and no timeout cuts a task that does not wait.
        stream.try_read(&mut [0; 4096]).ok();
    }
}
