//! Which compiler builds the XDP program, where its linker is, and the command that builds it.
//!
//! The program needs the library source of its compiler (`-Z build-std=core`), which stable Rust from rustup does not
//! bring along. A rustup nightly with `rust-src` is used when there is one, else Debian's compiler, which is packaged
//! with the source. The build scripts and `cargo xtask` include this one file, so they cannot disagree. It never installs
//! anything.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, bail};

/// The compilation target of the program.
pub const TARGET: &str = "bpfel-unknown-none";
/// The LLVM that `cargo xtask setup` builds bpf-linker with. It reads the bitcode of compilers up to this version.
pub const LINKER_LLVM: u32 = 22;
/// Oldest compiler the workspace builds with, as 1.x (`rust-version` of the workspace).
pub const OLDEST_RUST: u32 = 95;

/// A compiler that can build the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// Where it is installed: `bin/cargo`, `bin/rustc` and `lib/rustlib/src` are below it.
    pub prefix: PathBuf,
    /// Whether unstable options are open to it or have to be asked for.
    pub channel: Channel,
}

/// How a compiler takes to unstable options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Takes them.
    Nightly,
    /// Takes them with `RUSTC_BOOTSTRAP=1`.
    Stable,
}

/// What a compiler says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The x of Rust 1.x.
    pub minor: u32,
    /// Major version of its LLVM.
    pub llvm: u32,
}

impl Toolchain {
    /// The toolchain to use, the preferred one first: nightlies of rustup, then Debian's compiler, and only then a
    /// nightly whose LLVM is newer than what our set-up gives the linker (it works with a linker built for it).
    pub fn find() -> Option<Self> {
        Self::choose(&Self::candidates(&rustup_home()?), Self::version)
    }

    fn choose(candidates: &[Self], version: impl Fn(&Self) -> Option<Version>) -> Option<Self> {
        let mut too_new = None;
        for candidate in candidates.iter().filter(|candidate| candidate.has_library_source()) {
            match version(candidate) {
                Some(found) if found.minor < OLDEST_RUST => {}
                Some(found) if found.llvm <= LINKER_LLVM => return Some(candidate.clone()),
                Some(_) => too_new = too_new.or_else(|| Some(candidate.clone())),
                None => {}
            }
        }
        too_new
    }

    fn candidates(rustup_home: &Path) -> Vec<Self> {
        let mut nightlies: Vec<PathBuf> = fs::read_dir(rustup_home.join("toolchains"))
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("nightly")))
            .collect();
        // The undated nightly is the one its owner keeps current: `nightly-x86_64..` sorts behind every `nightly-2026..`.
        nightlies.sort_unstable_by(|a, b| b.cmp(a));
        let nightlies = nightlies.into_iter().map(|prefix| Self { prefix, channel: Channel::Nightly });
        nightlies.chain([Self { prefix: PathBuf::from("/usr"), channel: Channel::Stable }]).collect()
    }

    fn has_library_source(&self) -> bool {
        self.prefix.join("lib/rustlib/src/rust/library/core/Cargo.toml").is_file()
            && self.prefix.join("bin/cargo").is_file()
    }

    fn version(&self) -> Option<Version> {
        let output = clean(Command::new(self.prefix.join("bin/rustc")).arg("-vV")).output().ok()?;
        parse_version(&String::from_utf8_lossy(&output.stdout))
    }

    /// The command that builds a package of programs of the workspace `root` into `target_dir`. Nothing of the environment
    /// that cargo sets for a build script reaches it.
    fn build_command(&self, root: &Path, package: &str, target_dir: &Path, linker: &Path) -> Command {
        let mut command = Command::new(self.prefix.join("bin/cargo"));
        clean(&mut command);
        command
            .current_dir(root)
            .args(["build", "--locked", "--release", "--package", package, "--target", TARGET])
            .args(["-Z", "build-std=core", "--target-dir"])
            .arg(target_dir)
            .env("RUSTC", self.prefix.join("bin/rustc"))
            .env("PATH", path_with(linker))
            .env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS.join("\x1f"));
        for (key, value) in PROFILE {
            command.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
        }
        match self.channel {
            Channel::Nightly => command.env_remove("RUSTC_BOOTSTRAP"),
            Channel::Stable => command.env("RUSTC_BOOTSTRAP", "1"),
        };
        command
    }
}

/// How the program is compiled, whatever the daemon is compiled with: the verifier knows no debug build.
const PROFILE: [(&str, &str); 7] = [
    ("OPT_LEVEL", "3"),
    // Names and types of maps and functions: the source of the object's BTF.
    ("DEBUG", "2"),
    ("STRIP", "none"),
    ("DEBUG_ASSERTIONS", "false"),
    ("OVERFLOW_CHECKS", "false"),
    ("CODEGEN_UNITS", "1"),
    // The linker optimises the whole program itself.
    ("LTO", "off"),
];

const RUSTFLAGS: [&str; 4] = [
    // 32-bit arithmetic, 32-bit compares and atomics: every kernel the program is meant for has them (v3, Linux 5.1).
    "-Ctarget-cpu=v3",
    // A u64 at an odd address is one load, not eight: the kernel allows it on packet data where the CPU does.
    "-Ctarget-feature=+allows-misaligned-mem-access",
    "-Clink-arg=--btf",
    // Short loops become straight code: the verifier forgets what a loop did only behind it, and goes through the rest
    // of the program once for every way out of a loop that is left standing.
    "-Clink-arg=--llvm-args=-unroll-threshold=3000",
];

/// Builds a package of programs of the workspace `root` and leaves the object in the folder `out` under the name of the
/// package; for build scripts, to which cargo listens.
pub fn build_object(root: &Path, package: &str, out: &Path) -> anyhow::Result<()> {
    let Some(toolchain) = Toolchain::find() else {
        bail!(
            "no compiler for the XDP program: a rustup nightly with rust-src, or Debian's rustc-web with \
             rust-web-src, must be installed; `cargo xtask setup` does it"
        );
    };
    let Some(linker) = find_linker() else {
        bail!("bpf-linker is neither in PATH nor in ~/.cargo/bin; `cargo xtask setup` installs it");
    };
    let target_dir = out.join("bpf");
    let mut command = toolchain.build_command(root, package, &target_dir, &linker);
    let output = command
        .arg("--message-format=short")
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let messages = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{package} does not build with {}:\n{messages}", toolchain.prefix.display());
    }
    // Warnings in the program's source (`file:line:column: warning: ..`) would otherwise go unseen.
    for warning in messages.lines().filter(|line| line.contains(": warning: ")) {
        println!("cargo::warning={warning}");
    }
    let object = target_dir.join(TARGET).join("release").join(package);
    fs::copy(object, out.join(package)).context("cannot copy the BPF object")?;
    Ok(())
}

/// Where bpf-linker is: in `PATH`, or where `cargo install` puts it.
pub fn find_linker() -> Option<PathBuf> {
    let searched = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&searched)
        .chain(cargo_home().map(|home| home.join("bin")))
        .map(|folder| folder.join("bpf-linker"))
        .find(|path| path.is_file())
}

/// Cargo's own folder: `CARGO_HOME`, else `~/.cargo`.
pub fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))
}

fn rustup_home() -> Option<PathBuf> {
    env::var_os("RUSTUP_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".rustup")))
}

fn path_with(linker: &Path) -> OsString {
    let before = env::var_os("PATH").unwrap_or_default();
    let folders = linker.parent().map(Path::to_path_buf).into_iter().chain(env::split_paths(&before));
    // A folder whose name has a colon cannot be in PATH; the linker is then looked for in what is there.
    env::join_paths(folders).unwrap_or(before)
}

fn parse_version(text: &str) -> Option<Version> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let minor = field("release: 1.")?.split('.').next()?.parse().ok()?;
    let llvm = field("LLVM version: ")?.split('.').next()?.parse().ok()?;
    Some(Version { minor, llvm })
}

/// Removes from `command` what an outer cargo, clippy or rustup has set for its own compiler. How cargo reaches its
/// registry (`CARGO_HOME`, `CARGO_NET_*`, `CARGO_HTTP_*`, `CARGO_REGISTRIES_*`) stays.
pub fn clean(command: &mut Command) -> &mut Command {
    for (key, _) in env::vars_os() {
        if key.to_str().is_some_and(is_of_outer_build) {
            command.env_remove(key);
        }
    }
    command
}

fn is_of_outer_build(key: &str) -> bool {
    const KEPT: [&str; 6] =
        ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE_", "CARGO_TERM_"];
    const OUTER: [&str; 8] = [
        "RUSTC",
        "RUSTDOC",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
        "RUST_RECURSION_COUNT",
        "CLIPPY",
        "MAKEFLAGS",
        "MFLAGS",
    ];
    const BUILD_SCRIPT: [&str; 7] =
        ["OUT_DIR", "TARGET", "HOST", "NUM_JOBS", "OPT_LEVEL", "DEBUG", "PROFILE"];
    if KEPT.iter().any(|prefix| key.starts_with(prefix)) {
        return false;
    }
    key.starts_with("CARGO")
        || key.starts_with("DEP_")
        || OUTER.iter().any(|prefix| key.starts_with(prefix))
        || BUILD_SCRIPT.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolchain(prefix: &Path, channel: Channel) -> Toolchain {
        for file in ["lib/rustlib/src/rust/library/core/Cargo.toml", "bin/cargo"] {
            let path = prefix.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        Toolchain { prefix: prefix.to_path_buf(), channel }
    }

    #[test]
    fn the_first_that_can_build_is_chosen_and_a_newer_llvm_last() {
        let folder = env::temp_dir().join(format!("gtm-toolchain-{}", std::process::id()));
        let nightly = toolchain(&folder.join("toolchains/nightly-x86_64"), Channel::Nightly);
        let dated = toolchain(&folder.join("toolchains/nightly-2026-01-01-x86_64"), Channel::Nightly);
        let stable = toolchain(&folder.join("toolchains/stable-x86_64"), Channel::Stable);
        let debian = toolchain(&folder.join("usr"), Channel::Stable);
        let bare = Toolchain { prefix: folder.join("bare"), channel: Channel::Nightly };

        let found = Toolchain::candidates(&folder);
        let usr = Toolchain { prefix: PathBuf::from("/usr"), channel: Channel::Stable };
        assert_eq!(found, [nightly.clone(), dated, usr], "nightlies, the undated first, then Debian's");

        let check = |candidates: &[&Toolchain], minor, llvm: u32, expect: Option<&Toolchain>| {
            let candidates: Vec<Toolchain> = candidates.iter().copied().cloned().collect();
            // Debian's is 1.96 with LLVM 22; the others are as given.
            let version = |candidate: &Toolchain| match candidate.channel {
                Channel::Stable => Some(Version { minor: 96, llvm: 22 }),
                Channel::Nightly => Some(Version { minor, llvm }),
            };
            assert_eq!(Toolchain::choose(&candidates, version).as_ref(), expect);
        };
        check(&[&nightly, &debian], 97, 22, Some(&nightly));
        check(&[&nightly, &debian], 94, 21, Some(&debian));
        check(&[&nightly, &debian], 99, 23, Some(&debian));
        check(&[&nightly], 99, 23, Some(&nightly));
        check(&[&bare, &debian], 97, 22, Some(&debian));
        check(&[&bare], 97, 22, None);
        check(&[&stable], 97, 22, Some(&stable));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_version_is_read_from_what_the_compiler_says() {
        let text = "rustc 1.97.0-nightly\nrelease: 1.97.0-nightly\nLLVM version: 22.1.8\n";
        assert_eq!(parse_version(text), Some(Version { minor: 97, llvm: 22 }));
        assert_eq!(parse_version("rustc 1.63.0\n"), None);
    }

    #[test]
    fn the_inner_build_is_not_disturbed_by_the_outer() {
        #[track_caller]
        fn check(key: &str, expect: bool) {
            assert_eq!(is_of_outer_build(key), expect, "{key}");
        }
        for key in
            ["CARGO", "CARGO_PKG_NAME", "CARGO_TARGET_DIR", "CARGO_PROFILE_RELEASE_LTO", "CARGO_BUILD_TARGET"]
        {
            check(key, true);
        }
        for key in
            ["RUSTC", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS", "RUSTUP_TOOLCHAIN", "CLIPPY_ARGS", "OUT_DIR"]
        {
            check(key, true);
        }
        for key in [
            "PATH",
            "HOME",
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_HTTP_PROXY",
            "RUSTUP_HOME",
            "HTTPS_PROXY",
        ] {
            check(key, false);
        }
    }
}
