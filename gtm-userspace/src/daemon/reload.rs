//! Loading the configuration anew: all of it takes effect, or none.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::events;
use super::loading::{Loaded, Waiting};
use super::service::{CHANGES, Generation, Running, shortage};
use crate::clock;
use crate::config::model::{Check, Verdict};
use crate::config::{Model, Problem};
use crate::decision::comparison::compared;
use crate::decision::{Conditions, Decider};
use crate::event::{Event, EventKind};
use crate::health::CheckState;
use crate::health::scheduler::{Known, first_state, identity};
use crate::inputs::Inputs;
use crate::server::Tables;

impl Running {
    /// Goes over to what was loaded, and answers who waits for it. Whatever cannot be used leaves everything as it was; the
    /// problems are logged and told.
    pub(super) async fn reload(&mut self, loaded: Loaded, waiting: Vec<Waiting>) {
        let result = match loaded {
            Ok(inputs) => self.go_over_to(inputs).await.map_err(|problem| vec![problem]),
            Err(problems) => Err(problems),
        };
        match &result {
            Ok(_) => self.tell(&self.accepted()),
            Err(problems) => {
                for problem in problems {
                    tracing::error!("{problem}");
                }
                self.tell(&refused(problems));
            }
        }
        for waiting in waiting {
            self.answer_reload(&result, waiting);
        }
    }

    async fn go_over_to(&mut self, inputs: Inputs) -> Result<Vec<Problem>, Problem> {
        let Inputs { model, partition, databases, warnings } = inputs;
        let fixed = |key: &str| Problem {
            key: key.to_owned(),
            ..Problem::of_file(&self.config, "cannot change while gtm runs; restart it")
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
        for warning in warnings.iter().map(ToString::to_string).chain(shortage(&model)) {
            tracing::warn!("{warning}");
        }
        // What waits in the old channel names the old checks: it is decided, and logged, while they are known.
        let waiting: Vec<_> = std::iter::from_fn(|| self.changes.try_recv().ok()).collect();
        self.take(&waiting);
        let before = self.decider.conditions();
        let conditions = Conditions {
            verdicts: carry_over(&self.model, &self.health.states(), &model, self.kept.health()),
            memory: before.memory.clone(),
            ..Conditions::default()
        };
        let conditions = conditions.with_overrides(&model, before.forced.list().to_vec());
        let decider = Decider::new(Arc::clone(&model), &partition, conditions);
        let tables = Arc::new(Tables::of(&model, decider.table()));
        if let Some(dataplane) = &mut self.dataplane {
            let service = &model.service;
            tokio::task::block_in_place(|| {
                dataplane.replace(service.xdp_mode, &service.listen, &tables, decider.table())
            })
            .map_err(|error| Problem::of_file(&self.config, error.to_string()))?;
        }
        // From here on nothing can fail.
        self.server.publish(tables);
        self.kept.keep_memory(&self.decider.conditions().memory, &decider.conditions().memory);
        let mut news = compared(&self.decider, &decider);
        self.model = model;
        self.partition = partition;
        self.databases = databases;
        self.decider = decider;
        self.generation = Generation { number: self.generation.number + 1, since: clock::wall() };
        let (sender, channel) = mpsc::channel(CHANGES);
        self.changes = channel;
        let known = self.kept.health();
        self.health.replace(&self.model.checks, &self.model.templates, known, sender).await;
        for event in &mut news {
            event.time = self.generation.since;
        }
        self.tell(&news);
        // What the checks found while the tables were built.
        let states = self.health.states().into_iter().enumerate();
        let found: Vec<_> = states.map(|(index, state)| events::change(index, state)).collect();
        self.take(&found);
        events::serving(&self.model, &self.decider, self.dataplane.as_ref());
        Ok(warnings)
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
