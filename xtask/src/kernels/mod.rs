//! `cargo xtask kernels`: one build of the program and its tests on this kernel and, in guests, on those of Debian.
//!
//! Installs no kernel and opens no port: a guest is a kernel, the files of one image and a serial line.

mod guest;
mod image;
mod mirror;
mod outcome;
mod trial;

use std::fs;

use anyhow::{Context as _, bail};

use self::mirror::{Mirror, Suite};
use self::outcome::{Expected, Outcome};
use self::trial::Trial;
use crate::process;
use crate::requirement::Purpose;
use crate::setup;

/// The kernels of Debian that are tried, from the oldest on.
const WANTED: [(Suite, Expected); 4] = [
    (Suite::Named("bullseye"), Expected::Refusal),
    (Suite::Named("bookworm"), Expected::Everything),
    (Suite::Named("bookworm-backports"), Expected::Everything),
    (Suite::Newest, Expected::Everything),
];

/// Which kernels, and what each is asked.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Only kernels of these versions; without any, all.
    pub(crate) versions: Vec<String>,
    /// Generated queries through program and server.
    pub(crate) queries: u64,
    /// Which.
    pub(crate) seed: u64,
}

/// Builds once and tries every kernel; an error when one does not do what is expected of it, or is not to be had.
pub(crate) fn kernels(plan: &Plan) -> anyhow::Result<()> {
    if !process::is_root() {
        bail!("a program is loaded into this kernel as well, which needs root: {}", process::as_root());
    }
    setup::for_purpose(Purpose::Kernels)?;
    let trial = Trial::build(plan.queries, plan.seed)?;
    let folder = process::root().join("target/kernels");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;

    let (mut outcomes, mut tried) = (Vec::new(), Vec::new());
    let running = fs::read_to_string("/proc/sys/kernel/osrelease").context("which kernel runs?")?;
    if plan.wants(&running) {
        outcomes.push(Outcome::of("this machine", Expected::Everything, trial.command())?);
        tried.push(running);
    }
    let image = folder.join("image.cpio");
    image::write(&image, &trial.files()?)?;
    let mirror = Mirror::open(&folder)?;
    for (suite, expected) in WANTED {
        match mirror.offer(suite) {
            // Whether its kernel would be one of those asked for, nobody knows.
            None if plan.versions.is_empty() => outcomes.push(Outcome::not_offered(suite.name())),
            None => println!("== {}: no kernel at the mirror", suite.name()),
            Some(offer) if plan.wants(&offer.version) => {
                let guest = guest::command(&mirror.kernel(offer)?, &image, &trial);
                outcomes.push(Outcome::of(&offer.suite, expected, guest)?);
                tried.push(offer.version.clone());
            }
            Some(_) => {}
        }
    }
    print!("\n{}", outcome::table(&outcomes));
    let missing = plan.missing(&tried).map(|version| {
        format!("{version}: not tried, because neither this machine nor the mirror has a kernel of it")
    });
    let wrong: Vec<String> = outcomes.iter().filter_map(Outcome::wrong).chain(missing).collect();
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n       "));
    }
    Ok(())
}

impl Plan {
    /// Whether a version is one of those that were asked for.
    fn wants(&self, version: &str) -> bool {
        self.versions.is_empty() || self.versions.iter().any(|wanted| is(version, wanted))
    }

    /// The versions that were asked for, and are none of those that were tried.
    fn missing<'a>(&'a self, tried: &'a [String]) -> impl Iterator<Item = &'a String> {
        self.versions.iter().filter(|wanted| !tried.iter().any(|version| is(version, wanted)))
    }
}

/// Whether a version is the one that is wanted: 6.1 is 6.1.176, and is not 6.12.
fn is(version: &str, wanted: &str) -> bool {
    version.strip_prefix(wanted).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_chosen_by_whole_numbers() {
        #[track_caller]
        fn check(wanted: &[&str], version: &str, expect: bool) {
            let versions = wanted.iter().map(ToString::to_string).collect();
            assert_eq!(Plan { versions, queries: 1, seed: 1 }.wants(version), expect, "{wanted:?} {version}");
        }
        check(&[], "6.1.176-1", true);
        check(&["6.1"], "6.1.176-1", true);
        check(&["6.1"], "6.12.95-1~bpo12+1", false);
        check(&["5.10", "6.12"], "6.12.95-1~bpo12+1", true);
        check(&["6.18.44"], "6.18.44-cloud-amd64\n", true);
        check(&["7"], "6.1.176-1", false);
    }

    #[test]
    fn each_version_that_was_asked_for_is_tried_or_missing() {
        #[track_caller]
        fn check(wanted: &[&str], tried: &[&str], expect: &[&str]) {
            let owned = |texts: &[&str]| -> Vec<String> { texts.iter().map(ToString::to_string).collect() };
            let plan = Plan { versions: owned(wanted), queries: 1, seed: 1 };
            assert_eq!(plan.missing(&owned(tried)).collect::<Vec<_>>(), expect, "{wanted:?} {tried:?}");
        }
        check(&[], &["6.1.176-1"], &[]);
        check(&["6.1", "6.12"], &["6.1.176-1", "6.12.95-1~bpo12+1"], &[]);
        check(&["6.1", "6.5"], &["6.1.176-1"], &["6.5"]);
        check(&["6.1", "5.10"], &["6.12.95-1~bpo12+1"], &["6.1", "5.10"]);
    }
}
