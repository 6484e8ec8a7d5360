//! A guest: a kernel under emulation that runs the trial as its first process, and switches itself off.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use super::trial::Trial;
use crate::emulator;

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
    let mut command = emulator::command();
    command
        .args(["-accel", "tcg", "-cpu", "max,-cx16", "-smp", "2", "-m", "2G"])
        .args(["-nodefaults", "-no-user-config", "-no-reboot"])
        .args(["-display", "none", "-serial", "stdio"])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(image)
        .args(["-append", &first]);
    end_with_us(&mut command);
    command
}

/// Has it killed when the thread that starts it ends, however that happens: a guest goes on when nobody listens.
fn end_with_us(command: &mut Command) {
    let ask = || Ok(set_pdeathsig(Signal::SIGKILL)?);
    // SAFETY: between fork and exec the closure only makes the system call prctl, which is async-signal-safe; it neither
    // allocates nor takes a lock.
    unsafe { command.pre_exec(ask) };
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::thread;

    use nix::libc;

    use super::*;

    #[test]
    fn it_ends_with_whoever_started_it() {
        let start = || {
            let mut command = Command::new("sleep");
            command.arg("20");
            end_with_us(&mut command);
            command.spawn().unwrap()
        };
        let mut child = thread::spawn(start).join().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }
}
