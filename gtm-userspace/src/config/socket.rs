//! Where the control socket of a configuration is, for a client that needs no more of it: a configuration that cannot be
//! used does not keep an operator from a daemon that runs.

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::control::DEFAULT_SOCKET;
use super::{MAX_BYTES, Problem, read_text};

/// The path of the control socket; a relative one starts at the configuration's folder.
pub(crate) fn control_socket(config: &Path) -> Result<PathBuf, Problem> {
    let text = read_text(config, MAX_BYTES)?;
    let document = DeTable::parse(&text).map_err(|error| {
        Problem::of_file(config, format!("not valid TOML: {}", error.message().replace('\n', "; ")))
    })?;
    let control = document.get_ref().get("control").and_then(|value| value.get_ref().as_table());
    let Some(socket) = control.and_then(|table| table.get("socket")) else {
        return Ok(PathBuf::from(DEFAULT_SOCKET));
    };
    let wrong = || Problem {
        key: "control.socket".to_owned(),
        ..Problem::of_file(config, "not a path; name the socket with --socket")
    };
    let path = socket.get_ref().as_str().filter(|path| !path.is_empty()).ok_or_else(wrong)?;
    Ok(config.parent().unwrap_or(Path::new("")).join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("gtm.toml");
        std::fs::write(&config, text).unwrap();
        let shown = match control_socket(&config) {
            Ok(path) => path.strip_prefix(folder.path()).unwrap_or(&path).display().to_string(),
            Err(problem) => format!("{}: {}", problem.key, problem.message),
        };
        assert_eq!(shown, expect);
    }

    #[test]
    fn the_socket_is_found_whatever_else_is_wrong() {
        check("version = 9", DEFAULT_SOCKET);
        check("[control]\nsock = 1", DEFAULT_SOCKET);
        check("[control]\nsocket = \"/a/b\"\n[pool]\nx = 1", "/a/b");
        check("[control]\nsocket = \"run/b\"", "run/b");
        check("[control]\nsocket = 7", "control.socket: not a path; name the socket with --socket");
        check("[control]\nsocket = \"\"", "control.socket: not a path; name the socket with --socket");
        check("= 1", ": not valid TOML: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`");
    }
}
