//! The programs this one runs: how they are started, shown to the reader and found.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, bail};

/// The cargo that runs this program, in the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs `command` on this terminal; what it does not achieve is an error that shows the command.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status =
        command.status().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Becomes `command`: its signals and its exit code are then its own. Returns only the error when it cannot start.
pub(crate) fn become_command(command: &mut Command) -> anyhow::Error {
    let error = command.exec();
    anyhow::Error::new(error).context(format!("cannot run {}", command.get_program().display()))
}

/// The command as it would be typed, with the variables it sets.
pub(crate) fn shown(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter_map(|(key, value)| Some(format!("{}={}", key.display(), quoted(&value?.to_string_lossy()))));
    // A toolchain's own cargo is typed by its name alone.
    let program = Path::new(command.get_program());
    let program =
        if program.file_name().is_some_and(|name| name == "cargo") { Path::new("cargo") } else { program };
    let words = command.get_args().map(|argument| quoted(&argument.to_string_lossy()));
    variables.chain([program.display().to_string()]).chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=/.,:+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The root of the workspace, from wherever this program is started: cargo says it, and has said it when this was built.
pub(crate) fn root() -> PathBuf {
    let manifest_dir = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest_dir).parent().unwrap_or(Path::new(".")).to_path_buf()
}

/// Removes a folder with all that is in it, if it is there.
pub(crate) fn remove_folder(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// Where the binaries of `profile` are: beside the folder this program was built into.
pub(crate) fn binaries(profile: &str) -> anyhow::Result<PathBuf> {
    let this = env::current_exe().context("cannot tell where this program is")?;
    let target = this.parent().and_then(Path::parent).context("this program is not in a target folder")?;
    Ok(target.join(profile))
}

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The running command line again, as root and with this user's Rust: to be typed by someone who is not root.
pub(crate) fn as_root() -> String {
    let arguments = env::args().skip(1).map(|argument| format!(" {}", quoted(&argument)));
    let arguments: String = arguments.collect();
    format!(r#"sudo -E env HOME="$HOME" PATH="$PATH" cargo xtask{arguments}"#)
}

/// The first folder of `PATH` that has `program`.
pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    let searched = env::var_os("PATH").unwrap_or_default();
    // Administrators' programs (`ip`) are there on Debian, also for those whose PATH lacks it.
    let folders = env::split_paths(&searched).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_is_typed() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command.args(["install", "it's", "--root", "a b"]).env("LLVM_PREFIX", "/usr/lib/llvm-22");
        assert_eq!(shown(&command), r"LLVM_PREFIX=/usr/lib/llvm-22 cargo install 'it'\''s' --root 'a b'");
    }

    #[test]
    fn a_failure_names_the_command_and_its_status() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err().to_string();
        assert_eq!(error, "`sh -c 'exit 3'` ended with exit status: 3");
    }
}
