//! The Unix socket: made so that nobody else can ever connect, and taken away at the end.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use tokio::net::{UnixListener, UnixSocket};

/// Longest path of a socket in bytes: `sun_path` of unix(7), without the final zero.
const MAX_PATH: usize = 107;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 128;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The path does not fit.
    #[error("the control socket \"{path}\" has a path of {length} bytes; at most {MAX_PATH} are allowed")]
    TooLong {
        /// Where it should be.
        path: PathBuf,
        /// How long that is.
        length: usize,
    },
    /// Another daemon is there.
    #[error("the control socket \"{path}\" is served by another gtm{}; end it first, or choose another socket", Process(*process))]
    InUse {
        /// Where it should be.
        path: PathBuf,
        /// Process of the other daemon.
        process: Option<i32>,
    },
    /// Something else is there.
    #[error("the control socket \"{path}\" cannot be made: a file that is no socket is there; move it away")]
    NotASocket {
        /// Where it should be.
        path: PathBuf,
    },
    /// The folder cannot be made.
    #[error("the folder of the control socket \"{path}\" cannot be made: {error}")]
    Folder {
        /// Where the socket should be.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The socket cannot be made.
    #[error("the control socket \"{path}\" cannot be made: {error}")]
    Make {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// As ` (process 123)`.
struct Process(Option<i32>);

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |process| write!(f, " (process {process})"))
    }
}

/// Removes the socket when dropped, unless another has taken its place.
#[derive(Debug)]
pub(super) struct SocketGuard {
    path: PathBuf,
    identity: Identity,
}

type Identity = (u64, u64);

fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

/// Listens at a path, with mode 0600; a missing folder is made with mode 0700, what a dead daemon left is replaced.
pub(super) fn bind(path: &Path) -> Result<(UnixListener, SocketGuard), SocketError> {
    let length = path.as_os_str().len();
    if length > MAX_PATH {
        return Err(SocketError::TooLong { path: path.to_owned(), length });
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| SocketError::Folder { path: path.to_owned(), error })?;
    }
    clear(path)?;
    listen(path).map_err(|error| SocketError::Make { path: path.to_owned(), error })
}

/// Removes what a dead daemon left.
fn clear(path: &Path) -> Result<(), SocketError> {
    let failed = |error| SocketError::Make { path: path.to_owned(), error };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(SocketError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match net::UnixStream::connect(path) {
        Ok(stream) => {
            let process = getsockopt(&stream, PeerCredentials).ok().map(|credentials| credentials.pid());
            Err(SocketError::InUse { path: path.to_owned(), process })
        }
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

fn listen(path: &Path) -> io::Result<(UnixListener, SocketGuard)> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let guard = SocketGuard { path: path.to_owned(), identity: identity(&fs::symlink_metadata(path)?) };
    // Nobody can connect before it listens: no moment at which others could.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok((socket.listen(BACKLOG)?, guard))
}

impl Drop for SocketGuard {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.identity);
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the control socket was not removed");
        }
    }
}
