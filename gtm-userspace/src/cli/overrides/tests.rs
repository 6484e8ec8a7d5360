//! What is shown of overrides.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: OverrideArgs,
}

#[track_caller]
fn check(words: &[&str], expect: Result<(), &str>) {
    let words = ["override"].iter().chain(words);
    match (Cli::try_parse_from(words).map_err(|error| error.to_string()), expect) {
        (Ok(_), Ok(())) => {}
        (Err(error), Err(expect)) => assert!(error.contains(expect), "{error}"),
        (parsed, _) => panic!("{parsed:?}"),
    }
}

#[test]
fn bad_arguments_are_refused() {
    check(&["down", "223.6.*", "--for", "1h", "--reason", "test"], Ok(()));
    check(&["pin", "www.*", "--pool", "east", "--reason", "x", "--until", "2026-12-31 18:00"], Ok(()));
    check(&["undo", "1", "2"], Ok(()));
    check(&["down", "x"], Err("--reason"));
    check(&["pin", "x", "--reason", "x"], Err("--pool"));
    check(
        &["down", "x", "--reason", "x", "--for", "1h", "--until", "2026-01-01"],
        Err("cannot be used with"),
    );
    check(&["down", "x", "--reason", "x", "--until", "noon"], Err("not a time; write 2026-12-31T18:00:00Z"));
    check(&["down", "x", "--reason", "x", "--kind", "pol"], Err("possible values: address, pool, domain"));
    check(&["undo", "x"], Err("invalid digit"));
    check(&["undo"], Err("<ID>"));
}

#[test]
fn only_yes_is_yes() {
    for yes in ["y\n", "yes", " Y \n", "YES\n"] {
        assert!(is_yes(yes), "{yes:?}");
    }
    for no in ["", "\n", "n\n", "ye\n", "yes please\n"] {
        assert!(!is_yes(no), "{no:?}");
    }
}

#[test]
fn what_would_be_done_is_shown_before() {
    let one = |id, target: &str| Override {
        id,
        object: Object::Address { pool: None, target: target.to_owned() },
        action: Verb::Up,
        pool: None,
        who: "bob".to_owned(),
        reason: "test".to_owned(),
        created: 0,
        expires: None,
    };
    let old = one(7, "192.0.2.1");
    let found = OverrideSet {
        dry_run: true,
        objects: vec![old.object.clone(), Object::Pool { name: "east".to_owned() }],
        overrides: Vec::new(),
        replaced: vec![old],
        expires: Some(1_767_225_600_000),
    };
    let wish = NewOverride {
        pattern: "*".to_owned(),
        kind: None,
        action: Verb::Down,
        pool: None,
        who: "alice".to_owned(),
        reason: "test".to_owned(),
        expires: None,
        lasting: None,
        dry_run: true,
    };
    assert_eq!(
        preview(&wish, &found, &TimeZone::UTC),
        "down, until 2026-01-01 00:00:00:\n  address 192.0.2.1\n  pool east\nin place of override 7: address 192.0.2.1 up"
    );
    let pinned = NewOverride { action: Verb::Pin, pool: Some("east".to_owned()), ..wish };
    let found = OverrideSet { expires: None, replaced: Vec::new(), ..found };
    assert!(preview(&pinned, &found, &TimeZone::UTC).starts_with("pin to pool east, until undone:\n"));
}
