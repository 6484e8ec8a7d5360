//! `gtm check`: is the configuration good?

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use crate::config::Problem;
use crate::inputs::Inputs;

/// Arguments of `gtm check`.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_CONFIG)]
    config: PathBuf,
    /// Prints one JSON object: `errors` and `warnings`, each with `file`, `line`, `key` and `message`.
    #[arg(long)]
    json: bool,
}

/// What was found, as `--json` prints it.
#[derive(Serialize)]
struct Report<'a> {
    errors: &'a [Problem],
    warnings: &'a [Problem],
}

/// Prints every problem and warning, or what was found to be good.
pub(super) fn run(args: &CheckArgs) -> ExitCode {
    let loaded = Inputs::load(&args.config);
    let (errors, warnings) = match &loaded {
        Ok(inputs) => ([].as_slice(), inputs.warnings.as_slice()),
        Err(problems) => (problems.as_slice(), [].as_slice()),
    };
    if args.json {
        match serde_json::to_string_pretty(&Report { errors, warnings }) {
            Ok(json) => super::print(&json),
            Err(error) => {
                super::print_error(&format!("error: the report cannot be written as JSON: {error}"));
                return ExitCode::FAILURE;
            }
        }
    } else {
        super::print_problems("error", errors);
        super::print_problems("warning", warnings);
        if let Ok(inputs) = &loaded {
            super::print(&format!("{}: ok\n{}", args.config.display(), summary(inputs)));
        }
    }
    if loaded.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(super::UNUSABLE_INPUT) }
}

/// How much there is of everything.
fn summary(inputs: &Inputs) -> String {
    let model = &inputs.model;
    let addresses: usize = model.pools.iter().map(|pool| pool.addresses.len()).sum();
    format!(
        "  zones {}, access domains {}, pools {} with {addresses} addresses, checks {}\n  sources {}, classes of clients {} \
         in {} IPv4 and {} IPv6 ranges",
        model.zones.len(),
        model.domains.len(),
        model.pools.len(),
        model.checks.len(),
        model.sources.len(),
        inputs.partition.classes.len(),
        inputs.partition.v4.len(),
        inputs.partition.v6.len(),
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn json_keys_are_stable() {
        let problem = Problem {
            line: Some(3),
            key: "version".into(),
            ..Problem::of_file(Path::new("a.toml"), "wrong")
        };
        let report = serde_json::to_value(Report { errors: &[problem], warnings: &[] });
        let expect = serde_json::json!({
            "errors": [{ "file": "a.toml", "line": 3, "key": "version", "message": "wrong" }],
            "warnings": []
        });
        assert_eq!(report.unwrap(), expect);
    }
}
