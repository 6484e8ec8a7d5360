//! Many queries, each through the program and the server.
//!
//! `GTM_PARITY_QUERIES` and `GTM_PARITY_SEED` set how many and which.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, Write as _};
use std::path::Path;

use gtm_tests::dns::{shown, sorted};
use gtm_tests::service::{Ran, run};
use gtm_tests::{Datagram, Service, privilege};
use gtm_userspace::dataplane::Generation;

use crate::generator::{Case, Generator};

const QUERIES: u64 = 100_000;
const SEED: u64 = 1;

#[test]
fn the_program_answers_as_the_server_does_or_passes() {
    if !privilege::root_or_skip("the_program_answers_as_the_server_does_or_passes") {
        return;
    }
    let (queries, seed) = (number("GTM_PARITY_QUERIES", QUERIES), number("GTM_PARITY_SEED", SEED));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/example.toml");
    let service = Service::load(&path).unwrap();
    let generation = service.generation().unwrap();
    let mut generator = Generator::new(seed, service.decider().table());
    let (mut outcomes, mut plain) = (BTreeMap::<&str, u64>::new(), 0_u64);
    for index in 0..queries {
        let case = generator.next();
        match check(&service, &generation, &case) {
            Ok(Checked { outcome, must_answer }) => {
                *outcomes.entry(outcome).or_default() += 1;
                plain += u64::from(must_answer);
            }
            Err(error) => panic!(
                "{error}\nquery {index} of seed {seed}, from {}:\n{}",
                case.client,
                shown(&case.message)
            ),
        }
    }
    let outcomes: Vec<_> = outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    // Not `println!`, which the test harness keeps to itself when the test passes.
    writeln!(
        io::stderr(),
        "parity: {queries} queries of seed {seed}, {plain} of them plain: {}",
        outcomes.join(", ")
    )
    .unwrap();
    assert!(plain * 4 > queries, "only {plain} of {queries} queries are plain: the generator makes too few");
}

struct Checked {
    outcome: &'static str,
    /// Well-formed, steered, positive and not too large: the program's own.
    must_answer: bool,
}

fn check(service: &Service, generation: &Generation, case: &Case) -> Result<Checked, String> {
    let datagram = service.datagram(case.client, &case.message).map_err(|error| error.to_string())?;
    let frame = datagram.frame().map_err(|error| error.to_string())?;
    let response = service.respond(&case.message, case.client);
    let must_answer = case.is_plain && response.as_deref().is_some_and(is_kernels);
    let (ran, outcome) = run(generation, &frame).map_err(|error| error.to_string())?;
    let outcome = outcome.name();
    match (ran, response) {
        (Ran::Sent(frame), Some(response)) => {
            let sent = Datagram::read(&frame).map_err(|error| format!("{error}, in {frame:02x?}"))?;
            if (Datagram { payload: Vec::new(), ..sent.clone() }) != datagram.reply(Vec::new()) {
                return Err(format!("sent {sent:?}"));
            }
            if sorted(&sent.payload) != sorted(&response) {
                return Err(format!("program:\n{}\nserver:\n{}", shown(&sent.payload), shown(&response)));
            }
        }
        (Ran::Sent(frame), None) => {
            return Err(format!("the server does not answer, the program does: {frame:02x?}"));
        }
        (Ran::Passed, Some(response)) if must_answer => {
            return Err(format!("{outcome}, although the server answers:\n{}", shown(&response)));
        }
        (Ran::Passed, _) => {}
    }
    Ok(Checked { outcome, must_answer })
}

/// Whether an answer is one that the program gives: positive and whole. Aliases into our zones, which it leaves to the
/// server, are followed by more records and so seen by an owner that is not the QNAME.
fn is_kernels(response: &[u8]) -> bool {
    let word = |at: usize| {
        response.get(at..).and_then(|bytes| bytes.first_chunk()).map(|word| u16::from_be_bytes(*word))
    };
    let [flags, answers, authorities] = [2, 6, 8].map(|at| word(at).unwrap_or_default());
    let is_noerror_and_whole = flags & 0x020f == 0;
    is_noerror_and_whole && answers > 0 && authorities == 0 && !leads_into_a_zone(response)
}

/// The one alias of the example that does: its target is `www.example.com`.
fn leads_into_a_zone(response: &[u8]) -> bool {
    response.windows(16).any(|bytes| bytes == b"\x00\x11\x03www\x07example\x03c")
}

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable)
        .map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{variable}={value} is no number")))
}
