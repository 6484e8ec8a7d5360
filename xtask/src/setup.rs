//! `cargo xtask setup`, and the first step of every verb that builds: installs what is missing and says why.
//!
//! Debian's packages and crates.io only. Never removes a package, never installs into the reader's rustup, and changes
//! nothing when nothing is missing. What it may not do itself it gives as commands to type.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

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
    plan.carry_out().with_context(|| format!("to go on by hand, type:\n{}", plan.typed_commands(machine)))?;

    if !plan.typed.is_empty() {
        bail!("a part of your own Rust toolchain is missing. Type:\n{}", indented(&plan.typed));
    }
    let still: Vec<String> =
        missing.iter().filter_map(|row| Some(format!("{} ({})", row.name, (row.probe)().err()?))).collect();
    if !still.is_empty() {
        bail!("still missing after the installation: {}", still.join(", "));
    }
    Ok(())
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
                Remedy::Crate { name, version } => plan.crates.push((name, version)),
                Remedy::Typed(command) => plan.typed.push(command),
            }
        }
        plan
    }

    /// Why the plan cannot be carried out from here.
    fn obstacle(&self, machine: Machine) -> Option<&'static str> {
        if !self.packages.is_empty() && !machine.debian {
            return Some(
                "this is not Debian, so the packages below may have other names here (a rustup nightly with rust-src serves as compiler: `rustup toolchain install nightly --component rust-src`)",
            );
        }
        if !self.packages.is_empty() && !machine.root {
            return Some("installing packages needs root");
        }
        None
    }

    fn carry_out(&self) -> anyhow::Result<()> {
        if !self.packages.is_empty() {
            for unit in &self.masked {
                println!(
                    "{:<10}{unit}, so that it never starts here: `systemctl unmask {unit}` undoes it",
                    "mask"
                );
                process::run(&mut mask(unit))?;
            }
            println!("{:<10}Debian packages {}", "install", self.packages.join(" "));
            for command in &mut apt_commands(&self.packages) {
                process::run(command)?;
            }
        }
        if self.build_linker {
            let mut command = install_linker();
            println!("{:<10}{}", "install", process::shown(&command));
            process::run(&mut command)?;
        }
        for (name, version) in &self.crates {
            let mut command = install_crate(name, version);
            println!("{:<10}{}", "install", process::shown(&command));
            process::run(&mut command)?;
        }
        Ok(())
    }

    fn typed_commands(&self, machine: Machine) -> String {
        let sudo = if machine.root { "" } else { "sudo " };
        let mut lines = Vec::new();
        if !self.packages.is_empty() {
            lines.extend(self.masked.iter().map(|unit| format!("{sudo}{}", process::shown(&mask(unit)))));
            lines.extend(
                apt_commands(&self.packages)
                    .iter()
                    .map(|command| format!("{sudo}{}", process::shown(command))),
            );
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

/// A fresh machine knows no packages yet, and may be busy with its first upgrade: refresh once, wait for the lock.
fn apt_commands(packages: &[&str]) -> [Command; 2] {
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-o", "DPkg::Lock::Timeout=300"]);
        command
    };
    let mut update = apt();
    update.arg("update");
    let mut install = apt();
    // Debian's compiler conflicts with Debian's own rustup and older rustc: never remove what someone else uses.
    install.args(["install", "--yes", "--no-install-recommends", "--no-remove"]).args(packages);
    [update, install]
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
        assert_eq!(
            error,
            "a part of your own Rust toolchain is missing. Type:\n  rustup component add rustfmt"
        );
    }

    #[test]
    fn a_missing_thing_that_cannot_be_had_is_reported_with_its_name() {
        let row = Requirement {
            name: "unobtainium",
            why: "shows the message",
            needed_for: &[],
            probe: || Err("not there".to_owned()),
            remedy: Remedy::Packages(&[]),
        };
        let error = install_missing(&[row], |_, _| {}).unwrap_err().to_string();
        assert_eq!(error, "still missing after the installation: unobtainium (not there)");
    }
}
