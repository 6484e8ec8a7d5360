//! Debian's kernels, from the mirror that this machine is set up with. Asks and downloads; what apt knows of this machine
//! stays as it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::process;

/// The package that always leads to the latest kernel of a suite. Those for clouds are built of the same source with fewer
/// drivers, and are half as large.
const PACKAGE: &str = "linux-image-cloud-amd64";
/// Where kernels are looked for.
const SUITES: [&str; 6] = ["bullseye", "bookworm", "bookworm-backports", "trixie", "trixie-backports", "sid"];

/// A part of Debian's archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suite {
    Named(&'static str),
    /// Whichever has the newest kernel.
    Newest,
}

/// A kernel that can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    /// Version of the package.
    pub(super) version: String,
    pub(super) suite: String,
}

/// The mirror, with what it offers.
#[derive(Debug)]
pub(super) struct Mirror {
    folder: PathBuf,
    /// The newest first.
    offers: Vec<Offer>,
}

impl Mirror {
    /// Asks the mirror; everything is kept in `folder`.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let mut targets = Command::new("apt-get");
        targets.args(["indextargets", "--format", "$(LABEL) $(SITE)", "Created-By: Packages"]);
        let targets = printed(&mut targets)?;
        let site = targets.lines().find_map(|line| line.strip_prefix("Debian "));
        let site = site.context("apt knows no mirror of Debian here; the kernels come from one")?.to_owned();
        let mut mirror = Self { folder: folder.to_path_buf(), offers: Vec::new() };

        for inner in ["apt/lists/partial", "apt/cache/archives/partial"] {
            let inner = folder.join(inner);
            fs::create_dir_all(&inner).with_context(|| format!("cannot make {}", inner.display()))?;
        }
        let sources = SUITES.map(|suite| {
            let options = "arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg";
            format!("deb [{options}] {site} {suite} main\n")
        });
        fs::write(folder.join("apt/sources.list"), sources.concat()).context("cannot write sources.list")?;
        // A suite that is not there is an error of apt's, said by it; the others are there nevertheless.
        if let Err(error) = process::run(mirror.apt("apt-get").args(["-q", "update"])) {
            eprintln!("{error}");
        }
        mirror.offers = offers(&printed(mirror.apt("apt-cache").args(["madison", PACKAGE]))?);
        Ok(mirror)
    }

    /// The latest kernel of a suite.
    pub(super) fn offer(&self, suite: Suite) -> Option<&Offer> {
        self.offers.iter().find(|offer| match suite {
            Suite::Named(name) => offer.suite == name,
            Suite::Newest => true,
        })
    }

    /// The image of a kernel, downloaded the first time.
    pub(super) fn kernel(&self, offer: &Offer) -> anyhow::Result<PathBuf> {
        let kernel = self.folder.join(format!("vmlinuz-{}", offer.version));
        if kernel.is_file() {
            return Ok(kernel);
        }
        let package = self.package(&offer.version)?;
        println!("{:<10}{package} of {}", "download", offer.suite);
        let temporary = self.folder.join("package");
        process::remove_folder(&temporary)?;
        fs::create_dir_all(&temporary).with_context(|| format!("cannot make {}", temporary.display()))?;
        process::run(self.apt("apt-get").args(["-q", "download", &package]).current_dir(&temporary))?;
        let archive = single(&temporary, ".deb")?;
        process::run(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(&temporary))?;
        // First a file beside it: one that is there is whole.
        let unfinished = kernel.with_extension("unfinished");
        let copied = fs::copy(single(&temporary, "vmlinuz")?, &unfinished)
            .and_then(|_| fs::rename(&unfinished, &kernel));
        copied.with_context(|| format!("cannot write {}", kernel.display()))?;
        process::remove_folder(&temporary)?;
        Ok(kernel)
    }

    /// The package with the image, as `name=version`: the general one depends on it, and newer ones have a part for it alone.
    fn package(&self, version: &str) -> anyhow::Result<String> {
        let mut package = format!("{PACKAGE}={version}");
        for begin in ["linux-image-", "linux-binary-"] {
            let described = printed(self.apt("apt-cache").args(["show", &package]))?;
            if let Some(name) = dependency(&described, begin) {
                package = format!("{name}={version}");
            }
        }
        Ok(package)
    }

    /// A program of apt's with sources and lists of our own, and nothing installed.
    fn apt(&self, program: &str) -> Command {
        let apt = self.folder.join("apt");
        let mut command = Command::new(program);
        let mut set = |option: &str, value: &str| {
            command.arg("-o").arg(format!("{option}={value}"));
        };
        for (option, path) in [
            ("Dir::Etc::sourcelist", "sources.list"),
            ("Dir::State::lists", "lists"),
            ("Dir::Cache", "cache"),
        ] {
            set(option, &apt.join(path).to_string_lossy());
        }
        set("Dir::Etc::sourceparts", "-");
        set("Dir::State::status", "/dev/null");
        set("Acquire::Languages", "none");
        set("Acquire::IndexTargets::deb::DEP-11::DefaultEnabled", "false");
        // The user that apt downloads as by itself may not be let into our folder.
        set("APT::Sandbox::User", "root");
        command
    }
}

impl Suite {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Named(name) => name,
            Self::Newest => "the newest of Debian",
        }
    }
}

/// What a program prints, which must succeed.
fn printed(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot run {}", process::shown(command)))?;
    if !output.status.success() {
        bail!("`{}`: {}", process::shown(command), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// From the lines of `apt-cache madison`: `PACKAGE | VERSION | SITE SUITE/main amd64 Packages`, the newest first.
fn offers(madison: &str) -> Vec<Offer> {
    let offer = |line: &str| {
        let mut parts = line.split('|').skip(1).map(str::trim);
        let version = parts.next()?.to_owned();
        let suite = parts.next()?.split_whitespace().nth(1)?.split('/').next()?.to_owned();
        Some(Offer { version, suite })
    };
    madison.lines().filter_map(offer).collect()
}

/// The dependency whose name begins so, in what `apt-cache show` prints.
fn dependency<'a>(described: &'a str, begin: &str) -> Option<&'a str> {
    let depends = described.lines().find_map(|line| line.strip_prefix("Depends: "))?;
    depends.split([',', ' ']).find(|word| word.starts_with(begin))
}

/// The one file in a folder, or below it, whose name contains `part`.
fn single(folder: &Path, part: &str) -> anyhow::Result<PathBuf> {
    let mut folders = vec![folder.to_path_buf()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_string_lossy().contains(part) {
                found.push(entry.path());
            }
        }
    }
    ensure!(found.len() == 1, "{} has {} files with {part} in their names", folder.display(), found.len());
    found.pop().context("it has just been there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read() {
        let madison = "linux-image-cloud-amd64 | 6.12.95-1~bpo12+1 | http://m/debian bookworm-backports/main amd64 Packages\n\
                       linux-image-cloud-amd64 |  6.1.176-1 | http://m/debian bookworm/main amd64 Packages\n";
        let offer = |version: &str, suite: &str| Offer { version: version.into(), suite: suite.into() };
        let expect = [offer("6.12.95-1~bpo12+1", "bookworm-backports"), offer("6.1.176-1", "bookworm")];
        assert_eq!(offers(madison), expect);
        assert_eq!(offers(""), []);
    }

    #[test]
    fn the_package_with_the_image_is_a_dependency() {
        #[track_caller]
        fn check(begin: &str, expect: Option<&str>) {
            let described = "Package: p\nDepends: dracut | initramfs-tools (>= 0.1), linux-binary-7.3-cloud (= 7.3-1), \
                             linux-modules-7.3-cloud (= 7.3-1)\nSize: 1\n";
            assert_eq!(dependency(described, begin), expect);
        }
        check("linux-binary-", Some("linux-binary-7.3-cloud"));
        check("linux-image-", None);
    }
}
