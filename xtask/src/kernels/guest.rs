//! A guest: a kernel under emulation that runs the trial as its first process, and switches itself off.

use std::path::Path;
use std::process::Command;

use super::trial::Trial;
use crate::requirement::EMULATOR;

/// The emulator with a kernel and its image; its standard output is the guest's serial line.
///
/// Emulated even where /dev/kvm exists: in a virtual machine that hands it down without the processor's help, a guest
/// hangs. Without `cmpxchg16b`, after which the emulation in version 7.2 leaves wrong flags now and then: 6.12, which
/// allocates memory with it, does not survive that.
pub(super) fn command(kernel: &Path, image: &Path, trial: &Trial) -> Command {
    let first = format!(
        // Whatever goes wrong before the end is a panic, and a panic a restart, which is none.
        "console=ttyS0 quiet panic=-1 rdinit={} -- {}",
        trial.program.display(),
        trial.arguments().join(" ")
    );
    let mut command = Command::new(EMULATOR);
    command
        .args(["-accel", "tcg", "-cpu", "max,-cx16", "-smp", "2", "-m", "2G"])
        .args(["-nodefaults", "-no-user-config", "-no-reboot"])
        .args(["-display", "none", "-serial", "stdio"])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(image)
        .args(["-append", &first]);
    command
}
