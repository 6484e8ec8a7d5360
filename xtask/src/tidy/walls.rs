//! The walls of the architecture: which names a part of the workspace may use.

use super::source::{lines, names};
use super::tree::{File, Finding, Tree};

/// Names that only some places may use.
struct Wall {
    names: &'static [&'static str],
    /// Where the wall stands: files, or folders with a slash.
    stands: &'static [&'static str],
    /// Where it has a gate.
    open: &'static [&'static str],
    /// What would be right.
    right: &'static str,
}

const WORKSPACE: &[&str] = &["gtm-common/", "gtm-ebpf/", "gtm-userspace/", "tests/", "xtask/"];
const DAEMON: &[&str] = &["gtm-common/", "gtm-ebpf/", "gtm-userspace/"];

const WALLS: &[Wall] = &[
    Wall {
        names: &["aya", "aya_obj", "aya_log"],
        stands: WORKSPACE,
        open: &["gtm-userspace/src/dataplane.rs", "gtm-userspace/src/dataplane/", "gtm-common/src/abi.rs"],
        right: "only `dataplane` knows aya",
    },
    Wall {
        names: &["aya_ebpf"],
        stands: WORKSPACE,
        open: &["gtm-ebpf/"],
        right: "only the kernel program knows aya_ebpf",
    },
    Wall {
        names: &["hickory_proto", "hickory_server", "hickory_resolver"],
        stands: WORKSPACE,
        open: &[],
        right: "only tests know hickory",
    },
    Wall {
        names: &["axum", "hyper", "hyper_util", "http_body_util", "utoipa", "utoipa_axum"],
        stands: WORKSPACE,
        open: &["gtm-userspace/src/control/"],
        right: "only `control` speaks HTTP",
    },
    Wall {
        names: &["redb"],
        stands: WORKSPACE,
        open: &["gtm-userspace/src/store/"],
        right: "only `store` knows redb",
    },
    Wall {
        names: &["Instant", "SystemTime", "tokio", "aya", "hickory_proto", "rand"],
        stands: &[
            "gtm-userspace/src/decision/",
            "gtm-userspace/src/health/state.rs",
            "gtm-userspace/src/health/state/",
        ],
        open: &[],
        right: "this part is pure: time and randomness are arguments",
    },
    Wall {
        names: &["Instant::now", "SystemTime::now", "UNIX_EPOCH.elapsed"],
        stands: DAEMON,
        open: &["gtm-userspace/src/clock.rs"],
        right: "only `clock` reads the time",
    },
    Wall {
        names: &["println!", "eprintln!", "print!", "eprint!", "process::exit"],
        stands: DAEMON,
        open: &[
            "gtm-userspace/src/cli/",
            "gtm-userspace/src/main.rs",
            "gtm-userspace/build.rs",
            "gtm-userspace/build/",
        ],
        right: "only `cli` and `main` speak to the terminal and end the process; elsewhere a `tracing` event or an error",
    },
];

/// No name is used on the wrong side of its wall; tests may use what they like.
pub(super) fn walls(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| !file.is_test()) {
        let standing: Vec<&Wall> = WALLS.iter().filter(|wall| wall.stands_at(file)).collect();
        for line in lines(&file.code).iter().filter(|line| !line.is_test) {
            for wall in &standing {
                if let Some(name) = wall.names.iter().find(|name| names(line.code, name)) {
                    findings
                        .push(file.finding(line.number, format!("`{name}` is not for here: {}", wall.right)));
                }
            }
        }
    }
    findings
}

impl Wall {
    fn stands_at(&self, file: &File) -> bool {
        let at = |places: &[&str]| places.iter().any(|place| file.is_at(place));
        at(self.stands) && !at(self.open)
    }
}

/// The modules that need no pointer say so themselves.
pub(super) fn unsafe_is_forbidden(tree: &Tree) -> Vec<Finding> {
    const SAFE: [&str; 8] = ["decision", "health", "config", "control", "doctor", "server", "store", "cli"];
    let path = |module: &str| format!("gtm-userspace/src/{module}/mod.rs");
    let mut findings = Vec::new();
    for module in SAFE {
        match tree.file(&path(module)) {
            Some(file) if file.code.contains("#![forbid(unsafe_code)]") => {}
            Some(file) => {
                findings.push(file.finding(1, "add `#![forbid(unsafe_code)]` below the module's text"));
            }
            None => findings.push(Finding {
                path: path(module),
                line: 1,
                what: "the module is not here; it is where `#![forbid(unsafe_code)]` stands".to_owned(),
            }),
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::check;
    use super::*;

    #[test]
    fn a_name_beyond_its_wall_is_found() {
        #[track_caller]
        fn one(path: &str, text: &str, expect: &[usize]) {
            let expect: Vec<String> = expect.iter().map(|line| format!("{path}:{line}")).collect();
            check(walls, &[(path, text)], &expect.iter().map(String::as_str).collect::<Vec<_>>());
        }
        one("gtm-userspace/src/server/udp.rs", "use std::io;\nuse aya::Ebpf;", &[2]);
        one("gtm-userspace/src/dataplane/load.rs", "use aya::Ebpf;", &[]);
        one("gtm-userspace/src/server/udp.rs", "// aya\n#[cfg(test)]\nmod tests { use aya::Ebpf; }", &[]);
        one("gtm-userspace/src/server/tests.rs", "use aya::Ebpf;", &[]);
        one("gtm-userspace/src/geo/geo_tests.rs", "use aya::Ebpf;", &[]);
        one("tests/src/lib.rs", "use aya::Ebpf; fn f() { println!(); Instant::now(); }", &[]);
        one("gtm-common/src/lib.rs", "use aya_ebpf::maps::Array;", &[1]);
        one("gtm-ebpf/src/main.rs", "use aya_ebpf::maps::Array;", &[]);
        one("gtm-userspace/src/server/udp.rs", "use hickory_proto::op;", &[1]);
        one("gtm-userspace/src/zone/loader/tests.rs", "use hickory_proto::op;", &[]);
        one("gtm-userspace/src/daemon/kept.rs", "use redb::Database;", &[1]);
        one("gtm-userspace/src/store/open.rs", "use redb::Database;", &[]);
        one(
            "gtm-userspace/src/decision/choose.rs",
            "use std::time::Duration;\nuse std::time::Instant;",
            &[2],
        );
        one("gtm-userspace/src/health/state.rs", "use tokio::time;", &[1]);
        one("gtm-userspace/src/health/schedule.rs", "use tokio::time;", &[]);
        one("gtm-userspace/src/health/schedule.rs", "let now = tokio::time::Instant::now();", &[1]);
        one("gtm-userspace/src/clock.rs", "let now = Instant::now();", &[]);
        one("gtm-userspace/src/geo/mod.rs", "eprintln!(\"x\");", &[1]);
        one("gtm-userspace/src/daemon.rs", "std::process::exit(1)", &[1]);
        one("gtm-userspace/src/cli/check.rs", "println!(\"x\");", &[]);
        one("xtask/src/main.rs", "println!(\"x\");", &[]);
        one("xtask/src/main.rs", "use aya::Ebpf;", &[1]);
    }

    #[test]
    fn a_module_that_does_not_forbid_unsafe_code_is_found() {
        let module = |name: &str| format!("gtm-userspace/src/{name}/mod.rs");
        let safe = "//! text\n#![forbid(unsafe_code)]\n";
        let [decision, health, config, control, doctor, server, store, cli] =
            ["decision", "health", "config", "control", "doctor", "server", "store", "cli"].map(module);
        let rest = [
            (health.as_str(), safe),
            (config.as_str(), safe),
            (control.as_str(), safe),
            (doctor.as_str(), safe),
            (server.as_str(), safe),
            (store.as_str(), safe),
            (cli.as_str(), safe),
        ];
        let with =
            |text| -> Vec<(&str, &str)> { rest.iter().copied().chain([(decision.as_str(), text)]).collect() };
        let expect = [format!("{decision}:1")];
        let expect: Vec<&str> = expect.iter().map(String::as_str).collect();
        check(unsafe_is_forbidden, &with(safe), &[]);
        check(unsafe_is_forbidden, &with("//! text\n"), &expect);
        check(unsafe_is_forbidden, &with("// #![forbid(unsafe_code)]\n"), &expect);
        check(unsafe_is_forbidden, &rest, &expect);
    }
}
