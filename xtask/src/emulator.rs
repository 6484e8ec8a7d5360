//! The emulator that boots other kernels: the machine's own, or else Debian's packages unpacked below `target/`.
//!
//! They are not installed: they conflict with the packages of other versions of it that a machine may have, and nothing is
//! ever removed for them.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::process;

/// The program.
pub(crate) const NAME: &str = "qemu-system-x86_64";
/// Debian's package with it.
pub(crate) const PACKAGE: &str = "qemu-system-x86";

/// Where its packages put what it reads, in the order in which it looks there.
const FIRMWARE: [&str; 2] = ["usr/share/qemu", "usr/share/seabios"];
/// Where they put their libraries.
const LIBRARIES: [&str; 2] = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];

/// Where it is.
pub(crate) fn find() -> Option<PathBuf> {
    process::in_path(NAME).or_else(|| Some(unpacked()).filter(|program| program.is_file()))
}

/// The command that starts it, without arguments of ours.
pub(crate) fn command() -> Command {
    if let Some(installed) = process::in_path(NAME) {
        return Command::new(installed);
    }
    let mut command = Command::new(unpacked());
    let libraries = LIBRARIES.map(|path| folder().join(path).into_os_string());
    command.env("LD_LIBRARY_PATH", libraries.join(&OsString::from(":")));
    for path in FIRMWARE {
        command.arg("-L").arg(folder().join(path));
    }
    command
}

/// Downloads it with all that it needs and this machine does not have, and unpacks that.
pub(crate) fn unpack() -> anyhow::Result<()> {
    // A folder of another name until it is whole.
    let unfinished = folder().with_extension("unfinished");
    let archives = unfinished.join("archives");
    process::remove_folder(&unfinished)?;
    let partial = archives.join("partial");
    fs::create_dir_all(&partial).with_context(|| format!("cannot make {}", partial.display()))?;
    let mut option = OsString::from("Dir::Cache::archives=");
    option.push(&archives);
    let mut download = Command::new("apt-get");
    // What would have to be removed to install it stays: it is only downloaded.
    download.args(["-q", "--download-only", "--yes", "--no-install-recommends", "-o"]).arg(option);
    // The user that apt downloads as by itself may not be let into our folder.
    download.args(["-o", "APT::Sandbox::User=root", "install", PACKAGE]);
    process::run(&mut download)?;
    for entry in fs::read_dir(&archives).with_context(|| format!("cannot read {}", archives.display()))? {
        let archive = entry?.path();
        if archive.extension().is_some_and(|extension| extension == "deb") {
            process::run(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(&unfinished))?;
        }
    }
    process::remove_folder(&archives)?;
    process::remove_folder(&folder())?;
    fs::rename(&unfinished, folder()).with_context(|| format!("cannot make {}", folder().display()))
}

fn folder() -> PathBuf {
    process::root().join("target/emulator")
}

fn unpacked() -> PathBuf {
    folder().join("usr/bin").join(NAME)
}
