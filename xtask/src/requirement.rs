//! What the project needs of a machine: one table, each row with its reason.
//!
//! Looks, never installs; `setup` does.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::toolchain::{LINKER_LLVM, Toolchain, cargo_home, find_linker};
use crate::{emulator, process};

/// What is going to be done, and so what has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Compile the workspace.
    Build,
    /// Run the worked scenario.
    Run,
    /// Run the tests that need no root.
    QuickTest,
    /// Run all tests.
    Test,
    /// Run the fuzzers.
    Fuzz,
    /// Try other kernels.
    Kernels,
    /// Measure.
    Bench,
}

impl Purpose {
    /// The verb that has it.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Run => "run",
            Self::QuickTest => "test --quick",
            Self::Test => "test",
            Self::Fuzz => "fuzz",
            Self::Kernels => "kernels",
            Self::Bench => "bench",
        }
    }
}

/// One thing the project needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requirement {
    /// The thing.
    pub(crate) name: &'static str,
    /// What it is needed for, in words.
    pub(crate) why: &'static str,
    /// The purposes that need it.
    pub(crate) needed_for: &'static [Purpose],
    /// Where it is, in words; the error is what is wrong.
    pub(crate) probe: fn() -> Result<String, String>,
    /// How to have it.
    pub(crate) remedy: Remedy,
}

/// How a missing thing is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Packages of Debian 12.
    Packages(&'static [&'static str]),
    /// A package of Debian 12 whose service must not start: it would take port 53 of the machine.
    Service {
        /// The package.
        package: &'static str,
        /// Its systemd unit, which is masked before; without systemd nothing starts anyway.
        unit: &'static str,
    },
    /// The linker, built from its source against LLVM.
    BuildLinker,
    /// The emulator, beside what is installed.
    UnpackEmulator,
    /// A program of crates.io in a version that is known to work.
    Crate {
        /// The crate.
        name: &'static str,
        /// Its version.
        version: &'static str,
    },
    /// Something to be typed: it concerns a part of the reader's own installation.
    Typed(&'static str),
}

const BUILD: &[Purpose] = &[
    Purpose::Build,
    Purpose::Run,
    Purpose::QuickTest,
    Purpose::Test,
    Purpose::Fuzz,
    Purpose::Kernels,
    Purpose::Bench,
];
const CHECKS: &[Purpose] = &[Purpose::QuickTest, Purpose::Test];
const SCENARIO: &[Purpose] = &[Purpose::Run, Purpose::Test];
const TEST: &[Purpose] = &[Purpose::Test];
const FUZZ: &[Purpose] = &[Purpose::Fuzz];
const BENCH: &[Purpose] = &[Purpose::Bench];
const TEST_AND_BENCH: &[Purpose] = &[Purpose::Test, Purpose::Bench];

/// Everything, in the order in which it is installed.
pub(crate) const REQUIREMENTS: &[Requirement] = &[
    Requirement {
        name: "compiler with library source",
        why: "compiles the XDP program, for which rustup's stable Rust brings no core library",
        needed_for: BUILD,
        probe: probe_compiler,
        remedy: Remedy::Packages(&["rustc-web", "cargo-web", "rust-web-src"]),
    },
    Requirement {
        name: "bpf-linker",
        why: "links the XDP program; built from source against LLVM 22, which takes about a minute",
        needed_for: BUILD,
        probe: probe_linker,
        remedy: Remedy::BuildLinker,
    },
    Requirement {
        name: "rustfmt",
        why: "checks the format of the source",
        needed_for: CHECKS,
        probe: || probe_component("cargo-fmt"),
        remedy: Remedy::Typed("rustup component add rustfmt"),
    },
    Requirement {
        name: "clippy",
        why: "checks the source against the lint table",
        needed_for: CHECKS,
        probe: || probe_component("cargo-clippy"),
        remedy: Remedy::Typed("rustup component add clippy"),
    },
    Requirement {
        name: "git",
        why: "lists the files that the tidiness check reads",
        needed_for: CHECKS,
        probe: || probe_program("git"),
        remedy: Remedy::Packages(&["git"]),
    },
    Requirement {
        name: "ip",
        why: "creates the namespaces and links of the scenario and of benchmarks",
        needed_for: &[Purpose::Run, Purpose::Test, Purpose::Bench],
        probe: || probe_program("ip"),
        remedy: Remedy::Packages(&["iproute2"]),
    },
    Requirement {
        name: "dig",
        why: "asks the scenario's questions from any of its clients",
        needed_for: SCENARIO,
        probe: || probe_program("dig"),
        remedy: Remedy::Packages(&["bind9-dnsutils"]),
    },
    Requirement {
        name: "kdig",
        why: "asks the end-to-end questions as a second, independent client; beside it is kxdpgun, which asks a million a second",
        needed_for: TEST_AND_BENCH,
        probe: || probe_program("kdig"),
        remedy: Remedy::Packages(&["knot-dnsutils"]),
    },
    Requirement {
        name: "dnsperf",
        why: "asks without pause while a site fails, to see that no answer is lost",
        needed_for: TEST,
        probe: || probe_program("dnsperf"),
        remedy: Remedy::Packages(&["dnsperf"]),
    },
    Requirement {
        name: "named-checkzone",
        why: "judges the same zone files as our loader",
        needed_for: CHECKS,
        probe: || probe_program("named-checkzone"),
        remedy: Remedy::Packages(&["bind9-utils"]),
    },
    Requirement {
        name: "drill",
        why: "judges our answers as a client that shares no code with the others",
        needed_for: TEST,
        probe: || probe_program("drill"),
        remedy: Remedy::Packages(&["ldnsutils"]),
    },
    Requirement {
        name: "named",
        why: "resolves names through us, and says what it thinks of us",
        needed_for: TEST,
        probe: || probe_program("named"),
        remedy: Remedy::Service { package: "bind9", unit: "named.service" },
    },
    Requirement {
        name: "unbound",
        why: "resolves names through us as a second, independent resolver, in mixed letter case",
        needed_for: TEST,
        probe: || probe_program("unbound"),
        remedy: Remedy::Service { package: "unbound", unit: "unbound.service" },
    },
    Requirement {
        name: "gdnsd",
        why: "answers the same questions as the established peer, to be compared with",
        needed_for: TEST_AND_BENCH,
        probe: || probe_program("gdnsd"),
        remedy: Remedy::Service { package: "gdnsd", unit: "gdnsd.service" },
    },
    Requirement {
        name: "nsd",
        why: "answers beside us on the same link, as a fast server that does not look at who asks",
        needed_for: BENCH,
        probe: || probe_program("nsd"),
        remedy: Remedy::Service { package: "nsd", unit: "nsd.service" },
    },
    Requirement {
        name: "knotd",
        why: "answers beside us on the same link, over sockets and over XDP",
        needed_for: BENCH,
        probe: || probe_program("knotd"),
        remedy: Remedy::Service { package: "knot", unit: "knot.service" },
    },
    Requirement {
        name: "geoip module of Knot DNS",
        why: "has Knot answer by the client's country",
        needed_for: BENCH,
        probe: || probe_library("knot/modules-3.2/geoip.so"),
        remedy: Remedy::Packages(&["knot-module-geoip"]),
    },
    Requirement {
        name: "pdns_server",
        why: "answers beside us on the same link",
        needed_for: BENCH,
        probe: || probe_program("pdns_server"),
        remedy: Remedy::Service { package: "pdns-server", unit: "pdns.service" },
    },
    Requirement {
        name: "geoip backend of PowerDNS",
        why: "has PowerDNS answer by the client's country",
        needed_for: BENCH,
        probe: || probe_library("pdns/libgeoipbackend.so"),
        remedy: Remedy::Packages(&["pdns-backend-geoip"]),
    },
    Requirement {
        name: "C++ compiler",
        why: "compiles libFuzzer",
        needed_for: FUZZ,
        probe: || probe_program("c++"),
        remedy: Remedy::Packages(&["g++"]),
    },
    Requirement {
        name: "cargo-fuzz",
        why: "builds the fuzz targets so that libFuzzer sees what they do",
        needed_for: FUZZ,
        probe: probe_cargo_fuzz,
        remedy: Remedy::Crate { name: "cargo-fuzz", version: "0.13.2" },
    },
    Requirement {
        name: emulator::NAME,
        why: "boots other kernels to try the program on them",
        needed_for: &[Purpose::Kernels],
        probe: probe_emulator,
        remedy: Remedy::UnpackEmulator,
    },
];

/// Oldest bpf-linker that knows LLVM 22, as 0.x.
const OLDEST_LINKER: u32 = 13;

/// The prefix of Debian's LLVM that the linker is built against.
pub(crate) fn llvm_prefix() -> PathBuf {
    PathBuf::from(format!("/usr/lib/llvm-{LINKER_LLVM}"))
}

fn probe_compiler() -> Result<String, String> {
    let found =
        Toolchain::find().ok_or("neither a rustup nightly with rust-src nor Debian's rust-web-src")?;
    Ok(format!("{}", found.prefix.join("bin/rustc").display()))
}

fn probe_linker() -> Result<String, String> {
    let path = find_linker().ok_or("neither in PATH nor in ~/.cargo/bin")?;
    let output = Command::new(&path).arg("--version").output().map_err(|error| error.to_string())?;
    linker_verdict(&path, &String::from_utf8_lossy(&output.stdout), &String::from_utf8_lossy(&output.stderr))
}

/// A subcommand of cargo is looked for where cargo installs, too.
fn probe_cargo_fuzz() -> Result<String, String> {
    let installed = cargo_home().map(|home| home.join("bin/cargo-fuzz")).filter(|path| path.is_file());
    let found = installed.or_else(|| process::in_path("cargo-fuzz"));
    found
        .map(|path| path.display().to_string())
        .ok_or_else(|| "neither in PATH nor where cargo installs".to_owned())
}

fn probe_emulator() -> Result<String, String> {
    let found = emulator::find().map(|path| path.display().to_string());
    found.ok_or_else(|| "neither in PATH nor unpacked in target/emulator".to_owned())
}

fn linker_verdict(path: &Path, stdout: &str, stderr: &str) -> Result<String, String> {
    let path = path.display();
    let Some(version) = stdout.trim().strip_prefix("bpf-linker ") else {
        // Most often the LLVM it was built against has gone.
        return Err(format!("{path} does not run: {}", stderr.trim()));
    };
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse().ok());
    match (version.starts_with("0."), minor) {
        (true, Some(minor)) if u32::lt(&minor, &OLDEST_LINKER) => {
            Err(format!("{path} is {version}; 0.{OLDEST_LINKER} is the first that knows LLVM {LINKER_LLVM}"))
        }
        _ => Ok(format!("{path} {version}")),
    }
}

/// A component of the toolchain is beside its cargo; for a cargo of other origin it is in `PATH`.
fn probe_component(program: &str) -> Result<String, String> {
    let beside = env::var_os("CARGO").map(|cargo| Path::new(&cargo).with_file_name(program));
    let found = beside.filter(|path| path.is_file()).or_else(|| {
        // rustup's own stand-in is in PATH even when the component is not installed.
        process::in_path(program)
            .filter(|path| fs::canonicalize(path).is_ok_and(|real| !real.ends_with("rustup")))
    });
    found.map(|path| path.display().to_string()).ok_or_else(|| "not a component of this toolchain".to_owned())
}

/// A library that a program loads at run time, in the folder of this machine's architecture.
fn probe_library(path: &str) -> Result<String, String> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let found = folders.map(|folder| folder.path().join(path)).find(|path| path.is_file());
    found.map(|path| path.display().to_string()).ok_or_else(|| format!("no /usr/lib/*/{path}"))
}

fn probe_program(program: &str) -> Result<String, String> {
    process::in_path(program).map(|path| path.display().to_string()).ok_or_else(|| "not in PATH".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linker_is_judged_by_what_it_says() {
        #[track_caller]
        fn check(stdout: &str, expect: Result<&str, &str>) {
            let verdict = linker_verdict(Path::new("/l"), stdout, "no libLLVM.so.22.1\n");
            assert_eq!(verdict.as_deref().map_err(String::as_str), expect);
        }
        check("bpf-linker 0.13.0\n", Ok("/l 0.13.0"));
        check("bpf-linker 0.14.1\n", Ok("/l 0.14.1"));
        check("bpf-linker 1.0.0\n", Ok("/l 1.0.0"));
        check("bpf-linker 0.9.14\n", Err("/l is 0.9.14; 0.13 is the first that knows LLVM 22"));
        check("", Err("/l does not run: no libLLVM.so.22.1"));
    }

    #[test]
    fn running_needs_no_test_tool() {
        let names = |purpose: Purpose| -> Vec<&str> {
            let needed = REQUIREMENTS.iter().filter(|row| row.needed_for.contains(&purpose));
            needed.map(|row| row.name).collect()
        };
        assert_eq!(names(Purpose::Build), ["compiler with library source", "bpf-linker"]);
        assert_eq!(names(Purpose::Run), ["compiler with library source", "bpf-linker", "ip", "dig"]);
        let fuzzing = ["compiler with library source", "bpf-linker", "C++ compiler", "cargo-fuzz"];
        assert_eq!(names(Purpose::Fuzz), fuzzing);
        assert_eq!(names(Purpose::Test).len(), REQUIREMENTS.len() - 8);
    }
}
