//! Wishes against a model of one pool.

use super::*;
use crate::config::model::{Address, Pool, PoolKind, Target};

/// 2026-01-01 00:00 UTC.
const NOW: u64 = 1_767_225_600_000;

fn model() -> Model {
    let address = |text: &str, ordinal| Address::new(Target::Ip(text.parse().unwrap()), ordinal);
    let addresses = vec![address("192.0.2.1", 1), address("192.0.2.2", 2)];
    Model {
        pools: vec![Pool { addresses, ..Pool::new("site".to_owned(), PoolKind::Ipv4) }],
        ..Model::default()
    }
}

fn wish() -> NewOverride {
    NewOverride {
        pattern: "192.0.2.1".to_owned(),
        kind: None,
        action: Verb::Down,
        pool: None,
        who: "alice".to_owned(),
        reason: "maintenance".to_owned(),
        expires: None,
        lasting: None,
        dry_run: false,
    }
}

fn held(id: u64, target: &str, action: Action) -> Override {
    let object = Object::Address { pool: None, target: target.to_owned() };
    Override { id, object, action, who: "bob".into(), reason: "test".into(), created: 1, expires: None }
}

/// The ids that are set and replaced, as `set 7 8, replaced 1`, or what is wrong.
fn planned(edit: impl FnOnce(&mut NewOverride)) -> String {
    let mut wish = wish();
    edit(&mut wish);
    let held = [
        held(1, "192.0.2.1", Action::Up),
        held(2, "192.0.2.1", Action::Disable),
        held(3, "192.0.2.2", Action::Up),
    ];
    let mut last = 6;
    let ids = || {
        last += 1;
        last
    };
    let shown = |overrides: &[Override]| {
        overrides.iter().map(|one| [" ".to_owned(), one.id.to_string()].concat()).collect::<String>()
    };
    match set(&model(), &held, &wish, NOW, ids) {
        Ok(plan) => {
            let until = plan.expires.map(|expires| format!(", for {} ms", expires - NOW)).unwrap_or_default();
            format!("set{}, replaced{}{until}", shown(&plan.set), shown(&plan.replaced))
        }
        Err(error) => format!("{:?}: {error}", error.code),
    }
}

#[track_caller]
fn check(edit: impl FnOnce(&mut NewOverride), expect: &str) {
    assert_eq!(planned(edit), expect);
}

#[test]
fn a_later_override_takes_the_place_of_one_about_the_same() {
    check(|_| (), "set 7, replaced 1");
    check(|wish| wish.pattern = "192.0.2.*".into(), "set 7 8, replaced 1 3");
    check(|wish| wish.action = Verb::Enable, "set 7, replaced 2");
    check(|wish| wish.pattern = "site".into(), "set 7, replaced");
    check(|wish| wish.dry_run = true, "set, replaced 1");
}

#[test]
fn an_expiry_lies_ahead() {
    check(|wish| wish.lasting = Some("1h".into()), "set 7, replaced 1, for 3600000 ms");
    check(|wish| wish.expires = Some(NOW + 1), "set 7, replaced 1, for 1 ms");
    let past = "InvalidValue: the expiry 2025-12-31T23:59:59Z is in the past; it is 2026-01-01T00:00:00Z now";
    check(|wish| wish.expires = Some(NOW - 1000), past);
    check(
        |wish| wish.expires = Some(NOW),
        "InvalidValue: the expiry 2026-01-01T00:00:00Z is in the past; it is 2026-01-01T00:00:00Z now",
    );
    check(
        |wish| wish.expires = Some(u64::MAX),
        "InvalidValue: the expiry 18446744073709551615 ms is more than ten years from now; leave it out for an override \
         that holds until it is undone",
    );
    check(
        |wish| {
            wish.expires = Some(NOW + 1);
            wish.lasting = Some("1h".into());
        },
        "InvalidValue: both \"expires\" and \"for\" are given; one is enough",
    );
    let allowed = "allowed are a number and a unit, like \"30m\", \"1h\" or \"7d\", up to ten years";
    check(
        |wish| wish.lasting = Some("soon".into()),
        &format!("InvalidValue: for \"soon\": not a duration; {allowed}"),
    );
    check(
        |wish| wish.lasting = Some("0s".into()),
        &format!("InvalidValue: for \"0s\": out of range; {allowed}"),
    );
    check(
        |wish| wish.lasting = Some("999999h".into()),
        &format!("InvalidValue: for \"999999h\": out of range; {allowed}"),
    );
}

#[test]
fn who_why_and_what_must_be_said() {
    check(|wish| wish.who = " ".into(), "InvalidValue: who is empty; allowed are 1 to 64 characters");
    check(
        |wish| wish.reason = "x".repeat(501),
        "InvalidValue: reason has 501 characters; allowed are 1 to 500",
    );
    check(
        |wish| wish.reason = "a\nb".into(),
        "InvalidValue: reason \"a\\nb\" has control characters; it must be one line of text",
    );
    check(|wish| wish.action = Verb::Pin, "InvalidValue: \"pin\" needs the pool to pin to");
    check(
        |wish| wish.pool = Some("site".into()),
        "InvalidValue: pool \"site\" with \"down\": a pool goes with \"pin\" only",
    );
    check(
        |wish| wish.pattern = "192.0.2.3".into(),
        "NoSuchObject: no address or pool matches \"192.0.2.3\"; did you mean \"192.0.2.1\"?",
    );
}

#[track_caller]
fn check_undo(ids: &[u64], id: u64, expect: &str) {
    let held: Vec<_> = ids.iter().map(|id| held(*id, "192.0.2.1", Action::Up)).collect();
    let shown = match undo(&held, id) {
        Ok(one) => one.id.to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(shown, expect);
}

#[test]
fn only_what_holds_can_be_undone() {
    check_undo(&[1, 12], 12, "12");
    check_undo(&[1, 12], 13, "no override has the id 13; valid here: 1, 12");
    check_undo(&[], 13, "no override has the id 13; none holds");
}
