//! The verbs that ask a daemon, from their arguments to what they print, with a small daemon behind them.

use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;

use super::*;
use crate::control::fake::Fake;

/// A daemon that runs beside the verbs.
struct Stage {
    /// Runs the daemon.
    _runtime: Runtime,
    fake: Fake,
}

impl Stage {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let fake = runtime.block_on(async { Fake::start() });
        Self { _runtime: runtime, fake }
    }

    /// The exit code and what was printed, errors after `! `.
    fn run(&self, line: &str) -> (ExitCode, String) {
        run(line, &self.fake.socket())
    }

    #[track_caller]
    fn check(&self, line: &str, code: u8, expect: &str) {
        let (exit, printed) = self.run(line);
        assert_eq!(format!("{exit:?}"), format!("{:?}", ExitCode::from(code)), "{line}: {printed}");
        assert!(printed.contains(expect), "{line}: {printed}");
    }
}

fn run(line: &str, socket: &Path) -> (ExitCode, String) {
    let words = ["gtm"].into_iter().chain(line.split(' ')).map(str::to_owned);
    let words = words.chain(["--socket".to_owned(), socket.display().to_string()]);
    let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
    output::take();
    let exit = run_verb(&cli.verb);
    (exit, output::take())
}

#[test]
fn overrides_are_shown_set_listed_and_undone() {
    let stage = Stage::new();
    let list = "override list";
    stage.check(list, 0, "no overrides\n");
    let down = "override down 192.0.2.* --for 1h --reason maintenance --who alice";
    let preview = "down, until ";
    stage.check(&format!("{down} --dry-run"), 0, preview);
    stage.check(list, 0, "no overrides\n");
    stage.check(&format!("{down} --yes"), 0, preview);
    let (_, printed) = stage.run(&format!("{down} --yes"));
    assert!(
        printed.contains(":\n  address 192.0.2.1\n  address 192.0.2.2\nin place of override 1: "),
        "{printed}"
    );
    assert!(
        printed.ends_with("override 3: address 192.0.2.1 down\noverride 4: address 192.0.2.2 down\n"),
        "{printed}"
    );
    stage.check(list, 0, "       3  address 192.0.2.1  down");
    stage.check("override list --json", 0, "\"who\": \"alice\"");
    stage.check("override undo 3 4", 0, "undone: override 3: address 192.0.2.1 down\nundone: override 4: ");
    stage.check(
        "override undo 3 4",
        2,
        "! error: no override has the id 3; none holds\n! error: no override has the id 4",
    );
    stage.check(list, 0, "no overrides\n");
    stage.check("override down east --reason x --yes", 0, "down, until undone:\n  pool east\n");
}

#[test]
fn what_cannot_be_overridden_is_told() {
    let stage = Stage::new();
    let bad = |words: &str, expect: &str| {
        let (_, printed) = stage.run(&format!("override {words} --reason x --yes"));
        assert!(printed.starts_with(&format!("! error: {expect}")), "{words}: {printed}");
        stage.check(&format!("override {words} --reason x --yes"), 2, "! error: ");
    };
    bad("down 192.0.2.3", "no address or pool matches \"192.0.2.3\"; did you mean \"192.0.2.1\"?");
    bad("down *", "\"*\" matches 3 addresses and 2 pools; say which with the kind address or pool");
    bad(
        "up www.example.com --kind domain",
        "\"up\" is not for objects of kind \"domain\"; allowed: address or pool",
    );
    bad("drain east", "drain sets a weight to 0, and nothing that uses pool east chooses by weight");
    bad("pin www.example.com --pool est", "no pool \"est\"; did you mean \"east\"?");
    bad("down east --until 2025-12-31T00:00:00Z", "the expiry 2025-12-31T00:00:00Z is in the past");
    bad("down east --for soon", "for \"soon\": not a duration");
    stage.check("override list", 0, "no overrides\n");
}

#[test]
fn what_stays_returns() {
    let stage = Stage::new();
    stage.check("return e*", 0, "pool east returned\nno answer has changed\n");
    stage.check("return www.example.com", 2, "! error: domain www.example.com A needs no return");
    stage.check("return est", 2, "did you mean \"east\"?");
}

#[test]
fn a_reload_names_every_problem() {
    let stage = Stage::new();
    stage.check("reload", 0, "reloaded: generation 2 serves\n");
    stage.check("reload", 0, "reloaded: generation 3 serves\n");
    stage.check(
        "reload",
        2,
        "! error: gtm.toml:7: pool.east.kind: \"ipv5\" is wrong\n! error: the configuration cannot be used (1 problem); \
         the running one goes on\n",
    );
    stage.check("reload", 1, "! error: the map is full\n");
}

#[test]
fn status_events_and_explain_ask_the_daemon() {
    let stage = Stage::new();
    stage.check("status", 0, "answered by the kernel 7 (0.5/s), by the daemon 1 (0.0/s)\n");
    stage.check("status --json", 0, "\"generation\": {\n    \"number\": 1");
    stage.check("events", 0, "");
    stage.fake.happen("pool east");
    let (_, printed) = stage.run("events --json");
    let event: serde_json::Value = serde_json::from_str(printed.trim_end()).expect(&printed);
    assert_eq!(event["object"], "pool east");
    stage.check("events --after 0", 0, "address down");
    stage.check("explain www.example.com A --from 192.0.2.0/24", 0, "www.example.com 1 192.0.2.0\n");
    stage.check("explain www.example.com A --from ::1 --json", 0, "\"given_by\": \"sender\"");
}

#[test]
fn no_daemon_is_told_by_every_verb() {
    let verbs = [
        "status",
        "events",
        "override list",
        "override down x --reason y --yes",
        "return x",
        "reload",
        "explain a A --from ::1",
    ];
    for verb in verbs {
        let (exit, printed) = run(verb, &PathBuf::from("/nonexistent/gtm.sock"));
        assert_eq!(format!("{exit:?}"), format!("{:?}", ExitCode::FAILURE), "{verb}");
        assert!(printed.contains("no gtm answers at \"/nonexistent/gtm.sock\""), "{verb}: {printed}");
    }
}

#[test]
fn without_a_daemon_and_a_socket_the_files_explain() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/demo/gtm.toml");
    let words =
        ["gtm", "explain", "www.cloud-example.com", "A", "--from", "1.2.4.8", "--offline", "--config"];
    let cli = Cli::try_parse_from(words.iter().map(AsRef::as_ref).chain([config.as_os_str()])).unwrap();
    output::take();
    assert_eq!(format!("{:?}", run_verb(&cli.verb)), format!("{:?}", ExitCode::SUCCESS));
    let printed = output::take();
    assert!(printed.contains("answer    223.5.0.1\n"), "{printed}");
}
