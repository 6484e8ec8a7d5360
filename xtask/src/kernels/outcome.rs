//! What became of a trial: its facts as they are heard, and whether they are what was expected.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, pipe};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::process;

/// Longest trial: what does not end by itself is ended.
const LIMIT: Duration = Duration::from_mins(30);
/// What the refusal of an older kernel has to say.
const NEEDED: &str = "or newer is needed";

/// What a kernel is expected to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// It takes the program, and every test passes.
    Everything,
    /// It does not take the program, and gtm says which kernel would.
    Refusal,
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Where the kernel comes from.
    from: String,
    /// Nothing when it is not to be had.
    tried: Option<Tried>,
}

/// A trial that has taken place.
#[derive(Debug)]
struct Tried {
    expected: Expected,
    /// What `gtm-kernel` has found out, by kind.
    facts: BTreeMap<String, String>,
    /// Why it did not come to its end.
    broken: Option<String>,
    time: Duration,
}

impl Outcome {
    /// Of the kernel that a suite would have.
    pub(super) fn not_offered(from: &str) -> Self {
        Self { from: from.to_owned(), tried: None }
    }

    /// Runs a trial, shows what it prints, and ends it when it takes too long.
    pub(super) fn of(from: &str, expected: Expected, command: Command) -> anyhow::Result<Self> {
        println!("== {from}: {}", process::shown(&command));
        let start = Instant::now();
        let (facts, broken) = listen(from, command, LIMIT)?;
        let tried = Tried { expected, facts, broken, time: start.elapsed() };
        Ok(Self { from: from.to_owned(), tried: Some(tried) })
    }

    /// What is not as expected.
    pub(super) fn wrong(&self) -> Option<String> {
        let wrong = match &self.tried {
            Some(tried) => tried.wrong()?,
            None => "not tried, because the mirror offers no kernel of it".to_owned(),
        };
        Some(format!("{}: {wrong}", self.from))
    }
}

impl Tried {
    /// | expected | right is |
    /// |---|---|
    /// | everything | verified, all tests passed, all queries answered alike |
    /// | refusal | refused, and told which kernel is needed |
    fn wrong(&self) -> Option<String> {
        let fact = |kind: &str| self.facts.get(kind).map(String::as_str);
        if let Some(broken) = fact("broken").or(self.broken.as_deref()) {
            return Some(broken.to_owned());
        }
        match (self.expected, fact("refused")) {
            (Expected::Everything, Some(sentence)) => Some(format!("refused: {sentence}")),
            (Expected::Everything, None) => match (fact("prog_run"), fact("parity")) {
                (Some(result), Some(_)) if result.starts_with("ok.") => None,
                (Some(result), None) if result.starts_with("ok.") => Some("ended without parity".to_owned()),
                (Some(result), _) => Some(format!("tests of the program: {result}")),
                (None, _) => Some("ended before the tests of the program".to_owned()),
            },
            (Expected::Refusal, Some(sentence)) if sentence.contains(NEEDED) => None,
            (Expected::Refusal, Some(sentence)) => Some(format!("does not say what {NEEDED}: {sentence}")),
            (Expected::Refusal, None) if fact("verified").is_some() => {
                Some("not refused, although older than what is needed".to_owned())
            }
            (Expected::Refusal, None) => Some("ended before the program was loaded".to_owned()),
        }
    }
}

/// Runs a trial to its end: its facts, and why it did not come to it.
fn listen(
    from: &str,
    mut command: Command,
    limit: Duration,
) -> anyhow::Result<(BTreeMap<String, String>, Option<String>)> {
    let start = Instant::now();
    let (reader, writer) = pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let name = command.get_program().display().to_string();
    let mut child = command.spawn().with_context(|| format!("cannot run {name}"))?;
    // It holds the writing ends: only without them the reader sees the end.
    drop(command);

    let (sender, lines) = channel();
    thread::spawn(move || {
        let lines = BufReader::new(reader).split(b'\n').map_while(Result::ok);
        lines.map_while(|line| sender.send(line).ok()).count()
    });
    let mut facts = BTreeMap::new();
    let broken = loop {
        match lines.recv_timeout(limit.saturating_sub(start.elapsed())) {
            Ok(line) => {
                // A serial line ends its lines with two characters.
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                println!("{from}: {line}");
                facts.extend(fact(&line));
            }
            Err(RecvTimeoutError::Disconnected) => break None,
            Err(RecvTimeoutError::Timeout) => {
                child.kill().with_context(|| format!("{name} cannot be ended"))?;
                break Some(format!("not done within {} minutes", limit.as_secs() / 60));
            }
        }
    };
    let status = child.wait().with_context(|| format!("{name} did not end"))?;
    Ok((facts, broken.or_else(|| (!status.success()).then(|| format!("ended with {status}")))))
}

/// From a line `fact KIND TEXT`.
fn fact(line: &str) -> Option<(String, String)> {
    let (kind, text) = line.strip_prefix("fact ")?.split_once(' ')?;
    Some((kind.to_owned(), text.to_owned()))
}

/// The rows under their headings.
pub(super) fn table(outcomes: &[Outcome]) -> String {
    let mut table = String::new();
    let mut row = |cells: [&str; 6]| {
        let [kernel, from, verified, tests, queries, seconds] = cells;
        let line = format!("{kernel:<28}{from:<20}{verified:>22}{tests:>12}{queries:>10}{seconds:>9}");
        table.extend([line.trim_end(), "\n"]);
    };
    row(["kernel", "from", "verified instructions", "tests", "queries", "seconds"]);
    for Outcome { from, tried } in outcomes {
        let Some(tried) = tried else {
            row(["not offered", from, "", "", "", ""]);
            continue;
        };
        let fact = |kind: &str| tried.facts.get(kind).map_or("-", String::as_str);
        let verified = if tried.facts.contains_key("refused") { "refused" } else { fact("verified") };
        // As the test runner says it: `ok. 37 passed; 0 failed; ..`.
        let tests = fact("prog_run").split(';').next().unwrap_or_default().trim_start_matches("ok. ");
        row([fact("kernel"), from, verified, tests, fact("parity"), &tried.time.as_secs().to_string()]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(expected: Expected, lines: &[&str]) -> Tried {
        let facts = lines.iter().filter_map(|line| fact(line)).collect();
        Tried { expected, facts, broken: None, time: Duration::from_secs(21) }
    }

    const ALL: [&str; 4] = [
        "fact kernel 6.1.0-50-cloud-amd64",
        "fact verified 222125",
        "fact prog_run ok. 37 passed; 0 failed; 0 ignored",
        "fact parity 20000",
    ];

    #[test]
    fn what_is_not_expected_is_wrong() {
        #[track_caller]
        fn check(expected: Expected, lines: &[&str], expect: Option<&str>) {
            assert_eq!(tried(expected, lines).wrong().as_deref(), expect);
        }
        let (everything, refusal) = (Expected::Everything, Expected::Refusal);
        let refused = ["fact kernel 5.10.0", "fact refused this is 5.10; 6.1 or newer is needed"];
        check(everything, &ALL, None);
        check(everything, &ALL[..3], Some("ended without parity"));
        check(everything, &ALL[..2], Some("ended before the tests of the program"));
        check(everything, &[], Some("ended before the tests of the program"));
        let failed = ["fact prog_run FAILED. 36 passed; 1 failed", ALL[3]];
        check(everything, &failed, Some("tests of the program: FAILED. 36 passed; 1 failed"));
        check(everything, &refused, Some("refused: this is 5.10; 6.1 or newer is needed"));
        check(everything, &[ALL[0], "fact broken prog_run ended"], Some("prog_run ended"));
        check(refusal, &refused, None);
        check(refusal, &["fact refused EINVAL"], Some("does not say what or newer is needed: EINVAL"));
        check(refusal, &ALL, Some("not refused, although older than what is needed"));
        check(refusal, &[], Some("ended before the program was loaded"));
    }

    #[test]
    fn a_trial_is_heard_to_its_end() {
        let mut command = Command::new("sh");
        command.args(["-c", "printf 'fact parity 5\\r\\nmore\\n'; exit 3"]);
        let (facts, broken) = listen("here", command, LIMIT).unwrap();
        assert_eq!(facts, BTreeMap::from([("parity".into(), "5".into())]));
        assert_eq!(broken.as_deref(), Some("ended with exit status: 3"));
    }

    #[test]
    fn a_trial_without_an_end_is_ended() {
        let mut command = Command::new("sleep");
        command.arg("infinity");
        let (facts, broken) = listen("here", command, Duration::ZERO).unwrap();
        assert_eq!((facts.len(), broken.as_deref()), (0, Some("not done within 0 minutes")));
    }

    #[test]
    fn a_kernel_that_is_not_offered_is_wrong() {
        let expect = "bullseye: not tried, because the mirror offers no kernel of it";
        assert_eq!(Outcome::not_offered("bullseye").wrong().as_deref(), Some(expect));
    }

    #[test]
    fn a_table_has_a_row_for_each() {
        let outcome = |tried| Outcome { from: "bookworm".into(), tried };
        let refused = ["fact kernel 5.10.0", "fact refused this is 5.10; 6.1 or newer is needed"];
        let outcomes = [
            outcome(Some(tried(Expected::Everything, &ALL))),
            outcome(Some(tried(Expected::Refusal, &refused))),
            outcome(None),
        ];
        let expect = "\
kernel                      from                 verified instructions       tests   queries  seconds
6.1.0-50-cloud-amd64        bookworm                            222125   37 passed     20000       21
5.10.0                      bookworm                           refused           -         -       21
not offered                 bookworm
";
        assert_eq!(table(&outcomes), expect);
    }
}
