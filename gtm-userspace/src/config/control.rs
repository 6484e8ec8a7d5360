//! `[control]` and `[store]`: where the daemon takes requests, and where it keeps what must survive a restart.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::model::{Control, StoreSettings};
use super::reader::{Node, Table};
use super::service::read_path;

/// Keys of `[control]`.
pub(super) const CONTROL_KEYS: &[&str] = &["socket"];
/// Keys of `[store]`.
pub(super) const STORE_KEYS: &[&str] = &["file", "keep_events"];

/// Where the control socket is unless the configuration says otherwise.
pub(crate) const DEFAULT_SOCKET: &str = "/run/gtm/gtm.sock";
const DEFAULT_FILE: &str = "/var/lib/gtm/gtm.redb";
const DEFAULT_KEEP: Duration = Duration::from_hours(7 * 24);
const MIN_KEEP: Duration = Duration::from_hours(1);
const MAX_KEEP: Duration = Duration::from_hours(365 * 24);
/// Longest path of a Unix socket: `sun_path` of the kernel without the final zero (unix(7)).
const MAX_SOCKET: usize = 107;

/// Reads `[control]`; relative paths start at the configuration's folder.
pub(super) fn read_control(root: &Table<'_>, folder: &Path) -> Option<Control> {
    let socket = match root.get("control") {
        Some(node) => {
            let table = node.table()?.with_keys(CONTROL_KEYS);
            table.read_or("socket", PathBuf::from(DEFAULT_SOCKET), |node| read_socket(node, folder))?
        }
        None => PathBuf::from(DEFAULT_SOCKET),
    };
    Some(Control { socket })
}

/// Reads `[store]`; relative paths start at the configuration's folder.
pub(super) fn read_store(root: &Table<'_>, folder: &Path) -> Option<StoreSettings> {
    let Some(node) = root.get("store") else {
        return Some(StoreSettings { file: PathBuf::from(DEFAULT_FILE), keep_events: DEFAULT_KEEP });
    };
    let table = node.table()?.with_keys(STORE_KEYS);
    let file = table
        .read_or("file", PathBuf::from(DEFAULT_FILE), |node| read_path(node).map(|path| folder.join(path)));
    let keep_events = table.read_or("keep_events", DEFAULT_KEEP, |node| node.duration(MIN_KEEP..=MAX_KEEP));
    Some(StoreSettings { file: file?, keep_events: keep_events? })
}

fn read_socket(node: &Node<'_>, folder: &Path) -> Option<PathBuf> {
    let path = folder.join(read_path(node)?);
    let length = path.as_os_str().as_bytes().len();
    if length > MAX_SOCKET {
        node.reject(&format!(
            "too long: \"{}\" has {length} bytes; allowed at most {MAX_SOCKET}, for example \"{DEFAULT_SOCKET}\"",
            path.display()
        ));
        return None;
    }
    Some(path)
}
