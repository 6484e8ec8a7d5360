//! A site: an HTTP server whose `/health` answers 200. Stopped, its port refuses connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::socket;

use crate::namespace::Namespace;

/// The port of every site.
pub const PORT: u16 = 80;
/// How long a client may take for each part of its request.
const PATIENCE: Duration = Duration::from_secs(2);

/// An HTTP server on port 80 of one address of a namespace; stopped on drop.
#[derive(Debug)]
pub struct Site {
    namespace: Arc<Namespace>,
    address: IpAddr,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    listener: Arc<TcpListener>,
    acceptor: JoinHandle<()>,
}

impl Site {
    /// Starts serving on an address that the namespace has.
    pub fn start(namespace: &Arc<Namespace>, address: IpAddr) -> Result<Self> {
        let mut site = Self { namespace: Arc::clone(namespace), address, running: None };
        site.resume()?;
        Ok(site)
    }

    /// The address it serves on.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// True while it serves.
    pub fn is_up(&self) -> bool {
        self.running.is_some()
    }

    /// Serves again after [`Site::stop`]; without effect while it serves.
    pub fn resume(&mut self) -> Result<()> {
        if self.is_up() {
            return Ok(());
        }
        let address = SocketAddr::new(self.address, PORT);
        let listener = self.namespace.run(|| TcpListener::bind(address))?;
        let listener = Arc::new(listener.with_context(|| format!("site {address} could not listen"))?);
        let accepting = Arc::clone(&listener);
        let acceptor = thread::spawn(move || {
            loop {
                match accepting.accept() {
                    // A thread for each: a client that says nothing must not keep a health check waiting. What became
                    // of one connection is the client's to see.
                    Ok((connection, _)) => drop(thread::spawn(move || serve(connection, address))),
                    // The socket was shut down.
                    Err(error) if error.kind() == ErrorKind::InvalidInput => break,
                    // One connection was lost before it was accepted.
                    Err(_) => {}
                }
            }
        });
        self.running = Some(Running { listener, acceptor });
        Ok(())
    }

    /// Closes the port: connections are refused from now on. Without effect while it is stopped.
    pub fn stop(&mut self) -> Result<()> {
        let Some(running) = self.running.take() else { return Ok(()) };
        // Wakes the thread that waits in accept, which gives up its share of the socket.
        socket::shutdown(running.listener.as_raw_fd(), socket::Shutdown::Both)?;
        drop(running.acceptor.join());
        Ok(())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Without shutdown the thread would keep the socket; nobody is left to be told.
        drop(self.stop());
    }
}

/// Answers one request and closes the connection.
fn serve(mut connection: TcpStream, address: SocketAddr) -> std::io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        match connection.read(&mut buffer)? {
            0 => return Ok(()),
            count => request.extend(buffer.iter().take(count)),
        }
    }
    let (status, body) = match target(&request) {
        Some("/health") => ("200 OK", "healthy\n".to_owned()),
        Some("/") => ("200 OK", format!("site {}\n", address.ip())),
        _ => ("404 Not Found", "not found\n".to_owned()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    connection.write_all((head + &body).as_bytes())?;
    connection.shutdown(Shutdown::Write)
}

/// What a GET request asks for.
fn target(request: &[u8]) -> Option<&str> {
    str::from_utf8(request).ok()?.strip_prefix("GET ")?.split(' ').next()
}
