//! A network namespace as a guard, and running code and commands inside it.
//!
//! Only the network namespace is entered. `ip netns exec` would also mount another /sys, where pinned BPF objects are
//! not seen.

use std::fs::{self, File};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::SigSet;
use nix::unistd::Pid;

use crate::leftover::{self, NETNS_FOLDER, own_name};

/// A network namespace with its loopback up. On drop the processes in it are ended and it is deleted with its links.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    file: Arc<File>,
}

impl Namespace {
    /// Makes a namespace called `gtm-PID-LABEL`, with a number behind it when this process already has one of that
    /// label. The first call of a process removes what crashed runs left behind.
    pub fn create(label: &str) -> Result<Self> {
        static NAMING: Mutex<()> = Mutex::new(());

        leftover::sweep_once();
        let naming = NAMING.lock().unwrap_or_else(PoisonError::into_inner);
        let name = free_name(label);
        run_ip(&["netns", "add", &name])?;
        drop(naming);

        let file = File::open(path(&name));
        let file =
            file.inspect_err(|_| drop(leftover::delete_namespace(&name))).with_context(|| name.clone())?;
        let namespace = Self { name, file: Arc::new(file) };
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// The name, as `ip -n` and `ip netns exec` take it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` on a thread inside the namespace. Sockets it opens stay in the namespace wherever they are used.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let inside = thread::scope(|scope| {
            let thread = scope.spawn(|| setns(&*self.file, CloneFlags::CLONE_NEWNET).map(|()| work()));
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        });
        inside.with_context(|| format!("network namespace {} could not be entered", self.name))
    }

    /// A command that will run inside the namespace, in a process group of its own: Ctrl-C on the terminal is for us,
    /// and we end our children in order.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let file = Arc::clone(&self.file);
        let enter = move || -> io::Result<()> {
            setns(&*file, CloneFlags::CLONE_NEWNET)?;
            // Our own mask may block the signals that we wait for; children must not inherit that.
            Ok(SigSet::all().thread_unblock()?)
        };
        let mut command = Command::new(program.as_ref());
        command.process_group(0);
        // SAFETY: between fork and exec the closure only makes the system calls setns and sigprocmask, which are
        // async-signal-safe; it neither allocates nor takes a lock, and the descriptor stays open as it owns a share.
        unsafe { command.pre_exec(enter) };
        command
    }

    /// The processes inside.
    pub fn processes(&self) -> Result<Vec<Pid>> {
        Ok(leftover::processes_in(self.file.metadata()?.ino()))
    }

    /// Runs `ip -n NAME` with these arguments and gives what it printed.
    pub fn ip(&self, arguments: &[&str]) -> Result<String> {
        run_ip(&[&["-n", &self.name], arguments].concat())
    }

    /// Gives `device` one address, alone in its prefix. An IPv6 address can be used at once, without duplicate detection.
    pub fn add_address(&self, device: &str, address: IpAddr) -> Result<()> {
        let arguments = ["address", "add", &host_prefix(address), "dev", device];
        let nodad: &[&str] = if address.is_ipv6() { &["nodad"] } else { &[] };
        self.ip(&[&arguments, nodad].concat()).map(drop)
    }

    /// Sends what is for one address directly over `device`.
    pub fn add_route(&self, device: &str, address: IpAddr) -> Result<()> {
        self.ip(&[family(address), "route", "add", &host_prefix(address), "dev", device]).map(drop)
    }

    /// The Ethernet address of a device.
    pub fn mac(&self, device: &str) -> Result<[u8; 6]> {
        let links = self.ip(&["-j", "link", "show", "dev", device])?;
        let parse = || {
            let links: serde_json::Value = serde_json::from_str(&links).ok()?;
            let text = links.pointer("/0/address")?.as_str()?;
            let bytes: Vec<u8> =
                text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect::<Option<_>>()?;
            bytes.try_into().ok()
        };
        parse().with_context(|| format!("what ip says of {device}: {links}"))
    }

    /// Tells the Ethernet address of a neighbour once and for all, so that nobody ever asks for it.
    pub fn add_neighbour(&self, device: &str, address: IpAddr, mac: [u8; 6]) -> Result<()> {
        let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
        let entry = ["neigh", "replace", &address.to_string(), "lladdr", &mac];
        self.ip(&[&entry[..], &["nud", "permanent", "dev", device]].concat()).map(drop)
    }

    /// Sends everything without a better route directly over `device`, over IPv4 and IPv6.
    pub fn add_default_route(&self, device: &str) -> Result<()> {
        self.ip(&["-4", "route", "add", "default", "dev", device])?;
        self.ip(&["-6", "route", "add", "default", "dev", device]).map(drop)
    }

    /// Sets a kernel parameter of the namespace; `key` as below `/proc/sys/net`, `ipv4/ip_forward` for example.
    pub fn set_sysctl(&self, key: &str, value: &str) -> Result<()> {
        let path = Path::new("/proc/sys/net").join(key);
        self.run(|| fs::write(&path, value))?.with_context(|| format!("{} in {}", path.display(), self.name))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Nobody is left to be told; the sweep of the next run tries again.
        drop(leftover::delete_namespace(&self.name));
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(NETNS_FOLDER).join(name)
}

/// A name that is not in use: an earlier process may have had our number and left its own behind.
fn free_name(label: &str) -> String {
    let mut name = own_name(label);
    let mut number = 1;
    while path(&name).exists() {
        number += 1;
        name = own_name(&format!("{label}-{number}"));
    }
    name
}

fn run_ip(arguments: &[&str]) -> Result<String> {
    let output =
        Command::new("ip").args(arguments).output().context("ip could not be started; install iproute2")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {}", arguments.join(" "), error.trim());
    Ok(String::from_utf8(output.stdout)?)
}

fn host_prefix(address: IpAddr) -> String {
    format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 })
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "-4" } else { "-6" }
}
