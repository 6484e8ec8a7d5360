//! A resolver of others among the judges. All that it is told is where our root is.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;
use std::sync::Arc;

use gtm_tests::leftover::temporary_folder;
use gtm_tests::privilege::in_path;
use gtm_tests::{Namespace, Process};
use tempfile::TempDir;

use super::named;
use super::unbound::{self, Subnets};
use crate::DEADLINE;
use crate::network::{Network, Server};
use crate::printed::{Lines, read};

/// Whose resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Software {
    Named,
    Unbound(Subnets),
}

/// The one family over which it asks, and is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
}

/// A running resolver; ended on drop.
#[derive(Debug)]
pub(crate) struct Resolver {
    software: Software,
    family: Family,
    process: Process,
    judges: Arc<Namespace>,
    _folder: TempDir,
}

impl Software {
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Unbound(_) => "unbound",
        }
    }
}

impl Family {
    /// Where the resolver listens.
    pub(super) fn loopback(self) -> IpAddr {
        match self {
            Self::Ipv4 => Ipv4Addr::LOCALHOST.into(),
            Self::Ipv6 => Ipv6Addr::LOCALHOST.into(),
        }
    }
}

impl Resolver {
    /// Starts it and waits until it can be asked.
    pub(crate) fn start(network: &Network, software: Software, family: Family) -> Self {
        let folder = temporary_folder().unwrap();
        let at = |name: &str| folder.path().join(name);
        let [ipv4, ipv6] = Server::Root.addresses();
        let hints = format!(". 86400 NS a.root.\na.root. 86400 A {ipv4}\na.root. 86400 AAAA {ipv6}\n");
        fs::write(at("hints"), hints).unwrap();
        let base = folder.path().display();
        let (config, arguments, ready) = match software {
            Software::Named => (named::config(&base, family), named::arguments(family), named::READY),
            Software::Unbound(subnets) => {
                (unbound::config(&base, family, subnets), unbound::ARGUMENTS, unbound::READY)
            }
        };
        fs::write(at("config"), config).unwrap();

        // Debian confines both to folders of their own by the path of the program (AppArmor); a copy is not confined. Another
        // process makes it: what this one has open for writing, a child of another thread may have open for longer, and then it
        // cannot be run.
        let program = at(software.program());
        let copied = Command::new("cp").arg(in_path(software.program()).unwrap()).arg(&program).status();
        assert!(copied.unwrap().success());
        let mut command = network.judges.command(program);
        command.args(arguments).arg(at("config"));
        let process = Process::start(command).unwrap();
        process.wait_for_line(DEADLINE, ready).unwrap();
        Self { software, family, process, judges: Arc::clone(&network.judges), _folder: folder }
    }

    /// What it answers, without TTLs: they have begun to run.
    pub(crate) fn ask(&self, question: &str) -> Lines {
        let mut command = self.judges.command("dig");
        command.arg(format!("@{}", self.family.loopback())).args(question.split(' '));
        command.args([
            "+nocmd",
            "+tcp",
            "+noedns",
            "+noadflag",
            "+nottlid",
            "+noauthority",
            "+noadditional",
            "+tries=1",
        ]);
        let output = command.output().unwrap();
        read(&String::from_utf8_lossy(&output.stdout))
            .unwrap_or_else(|line| panic!("{line:?} of dig\n{}", self.output()))
    }

    /// Ends it and gives what it has found wrong.
    pub(crate) fn complaints(mut self) -> Vec<String> {
        let counted = match self.software {
            Software::Named => named::counted(&self.judges, self.family),
            Software::Unbound(_) => Vec::new(),
        };
        // Whoever has ended has written all it will.
        assert!(self.process.stop().unwrap().success(), "{}", self.output());
        let logged = match self.software {
            Software::Named => named::logged(&self.output()),
            Software::Unbound(_) => unbound::logged(&self.output()),
        };
        [counted, logged].concat()
    }

    /// All that it has written.
    pub(crate) fn output(&self) -> String {
        self.process.output()
    }
}
