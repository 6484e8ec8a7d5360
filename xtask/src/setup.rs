//! `cargo xtask setup`, and the first step of every verb that builds: installs what is missing and says why.
//!
//! Debian's packages and crates.io only. Never removes a package, never installs into the reader's rustup, and changes
//! nothing when nothing is missing. What it may not do itself it gives as commands to type.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::emulator;
use crate::process::{self, cargo};
use crate::requirement::{Purpose, REQUIREMENTS, Remedy, Requirement, llvm_prefix};

/// Sets up for every purpose, with one line for each thing that is there.
pub(crate) fn everything() -> anyhow::Result<()> {
    install_missing(REQUIREMENTS, |row, place| println!("{:<10}{:<30}{place}", "found", row.name))
}

/// Sets up for one purpose; says nothing when nothing is missing.
pub(crate) fn for_purpose(purpose: Purpose) -> anyhow::Result<()> {
    let needed: Vec<Requirement> =
        REQUIREMENTS.iter().filter(|row| row.needed_for.contains(&purpose)).copied().collect();
    install_missing(&needed, |_, _| {})
}

/// What is to be done so that nothing is missing.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// Units that must not start when their packages are installed, nor later.
    masked: Vec<&'static str>,
    packages: Vec<&'static str>,
    unpack_emulator: bool,
    build_linker: bool,
    /// Crates with their versions.
    crates: Vec<(&'static str, &'static str)>,
    typed: Vec<&'static str>,
}

/// What the machine is and lets us do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, found by a look of its own")]
struct Machine {
    debian: bool,
    systemd: bool,
    root: bool,
    llvm: bool,
}

fn install_missing(rows: &[Requirement], found: impl Fn(&Requirement, &str)) -> anyhow::Result<()> {
    let mut missing = Vec::new();
    for row in rows {
        match (row.probe)() {
            Ok(place) => found(row, &place),
            Err(wrong) => {
                println!("{:<10}{:<30}{wrong}", "missing", row.name);
                println!("{:<10}{:<30}needed: {}", "", "", row.why);
                missing.push(*row);
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let machine = Machine {
        debian: is_debian(&fs::read_to_string("/etc/os-release").unwrap_or_default()),
        systemd: process::in_path("systemctl").is_some(),
        root: process::is_root(),
        llvm: llvm_prefix().join("bin/llvm-config").is_file(),
    };
    let plan = Plan::new(&missing, machine);
    if let Some(reason) = plan.obstacle(machine) {
        bail!("{reason}. Type:\n{}", plan.typed_commands(machine));
    }
    let failures = plan.carry_out();
    let still: Vec<(Requirement, String)> =
        missing.iter().filter_map(|row| Some((*row, (row.probe)().err()?))).collect();
    if !still.is_empty() {
        bail!("{}", leftover(&still, &failures, machine));
    }
    Ok(())
}

/// What is still missing, who needs it, what was tried in vain, and what to type.
fn leftover(still: &[(Requirement, String)], failures: &[String], machine: Machine) -> String {
    let mut lines = vec!["not everything is there; the rest is. Missing:".to_owned()];
    for (row, wrong) in still {
        lines.push(format!("  {} ({wrong}), which {}", row.name, row.why));
        let verbs: Vec<&str> = row.needed_for.iter().map(|purpose| purpose.verb()).collect();
        lines.push(format!("    needed by cargo xtask {}", verbs.join(", ")));
    }
    if !failures.is_empty() {
        lines.push(format!("Tried in vain:\n{}", indented(failures)));
    }
    let rows: Vec<Requirement> = still.iter().map(|(row, _)| *row).collect();
    lines.push(format!("Type:\n{}", Plan::new(&rows, machine).typed_commands(machine)));
    lines.join("\n")
}

impl Plan {
    fn new(missing: &[Requirement], machine: Machine) -> Self {
        let mut plan = Self::default();
        for row in missing {
            match row.remedy {
                Remedy::Packages(packages) => plan.packages.extend(packages),
                Remedy::Service { package, unit } => {
                    plan.packages.push(package);
                    if machine.systemd {
                        plan.masked.push(unit);
                    }
                }
                Remedy::BuildLinker => {
                    plan.build_linker = true;
                    if !machine.llvm {
                        plan.packages.push("llvm-22-dev");
                    }
                }
                Remedy::UnpackEmulator => plan.unpack_emulator = true,
                Remedy::Crate { name, version } => plan.crates.push((name, version)),
                Remedy::Typed(command) => plan.typed.push(command),
            }
        }
        plan
    }

    /// Why the plan cannot be carried out from here.
    fn obstacle(&self, machine: Machine) -> Option<&'static str> {
        if self.needs_apt() && !machine.debian {
            return Some(
                "this is not Debian, so the packages below may have other names here (a rustup nightly with rust-src serves as compiler: `rustup toolchain install nightly --component rust-src`)",
            );
        }
        if self.needs_apt() && !machine.root {
            return Some("installing packages needs root");
        }
        None
    }

    /// What fails does not hold up the rest; gives what went wrong.
    fn carry_out(&self) -> Vec<String> {
        let mut failures = Vec::new();
        let mut attempt = |action: anyhow::Result<()>| {
            let is_done = action.is_ok();
            failures.extend(action.err().map(|error| format!("{error:#}")));
            is_done
        };
        if self.needs_apt() {
            attempt(process::run(&mut apt_update()));
        }
        for unit in &self.masked {
            println!(
                "{:<10}{unit}, so that it never starts here: `systemctl unmask {unit}` undoes it",
                "mask"
            );
        }
        // A service that could not be masked would start with its package.
        if !self.packages.is_empty() && self.masked.iter().all(|unit| attempt(process::run(&mut mask(unit))))
        {
            println!("{:<10}Debian packages {}", "install", self.packages.join(" "));
            if process::run(&mut apt_install(&self.packages)).is_err() {
                for package in &self.packages {
                    println!("{:<10}{package} alone", "install");
                    attempt(install_alone(package));
                }
            }
        }
        if self.unpack_emulator {
            println!("{:<10}{} of Debian into target/emulator", "unpack", emulator::PACKAGE);
            attempt(emulator::unpack());
        }
        let linker = self.build_linker.then(install_linker);
        let crates = self.crates.iter().map(|(name, version)| install_crate(name, version));
        for mut command in linker.into_iter().chain(crates) {
            println!("{:<10}{}", "install", process::shown(&command));
            attempt(process::run(&mut command));
        }
        failures
    }

    fn needs_apt(&self) -> bool {
        !self.packages.is_empty() || self.unpack_emulator
    }

    fn typed_commands(&self, machine: Machine) -> String {
        let sudo = if machine.root { "" } else { "sudo " };
        let mut lines = Vec::new();
        // Typed, the emulator is installed like anything else.
        let emulator = self.unpack_emulator.then_some(emulator::PACKAGE);
        let packages: Vec<&str> = self.packages.iter().copied().chain(emulator).collect();
        if !packages.is_empty() {
            let masks = self.masked.iter().map(|unit| mask(unit));
            let commands = masks.chain([apt_update(), apt_install(&packages)]);
            lines.extend(commands.map(|command| format!("{sudo}{}", process::shown(&command))));
        }
        if self.build_linker {
            lines.push(process::shown(&install_linker()));
        }
        lines.extend(self.crates.iter().map(|(name, version)| process::shown(&install_crate(name, version))));
        lines.extend(self.typed.iter().map(ToString::to_string));
        indented(&lines)
    }
}

fn indented(lines: &[impl AsRef<str>]) -> String {
    lines.iter().map(|line| format!("  {}", line.as_ref())).collect::<Vec<_>>().join("\n")
}

/// Debian starts the service of a package when it installs it, but not one that is masked.
fn mask(unit: &str) -> Command {
    let mut command = Command::new("systemctl");
    command.args(["mask", unit]);
    command
}

/// A fresh machine may be busy with its first upgrade: wait for the lock.
fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-o", "DPkg::Lock::Timeout=300"]);
    command
}

/// A fresh machine knows no packages yet.
fn apt_update() -> Command {
    let mut command = apt();
    command.arg("update");
    command
}

fn apt_install(packages: &[&str]) -> Command {
    let mut command = apt();
    // Debian's compiler conflicts with Debian's own rustup and older rustc: never remove what someone else uses.
    command.args(["install", "--yes", "--no-install-recommends", "--no-remove"]).args(packages);
    command
}

/// Installs a package, or gives apt's own words for why it cannot.
fn install_alone(package: &str) -> anyhow::Result<()> {
    let output = apt_install(&[package]).output().context("cannot run apt-get")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("E: ")).collect();
    ensure!(output.status.success(), "{package}: {}", errors.join("; "));
    Ok(())
}

/// The linker in a version that is known to work; a later one may no longer offer this LLVM.
fn install_linker() -> Command {
    let mut command = install_crate("bpf-linker", "0.13.0");
    command.args(["--no-default-features", "--features", "llvm-22"]).env("LLVM_PREFIX", llvm_prefix());
    command
}

fn install_crate(name: &str, version: &str) -> Command {
    let mut command = cargo();
    command.args(["install", name, "--version", version, "--locked"]);
    command
}

fn is_debian(os_release: &str) -> bool {
    os_release.lines().any(|line| line == "ID=debian") && Path::new("/usr/bin/apt-get").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Machine = Machine { debian: true, systemd: true, root: true, llvm: false };

    fn rows(names: &[&str]) -> Vec<Requirement> {
        REQUIREMENTS.iter().filter(|row| names.contains(&row.name)).copied().collect()
    }

    #[test]
    fn the_plan_holds_what_is_missing_and_no_more() {
        #[track_caller]
        fn check(missing: &[&str], machine: Machine, packages: &[&str], build_linker: bool) {
            let plan = Plan::new(&rows(missing), machine);
            assert_eq!((plan.packages.as_slice(), plan.build_linker), (packages, build_linker));
        }
        let compiler = "compiler with library source";
        check(&[], FRESH, &[], false);
        check(&["dig"], FRESH, &["bind9-dnsutils"], false);
        check(&[compiler], FRESH, &["rustc-web", "cargo-web", "rust-web-src"], false);
        check(&["bpf-linker"], FRESH, &["llvm-22-dev"], true);
        check(&["bpf-linker"], Machine { llvm: true, ..FRESH }, &[], true);
        check(&["ip", "kdig", "dnsperf"], FRESH, &["iproute2", "knot-dnsutils", "dnsperf"], false);
    }

    #[test]
    fn a_service_is_masked_where_something_could_start_it() {
        #[track_caller]
        fn check(missing: &[&str], machine: Machine, masked: &[&str], packages: &[&str]) {
            let plan = Plan::new(&rows(missing), machine);
            assert_eq!((plan.masked.as_slice(), plan.packages.as_slice()), (masked, packages));
        }
        check(&["gdnsd"], FRESH, &["gdnsd.service"], &["gdnsd"]);
        check(&["gdnsd"], Machine { systemd: false, ..FRESH }, &[], &["gdnsd"]);
        check(&["dig"], FRESH, &[], &["bind9-dnsutils"]);
        check(&["named", "unbound"], FRESH, &["named.service", "unbound.service"], &["bind9", "unbound"]);
    }

    #[test]
    fn what_stands_in_the_way_is_said_before_anything_is_changed() {
        #[track_caller]
        fn check(missing: &[&str], machine: Machine, expect: Option<&str>) {
            let obstacle = Plan::new(&rows(missing), machine).obstacle(machine);
            match expect {
                Some(part) => assert!(obstacle.is_some_and(|text| text.contains(part)), "{obstacle:?}"),
                None => assert_eq!(obstacle, None),
            }
        }
        let user = Machine { root: false, ..FRESH };
        check(&["dig"], FRESH, None);
        check(&["dig"], user, Some("needs root"));
        check(&["dig"], Machine { debian: false, ..FRESH }, Some("not Debian"));
        check(&["bpf-linker"], user, Some("needs root"));
        check(&["bpf-linker"], Machine { llvm: true, ..user }, None);
        check(&["bpf-linker"], Machine { llvm: true, debian: false, ..user }, None);
        check(&["rustfmt"], user, None);
        check(&[emulator::NAME], user, Some("needs root"));
    }

    #[test]
    fn commands_to_type_are_exact() {
        let user = Machine { root: false, ..FRESH };
        let text =
            Plan::new(&rows(&["bpf-linker", "clippy", "dig", "cargo-fuzz"]), user).typed_commands(user);
        let expect = "  sudo DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 update
  sudo DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends --no-remove llvm-22-dev bind9-dnsutils
  LLVM_PREFIX=/usr/lib/llvm-22 cargo install bpf-linker --version 0.13.0 --locked --no-default-features --features llvm-22
  cargo install cargo-fuzz --version 0.13.2 --locked
  rustup component add clippy";
        assert_eq!(text, expect);

        // Masked before it is installed: afterwards it would be too late.
        let text = Plan::new(&rows(&["gdnsd"]), user).typed_commands(user);
        let expect = "  sudo systemctl mask gdnsd.service
  sudo DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 update
  sudo DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends --no-remove gdnsd";
        assert_eq!(text, expect);
    }

    #[test]
    fn a_component_of_the_toolchain_is_left_to_its_owner() {
        let rustfmt = Requirement { probe: || Err("not there".to_owned()), ..rows(&["rustfmt"])[0] };
        let error = install_missing(&[rustfmt], |_, _| {}).unwrap_err().to_string();
        let expect = "not everything is there; the rest is. Missing:
  rustfmt (not there), which checks the format of the source
    needed by cargo xtask test --quick, test
Type:
  rustup component add rustfmt";
        assert_eq!(error, expect);
    }

    #[test]
    fn what_could_not_be_had_is_told_with_who_needs_it_and_what_to_type() {
        let still: Vec<_> =
            rows(&["gdnsd", emulator::NAME]).into_iter().map(|row| (row, "not there".to_owned())).collect();
        let failures = ["gdnsd: E: Packages need to be removed but remove is disabled.".to_owned()];
        let machine = Machine { systemd: false, ..FRESH };
        let expect = "not everything is there; the rest is. Missing:
  gdnsd (not there), which answers the same questions as the established peer, to be compared with
    needed by cargo xtask test, bench
  qemu-system-x86_64 (not there), which boots other kernels to try the program on them
    needed by cargo xtask kernels
Tried in vain:
  gdnsd: E: Packages need to be removed but remove is disabled.
Type:
  DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 update
  DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends --no-remove gdnsd qemu-system-x86";
        assert_eq!(leftover(&still, &failures, machine), expect);
    }

    #[test]
    fn what_fails_does_not_hold_up_the_rest() {
        // Neither is known to cargo, and both are tried.
        let crates = vec![("gtm no crate", "1"), ("gtm none either", "1")];
        let failures = Plan { crates, ..Plan::default() }.carry_out();
        assert_eq!(failures.len(), 2, "{failures:?}");
    }
}
