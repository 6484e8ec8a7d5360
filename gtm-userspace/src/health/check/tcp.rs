//! The tcp probe: a connection that is accepted. Sends and reads nothing.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::ProbeError;

/// Connects, then closes in order.
pub(super) async fn probe(address: SocketAddr) -> Result<(), ProbeError> {
    let mut stream = connect(address).await?;
    // The connection stood, which is all that was asked; a peer that has already gone is no reason to call it bad.
    if stream.shutdown().await.is_ok() {
        // A greeting that has come would turn the close into a reset if it stayed unread.
        let mut greeting = [0; 1024];
        while stream.try_read(&mut greeting).is_ok_and(|length| length > 0) {}
    }
    Ok(())
}

/// Connects.
pub(super) async fn connect(address: SocketAddr) -> Result<TcpStream, ProbeError> {
    TcpStream::connect(address).await.map_err(ProbeError::Connection)
}
