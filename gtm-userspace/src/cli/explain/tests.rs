//! `gtm explain` on the demo configuration, from its arguments to what it prints.

use std::path::Path;

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: ExplainArgs,
}

fn parse(words: &str) -> Result<ExplainArgs, String> {
    let words = ["explain"].into_iter().chain(words.split_whitespace());
    Cli::try_parse_from(words).map(|cli| cli.args).map_err(|error| error.to_string())
}

/// What is printed for these arguments, or what is wrong with them.
fn explain_demo(words: &str) -> Result<String, String> {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/demo/gtm.toml");
    let inputs = Inputs::load(&config).unwrap_or_else(|problems| panic!("{problems:?}"));
    let args = parse(words)?;
    let explanation = explain(&args, &inputs)?;
    Ok(render(&args, &explanation).unwrap())
}

/// The answer alone.
#[track_caller]
fn check(words: &str, expect: &str) {
    let text = explain_demo(words).unwrap_or_else(|error| panic!("{error}"));
    let answer = text.lines().find_map(|line| line.strip_prefix("answer")).map(str::trim);
    assert_eq!(answer, Some(expect), "{text}");
}

#[test]
fn what_is_down_and_who_asks_are_taken_from_the_arguments() {
    check("www.cloud-example.com A --from 1.2.4.8", "223.5.0.1");
    check("WWW.cloud-example.com. a --from 1.64.0.1", "223.6.0.1");
    check("www.cloud-example.com A --from 8.8.8.0/24", "223.7.0.1");
    check("www.cloud-example.com A --from 1.2.4.8 --down 223.5.0.1", "223.6.0.1");
    check("--from 1.64.0.1 --down 223.6.0.1 --down 223.7.0.1 www.cloud-example.com A", "223.5.0.1");
    check("www.cloud-example.com AAAA --from 2404:c800::1 --down 2001:db8:6::1", "2001:db8:7::1");
    check("cloud-example.com NS --from 192.0.2.7", "cloud-example.com. 3600 IN NS ns1.cloud-example.com.");
    check("www.example.net A --from 192.0.2.7", "none: the name is in none of the zones (REFUSED)");
}

#[test]
fn json_is_the_explanation() {
    let text = explain_demo("www.cloud-example.com A --from 1.64.0.1/24 --down 223.6.0.1 --json").unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["name"], "www.cloud-example.com");
    assert_eq!(value["type"], "A");
    assert_eq!(value["client"]["subnet"], "1.64.0.0/24");
    assert_eq!(value["answer"], serde_json::json!(["223.7.0.1"]));
}

#[track_caller]
fn check_bad(words: &str, expect: &str) {
    let error = explain_demo(words).expect_err(words);
    assert!(error.contains(expect), "{error}");
}

#[test]
fn bad_arguments_are_refused_with_what_would_be_right() {
    let asked = "www.cloud-example.com A --from 1.2.4.8";
    check_bad(
        &format!("{asked} --down 223.5.0.2"),
        "--down 223.5.0.2: no pool has it; did you mean \"223.5.0.1\"?",
    );
    check_bad(&format!("{asked} --down site"), "--down site: no pool has it; valid here: \"223.5.0.1\", ");
    check_bad(&format!("{asked} --down a..b"), "empty label");
    check_bad("www.cloud-example.com A --from here", "\"here\" is not an IP address");
    check_bad("www.cloud-example.com A --from 1.2.3.4/0", "allowed 1 to 32");
    check_bad("www.cloud-example.com A", "--from");
    check_bad("www.cloud-example.com ANY --from 1.2.4.8", "not a type of data");
    check_bad("www..com A --from 1.2.4.8", "empty label");
}
