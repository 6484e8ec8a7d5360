//! Loading the configuration anew: all of it takes effect, or none.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinError;

use super::building::{Built, Next, Want};
use super::events;
use super::loading::{Loaded, Waiting};
use super::service::{CHANGES, Generation, Running, drop_beside, shortage};
use crate::clock;
use crate::config::model::{Check, Verdict};
use crate::config::{Model, Problem};
use crate::dataplane;
use crate::decision::Conditions;
use crate::decision::comparison::compared;
use crate::event::{Event, EventKind};
use crate::health::CheckState;
use crate::health::scheduler::{Known, first_state, identity};
use crate::inputs::Inputs;
use crate::server::Tables;

impl Running {
    /// Decides and builds what was loaded beside the loop; the problems of what cannot be used are logged and told at once.
    pub(super) fn reload(&mut self, loaded: Loaded, waiting: Vec<Waiting>) {
        match loaded.and_then(|inputs| self.check_fixed(&inputs.model).map(|()| inputs)) {
            Ok(inputs) => {
                let warnings = inputs.warnings.iter().map(ToString::to_string);
                for warning in warnings.chain(shortage(&inputs.model)) {
                    tracing::warn!("{warning}");
                }
                let conditions = self.conditions_of(&inputs.model);
                self.building.reload(inputs, conditions, waiting, self.kernel());
            }
            Err(problems) => self.end_reload(&Err(problems), waiting),
        }
    }

    /// Goes over to what was loaded and built, and answers who waits for it. Whatever failed leaves everything as it was.
    pub(super) async fn finish_reload(&mut self, built: Result<Built, JoinError>, waiting: Vec<Waiting>) {
        let problem = |error: &dyn std::fmt::Display| vec![Problem::of_file(&self.config, error.to_string())];
        let result = match built {
            Err(error) => Err(problem(&error)),
            Ok(Built { tables, generation, next }) => match (generation.transpose(), next) {
                (Err(error), _) => Err(problem(&error)),
                (Ok(_), None) => Err(problem(&"nothing was loaded")),
                (Ok(generation), Some(next)) => Ok(self.go_over_to(tables, generation, next).await),
            },
        };
        self.end_reload(&result, waiting);
    }

    fn end_reload(&mut self, result: &Result<Vec<Problem>, Vec<Problem>>, waiting: Vec<Waiting>) {
        match result {
            Ok(_) => self.tell(&self.accepted()),
            Err(problems) => {
                for problem in problems {
                    tracing::error!("{problem}");
                }
                self.tell(&refused(problems));
            }
        }
        for waiting in waiting {
            self.answer_reload(result, waiting);
        }
    }

    /// What cannot change is the same.
    fn check_fixed(&self, model: &Model) -> Result<(), Vec<Problem>> {
        let fixed = |key: &str| {
            vec![Problem {
                key: key.to_owned(),
                ..Problem::of_file(&self.config, "cannot change while gtm runs; restart it")
            }]
        };
        if model.service != self.model.service {
            return Err(fixed("service"));
        }
        if model.control != self.model.control {
            return Err(fixed("control"));
        }
        if model.store.file != self.model.store.file {
            return Err(fixed("store.file"));
        }
        Ok(())
    }

    /// What is known now, of another model.
    fn conditions_of(&self, model: &Model) -> Conditions {
        let known = self.decider.conditions();
        let conditions = Conditions {
            verdicts: carry_over(&self.model, &self.health.states(), model, self.kept.health()),
            memory: known.memory.clone(),
            ..Conditions::default()
        };
        conditions.with_overrides(model, known.forced.list().to_vec())
    }

    /// Nothing can fail any more.
    async fn go_over_to(
        &mut self,
        tables: Arc<Tables>,
        generation: Option<dataplane::Generation>,
        next: Next,
    ) -> Vec<Problem> {
        let Next { inputs, mut decider, conditions } = next;
        let Inputs { model, partition, databases, warnings } = inputs;
        // What waits in the old channel names the old checks: it is decided, and logged, while they are known.
        let waiting: Vec<_> = std::iter::from_fn(|| self.changes.try_recv().ok()).collect();
        self.take(&waiting);
        self.building.reloaded();
        let missed = decider.catch_up(&conditions, self.conditions_of(&model));
        if missed.enables() {
            self.building.want(Want::Steering);
        }
        self.kept.keep_memory(&self.decider.conditions().memory, &decider.conditions().memory);
        let mut news = compared(&self.decider, &decider);
        let old = (
            std::mem::replace(&mut self.model, model),
            std::mem::replace(&mut self.partition, partition),
            std::mem::replace(&mut self.databases, databases),
            std::mem::replace(&mut self.decider, decider),
        );
        drop_beside(old);
        self.server.publish(tables);
        if let Some(generation) = generation {
            self.install(generation, missed.switches.iter().map(|switch| switch.slot).collect());
        }
        self.generation = Generation { number: self.generation.number + 1, since: clock::wall() };
        let (sender, channel) = mpsc::channel(CHANGES);
        self.changes = channel;
        let known = self.kept.health();
        self.health.replace(&self.model.checks, &self.model.templates, known, sender).await;
        for event in &mut news {
            event.time = self.generation.since;
        }
        self.tell(&news);
        // What the checks found since.
        let states = self.health.states().into_iter().enumerate();
        let found: Vec<_> = states.map(|(index, state)| events::change(index, state)).collect();
        self.take(&found);
        events::serving(&self.model, &self.decider, self.dataplane.as_ref());
        warnings
    }
}

/// That files were refused; geo data that cannot be used is told apart.
fn refused(problems: &[Problem]) -> Vec<Event> {
    let event = |kind, object: &str, problems: &[&Problem]| {
        let told = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        events::event(kind, object, format!("the running one goes on; problems: {}: {told}", problems.len()))
    };
    let geo: Vec<&Problem> = problems.iter().filter(|problem| problem.key.starts_with("geo.")).collect();
    let all: Vec<&Problem> = problems.iter().collect();
    let geo = (!geo.is_empty()).then(|| event(EventKind::GeoDataRefused, "geo data", &geo));
    geo.into_iter().chain([event(EventKind::ConfigurationRefused, "configuration", &all)]).collect()
}

/// The verdict that each check of the new configuration begins with: that of the old check of the same target under
/// the same rules, else the template's initial one, which may be the last that is known.
fn carry_over(old: &Model, states: &[CheckState], new: &Model, known: &Known) -> Vec<Verdict> {
    let running: HashMap<_, _> = old
        .checks
        .iter()
        .zip(states)
        .map(|(check, state)| (identity(&check.target, old.template(check.template)), state.verdict))
        .collect();
    let verdict = |check: &Check| {
        let template = new.template(check.template);
        let running = running.get(&identity(&check.target, template)).copied();
        running.unwrap_or_else(|| first_state(&check.target, template, known, 0).verdict)
    };
    new.checks.iter().map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::config;
    use crate::config::model::{Initial, Target};
    use crate::health::identity_text;

    fn demo() -> Model {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/demo/gtm.toml");
        config::load(&path).unwrap_or_else(|errors| panic!("{errors}")).model
    }

    /// The demo's six checks, failed and passing in turn, go over to an edited demo: `F` and `P` by new check.
    #[track_caller]
    fn check(edit: impl FnOnce(&mut Model), expect: &str) {
        let (old, mut new) = (demo(), demo());
        edit(&mut new);
        let verdicts = [Verdict::Failed, Verdict::Passing].into_iter().cycle();
        let states: Vec<_> = verdicts
            .take(old.checks.len())
            .map(|verdict| CheckState { verdict, since: 1, last_error: None })
            .collect();
        let letter = |verdict: Verdict| if verdict == Verdict::Passing { 'P' } else { 'F' };
        let carried: String =
            carry_over(&old, &states, &new, &Known::new()).into_iter().map(letter).collect();
        assert_eq!(carried, expect);
    }

    #[test]
    fn the_same_check_keeps_its_verdict() {
        check(|_| {}, "FPFPFP");
        check(|new| new.templates[0].name = "renamed".to_owned(), "FPFPFP");
        check(|new| drop(new.checks.remove(0)), "PFPFP");
        check(|new| new.checks.reverse(), "PFPFPF");
        check(|new| new.checks.push(new.checks[0].clone()), "FPFPFPF");
    }

    #[test]
    fn another_check_begins_with_its_last_verdict_when_its_template_says_so() {
        let (old, mut new) = (demo(), demo());
        new.templates[0].initial = Initial::Last;
        let states = vec![CheckState { verdict: Verdict::Passing, since: 1, last_error: None }; 6];
        let last = CheckState { verdict: Verdict::Failed, since: 1, last_error: None };
        let check = &new.checks[1];
        let known = Known::from([(identity_text(&check.target, new.template(check.template)), last)]);
        let carried = carry_over(&old, &states, &new, &known);
        let mut expect = vec![Verdict::Passing; 6];
        expect[1] = Verdict::Failed;
        assert_eq!(carried, expect);
    }

    #[test]
    fn another_check_begins_with_its_initial_verdict() {
        check(|new| new.templates[0].interval += Duration::from_millis(1), "PPPPPP");
        check(|new| new.templates[0].failures += 1, "PPPPPP");
        check(|new| new.templates[0].initial = Initial::Down, "FFFFFF");
        check(|new| new.checks[0].target = Target::Ip("192.0.2.1".parse().unwrap()), "PPFPFP");
    }
}
