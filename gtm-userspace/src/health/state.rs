//! The verdict on one check: consecutive outcomes of its probes become a verdict. Pure: names no clock, no socket and no
//! runtime.

use crate::config::model::{Template, Verdict};

/// What counts for one check, and how far the probes are from changing it.
///
/// ```text
///  initial = up                                           initial = down
///       │           `failures` bad probes in a row              │
///       ▼        ┌───────────────────────────────────┐          ▼
///  ┌─────────┐   │                                   ▼     ┌────────┐
///  │ Passing │───┘                                   └─────│ Failed │
///  │         │◄──────────────────────────────────┐         │        │
///  └─────────┘                                   └─────────└────────┘
///   a good probe    `successes` good probes in a row   a bad probe
///   ends a run                                         ends a run
///   of bad ones                                        of good ones
/// ```
///
/// The first verdict differs from the initial one, and is a change, or confirms it, and changes nothing: a check that
/// counts as passing and one that was found passing take the same path from there on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    verdict: Verdict,
    /// Latest consecutive outcomes that speak against the verdict.
    against: u32,
}

/// How one probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With an error or without an answer in time.
    Bad,
    /// As the template wants it.
    Good,
}

impl State {
    /// The state before the first probe: the initial verdict counts.
    pub fn new(initial: Verdict) -> Self {
        Self { verdict: initial, against: 0 }
    }

    /// The verdict that counts now.
    pub fn verdict(self) -> Verdict {
        self.verdict
    }

    /// Takes the outcome of the next probe; returns the new verdict when it changed what counts.
    pub fn record(&mut self, outcome: Outcome, template: &Template) -> Option<Verdict> {
        let (supported, needed) = match outcome {
            Outcome::Bad => (Verdict::Failed, template.failures),
            Outcome::Good => (Verdict::Passing, template.successes),
        };
        if supported == self.verdict {
            self.against = 0;
            return None;
        }
        self.against += 1;
        if self.against < needed {
            return None;
        }
        *self = Self::new(supported);
        Some(supported)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::config::model::{CheckKind, Initial};

    fn template(initial: Verdict, failures: u32, successes: u32) -> Template {
        Template {
            name: "ping".to_owned(),
            kind: CheckKind::Ping,
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            failures,
            successes,
            initial: if initial == Verdict::Passing { Initial::Up } else { Initial::Down },
        }
    }

    /// Probes are `+` good and `-` bad; the expected verdict after each is `P` or `F`, lower case when it did not
    /// change.
    #[track_caller]
    fn check(initial: Verdict, failures: u32, successes: u32, probes: &str, expect: &str) {
        let template = template(initial, failures, successes);
        let mut state = State::new(initial);
        let verdicts: String = probes
            .chars()
            .map(|probe| {
                let outcome = if probe == '+' { Outcome::Good } else { Outcome::Bad };
                match (state.record(outcome, &template), state.verdict()) {
                    (Some(Verdict::Passing), Verdict::Passing) => 'P',
                    (Some(Verdict::Failed), Verdict::Failed) => 'F',
                    (None, Verdict::Passing) => 'p',
                    (None, Verdict::Failed) => 'f',
                    (change, counts) => panic!("change to {change:?}, but {counts:?} counts"),
                }
            })
            .collect();
        assert_eq!(verdicts, expect, "after {probes}");
    }

    #[test]
    fn consecutive_outcomes_make_the_verdict() {
        use Verdict::{Failed, Passing};
        check(Passing, 1, 1, "-+-", "FPF");
        check(Passing, 1, 1, "+++", "ppp");
        check(Passing, 3, 2, "---", "ppF");
        check(Passing, 3, 2, "-----", "ppFff");
        check(Passing, 3, 2, "--+--+---", "ppppppppF");
        check(Passing, 3, 2, "---+-++", "ppFfffP");
        check(Passing, 3, 2, "++---", "ppppF");
        check(Passing, 2, 1, "-+--", "pppF");
        check(Failed, 3, 2, "++", "fP");
        check(Failed, 3, 2, "+-++", "fffP");
        check(Failed, 3, 2, "---++", "ffffP");
        check(Failed, 1, 3, "+++-", "ffPF");
    }

    /// The slow way: the latest run of equal outcomes that is long enough gives the verdict, else the initial one does.
    fn reference(outcomes: &[Outcome], template: &Template) -> Verdict {
        for end in (0..outcomes.len()).rev() {
            let last = outcomes[end];
            let run = outcomes[..=end].iter().rev().take_while(|outcome| **outcome == last).count();
            let (verdict, needed) = match last {
                Outcome::Bad => (Verdict::Failed, template.failures),
                Outcome::Good => (Verdict::Passing, template.successes),
            };
            if run >= usize::try_from(needed).unwrap() {
                return verdict;
            }
        }
        template.initial.verdict(None)
    }

    proptest! {
        #[test]
        fn verdict_and_changes_equal_the_slow_reference(
            initial in prop_oneof![Just(Verdict::Failed), Just(Verdict::Passing)],
            failures in 1..5_u32,
            successes in 1..5_u32,
            outcomes in prop::collection::vec(prop_oneof![Just(Outcome::Bad), Just(Outcome::Good)], 0..60),
        ) {
            let template = template(initial, failures, successes);
            let mut state = State::new(initial);
            for end in 0..outcomes.len() {
                let before = state.verdict();
                let change = state.record(outcomes[end], &template);
                let expect = reference(&outcomes[..=end], &template);
                prop_assert_eq!(state.verdict(), expect);
                prop_assert_eq!(change, (expect != before).then_some(expect));
            }
        }
    }
}
