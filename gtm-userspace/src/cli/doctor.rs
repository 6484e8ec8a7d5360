//! `gtm doctor`: is this host set up for the packet path?

use std::path::PathBuf;
use std::process::ExitCode;

use super::style::{DIM, DOUBTFUL, GOOD, styled};
use super::table::{Cell, Table};
use crate::config;
use crate::config::model::XdpMode;
use crate::doctor::{Finding, Root, Verdict, examine};

/// Arguments of `gtm doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct DoctorArgs {
    /// The interfaces; without any, those of the configuration.
    #[arg(value_name = "INTERFACE")]
    interfaces: Vec<String>,
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_CONFIG)]
    config: PathBuf,
    /// Prints one JSON array: `interface`, `what`, `found`, `verdict`, `right` and `command` of each finding.
    #[arg(long)]
    json: bool,
}

/// Prints what was found; the exit code says whether something should be changed.
pub(super) fn run(args: &DoctorArgs) -> ExitCode {
    match findings(args) {
        Ok(findings) => told(&findings, args.json),
        Err(code) => code,
    }
}

fn findings(args: &DoctorArgs) -> Result<Vec<Finding>, ExitCode> {
    let root = Root::new("/");
    if !args.interfaces.is_empty() {
        return Ok(examine(&root, &args.interfaces, XdpMode::Auto));
    }
    let loaded = config::load(&args.config).map_err(|errors| {
        super::print_problems("error", &errors.problems);
        ExitCode::from(super::UNUSABLE_INPUT)
    })?;
    let service = &loaded.model.service;
    Ok(examine(&root, &service.interfaces, service.xdp_mode))
}

fn told(findings: &[Finding], json: bool) -> ExitCode {
    if json {
        if let Err(code) = super::print_json(&findings) {
            return code;
        }
    } else {
        super::print(&text(findings));
    }
    let is_right = findings.iter().all(|finding| finding.verdict != Verdict::Change);
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All findings as a table, then what to type.
fn text(findings: &[Finding]) -> String {
    let mut table = Table::new(&["", "WHERE", "WHAT", "FOUND", "RIGHT"]);
    for finding in findings {
        let verdict = match finding.verdict {
            Verdict::Right => Cell::new(GOOD, "ok"),
            Verdict::Change => Cell::new(DOUBTFUL, "change"),
            Verdict::Unknown => Cell::new(DIM, "?"),
        };
        let place = finding.interface.clone().unwrap_or_else(|| "host".to_owned());
        let right = finding.right.clone().unwrap_or_default();
        table.row([verdict, place.into(), finding.what.into(), finding.found.clone().into(), right.into()]);
    }
    let commands: Vec<&str> = findings.iter().filter_map(|finding| finding.command.as_deref()).collect();
    if commands.is_empty() {
        return table.to_string();
    }
    format!("{table}\n\n{}\n  {}", styled(DIM, "to change it:"), commands.join("\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(verdict: Verdict, command: Option<&str>) -> Finding {
        let (interface, found) = (Some("eth0".to_owned()), "256".to_owned());
        let (right, command) = (command.map(|_| "1024".to_owned()), command.map(str::to_owned));
        Finding { interface, what: "receive ring", found, verdict, right, command }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_remedy() {
        let findings =
            [finding(Verdict::Right, None), finding(Verdict::Change, Some("ethtool -G eth0 rx 1024"))];
        let shown = anstream::adapter::strip_str(&text(&findings)).to_string();
        let expect = "        WHERE  WHAT          FOUND  RIGHT
ok      eth0   receive ring  256
change  eth0   receive ring  256    1024

to change it:
  ethtool -G eth0 rx 1024";
        assert_eq!(shown, expect);
    }

    #[test]
    fn the_exit_code_says_whether_something_should_be_changed() {
        #[track_caller]
        fn check(verdict: Verdict, expect: ExitCode) {
            let code = told(&[finding(Verdict::Right, None), finding(verdict, None)], true);
            assert_eq!(format!("{code:?}"), format!("{expect:?}"), "{verdict:?}");
        }
        check(Verdict::Right, ExitCode::SUCCESS);
        check(Verdict::Unknown, ExitCode::SUCCESS);
        check(Verdict::Change, ExitCode::FAILURE);
    }

    #[test]
    fn json_keys_are_stable() {
        let shown = serde_json::to_value(finding(Verdict::Change, Some("x"))).unwrap();
        let expect = serde_json::json!({ "interface": "eth0", "what": "receive ring", "found": "256", "verdict": "change",
            "right": "1024", "command": "x" });
        assert_eq!(shown, expect);
    }
}
