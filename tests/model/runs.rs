//! The runs: random steps, and after each of them all access domains for some clients.
//!
//! `GTM_MODEL_STEPS` and `GTM_MODEL_SEED` set how many steps and which.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{self, Write as _};

use gtm_tests::cpu::PinnedGuard;
use gtm_tests::{Random, privilege};

use crate::check::{Asked, Kept};
use crate::client::Client;
use crate::configurations;
use crate::expected::Expected;
use crate::history::{Failure, History, addresses};
use crate::reference::{Reference, domain_name};
use crate::step::Dealer;
use crate::world::{Readers, World};

const SEED: u64 = 1;
const SERVER_STEPS: usize = 1500;
const PROGRAM_STEPS: usize = 400;
/// Kinds of steps: two of verdicts, five overrides of addresses, of addresses of one pool and of pools each, three of access
/// domains, undoing, returning of pools and access domains, restarts, and reloads of three configurations.
const KINDS: usize = 2 + 3 * 5 + 3 + 1 + 2 + 1 + 3;
/// With the program, one in so many restarts and reloads is made.
const NEW_GENERATIONS: usize = 4;
/// Clients that ask after each step.
const ASKING: usize = 3;

#[test]
fn the_server_answers_as_the_reference_does() {
    run("the server", Readers::Server, SERVER_STEPS);
}

#[test]
fn the_program_and_the_server_answer_as_the_reference_does() {
    if !privilege::root_or_skip("the_program_and_the_server_answer_as_the_reference_does") {
        return;
    }
    // Each CPU has turns of its own.
    let _pinned = PinnedGuard::new().unwrap();
    run("the program and the server", Readers::ServerAndProgram, PROGRAM_STEPS);
}

fn run(who: &str, readers: Readers, steps: usize) {
    let (steps, seed) = (number("GTM_MODEL_STEPS", steps), number("GTM_MODEL_SEED", SEED));
    let models = configurations::load();
    let clients = Client::all();
    let mut dealer = Dealer::new(Random::new(seed));
    let mut reference = Reference::new(&models, addresses(&clients));
    let mut world = World::new(&models, readers);
    let (mut kept, mut history) = (Kept::default(), Vec::new());
    let (mut met, mut kinds) = (BTreeMap::<&str, usize>::new(), BTreeSet::new());
    for id in 1..=u64::try_from(steps).unwrap() {
        let mut step = dealer.draw(&reference, &models, id);
        // Each is a program to load, which takes the kernel a second.
        while readers == Readers::ServerAndProgram
            && step.is_new_generation()
            && !dealer.random.one_in(NEW_GENERATIONS)
        {
            step = dealer.draw(&reference, &models, id);
        }
        reference.take(&step);
        world.take(&step);
        kinds.insert(step.kind());
        history.push(step);
        for domain in &reference.model().domains {
            for number in 0..ASKING {
                let client = *dealer.random.pick(&clients);
                let shares = number == 0 && dealer.random.one_in(8);
                *met.entry(kind(&reference.answer(domain, client.address()))).or_default() += 1;
                let asked = Asked { domain, client, shares };
                if let Err(told) = asked.check(&world, &reference, &mut kept) {
                    let failure = Failure { domain: domain_name(domain), client, told };
                    let history = History { models: &models, steps: history };
                    panic!("seed {seed}, step {id}: {}", history.told(&failure));
                }
            }
        }
    }
    let met: Vec<_> = met.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    if steps >= SERVER_STEPS {
        assert_eq!(kinds.len(), KINDS, "not every kind of step is met in {steps}: {kinds:?}");
    }
    // Not `println!`, which the test harness keeps to itself when the test passes.
    writeln!(io::stderr(), "model: {who}, {steps} steps of seed {seed}: {}", met.join(", ")).unwrap();
}

/// What an expected answer counts as.
fn kind((expected, is_good): &(Expected, bool)) -> &'static str {
    match (expected, is_good) {
        (Expected::Records(..), true) => "by policy",
        (Expected::Records(..), false) => "of last resort",
        (Expected::Zone, _) => "of the zone",
        (Expected::NoData | Expected::ServFail | Expected::Refused, _) => "without records",
    }
}

fn number<N: std::str::FromStr>(variable: &str, default: N) -> N {
    let Ok(value) = env::var(variable) else { return default };
    value.parse().unwrap_or_else(|_| panic!("{variable}={value} is no number"))
}
