//! What becomes of a generation while the world changes: it is built from answers of one time, and brought up to date.

use std::sync::Arc;

use gtm_tests::Service;
use gtm_userspace::config::model::Verdict;
use gtm_userspace::dataplane::Generation;
use gtm_userspace::server::Tables;

use crate::program::{Program, V4, can_run};

/// More than there is room for, were each written anew.
const FLIPS: usize = 20_000;
const NAMES: [&str; 4] = ["one.example", "two.example", "alias.example", "x.wild.example"];

/// Two access domains over one pool of two addresses, and aliases that lead to one of them.
fn service() -> Service {
    let config = "version = 1\n[service]\nlisten = ['198.51.100.53', '2001:db8::53']\ninterfaces = ['none']\n\
         [zone.'example']\nfile = 'zone'\n[template.ping]\nkind = 'ping'\n\
         [pool.both]\nkind = 'ipv4'\ntemplates = ['ping']\n\
         [[pool.both.address]]\naddress = '192.0.2.1'\nordinal = 1\n\
         [[pool.both.address]]\naddress = '192.0.2.2'\nordinal = 2\n\
         [[domain]]\nname = 'one.example'\ntype = 'A'\npolicy = 'ordinal'\n[[domain.pool]]\npool = 'both'\nordinal = 1\n\
         [[domain]]\nname = 'two.example'\ntype = 'A'\npolicy = 'ordinal'\n[[domain.pool]]\npool = 'both'\nordinal = 1\n";
    let zone = "$ORIGIN example.\n$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n\
         alias CNAME one\n*.wild CNAME two\n";
    Service::from_text(config, zone).unwrap()
}

/// Every name is answered by the program, as by the server, and what is answered to the first is this address.
#[track_caller]
fn check(program: &Program, address: &str) {
    program.check_both("one.example A", address);
    for name in NAMES {
        program.check_both(&format!("{name} A"), "server");
    }
}

#[test]
fn all_slots_are_stored_at_once() {
    if !can_run() {
        return;
    }
    let mut program = Program::new(service());
    check(&program, "192.0.2.1");
    program.set_verdict("192.0.2.1", Verdict::Failed);
    check(&program, "192.0.2.2");
    program.set_verdict("192.0.2.1", Verdict::Passing);
    check(&program, "192.0.2.1");
}

#[test]
fn what_changed_while_it_was_built_is_answered_once_it_is_stored() {
    if !can_run() {
        return;
    }
    let mut service = service();
    let table = Arc::clone(service.decider().table());
    let frozen = Arc::new(table.frozen());
    let still = Arc::new(Tables::of(service.model(), &frozen));
    let changed = service.set_verdict("192.0.2.1".parse().unwrap(), Verdict::Failed);
    assert_eq!(changed, [0, 1]);
    let mut generation = Generation::load(&service.model().service.listen, &still, &frozen).unwrap();
    generation.follow(&Arc::new(still.following(&table)));
    let mut program = Program::of(service, generation);
    program.check(V4, "one.example A", "192.0.2.1");
    program.store_all(changed);
    check(&program, "192.0.2.2");
}

#[test]
fn an_answer_that_comes_back_takes_no_room() {
    if !can_run() {
        return;
    }
    let mut program = Program::new(service());
    for _ in 0..FLIPS {
        program.set_verdict("192.0.2.1", Verdict::Failed);
        program.set_verdict("192.0.2.1", Verdict::Passing);
    }
    check(&program, "192.0.2.1");
}
