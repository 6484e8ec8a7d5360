//! Building generations beside the loop: verdicts and requests go on being decided, and answered by the generation that
//! serves, which is brought up to date with the new one before the new one takes its place.
//!
//! ```text
//!            want, reload                built
//!   idle ───────────────────> building ─────────> idle
//!    ^  │ failed: a pause, then again     │
//!    └──┘ <───────────────────────────────┘
//! ```

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::loading::Waiting;
use crate::config::Model;
use crate::control::Written;
use crate::dataplane::{DataplaneError, Generation};
use crate::decision::{AnswerTable, Conditions, Decider};
use crate::inputs::Inputs;
use crate::server::Tables;

/// Longest pause between two attempts, in ticks.
const LONGEST_PAUSE: u32 = 64;

/// What is being built, what is wanted next, and who waits for it.
#[derive(Default)]
pub(super) struct Building {
    task: Option<(JoinHandle<Built>, Purpose)>,
    /// Slots that were decided otherwise since it was begun.
    changed: Vec<u32>,
    /// Answers to requests that are in force with what is being built.
    waiting: Vec<Held>,
    /// What is wanted after that.
    wanted: Option<Want>,
    /// Those that are in force with what is wanted.
    waiting_next: Vec<Held>,
    /// True where what is steered has changed since anything was begun that takes it in.
    is_asked: bool,
    /// Ticks until it is tried again.
    pause: u32,
    /// The last pause.
    last_pause: u32,
}

/// Why another generation is wanted; the greater reason counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Want {
    /// This one has no room for new answers; what found none is left to the server.
    Room,
    /// Other names are steered than it says.
    Steering,
}

/// The answer to a request that is not yet in force.
pub(super) struct Held {
    pub(super) written: Written,
    pub(super) reply: oneshot::Sender<Written>,
}

/// What something is built for.
pub(super) enum Purpose {
    /// For what serves.
    Serving(Want),
    /// For what was loaded, and who waits for it.
    Loaded(Vec<Waiting>),
}

/// What was built.
pub(super) struct Built {
    /// What the server answers from.
    pub(super) tables: Arc<Tables>,
    /// None where there is no XDP.
    pub(super) generation: Option<Result<Generation, DataplaneError>>,
    /// The decision over what was loaded, if it is for that.
    pub(super) next: Option<Next>,
}

/// The decision over what was loaded.
pub(super) struct Next {
    pub(super) inputs: Inputs,
    pub(super) decider: Decider,
    /// What it was decided from.
    pub(super) conditions: Conditions,
}

/// All that came of building.
pub(super) struct Finished {
    /// An error is a defect: the daemon goes on with what it has.
    pub(super) built: Result<Built, JoinError>,
    pub(super) purpose: Purpose,
    /// Slots that were decided otherwise meanwhile.
    pub(super) changed: Vec<u32>,
}

/// Whether the kernel answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    /// It does, or is to.
    On,
    /// There is no XDP.
    Off,
}

impl Building {
    /// Wants another generation from what serves.
    pub(super) fn want(&mut self, want: Want) {
        if want == Want::Steering {
            // Somebody asked for it.
            self.is_asked = true;
            self.pause = 0;
        }
        self.wanted = self.wanted.max(Some(want));
    }

    /// True while a change of what is steered is not yet in force.
    pub(super) fn is_due(&self) -> bool {
        let is_built = matches!(self.task, Some((_, Purpose::Serving(Want::Steering))));
        is_built || self.is_asked || !self.waiting.is_empty()
    }

    /// Gives this answer once everything that is wanted so far is in force.
    pub(super) fn hold(&mut self, held: Held) {
        let is_next = self.wanted == Some(Want::Steering) || !self.waiting_next.is_empty();
        if is_next { self.waiting_next.push(held) } else { self.waiting.push(held) }
    }

    /// Notes slots that are decided otherwise: what is being built may have what they were before.
    pub(super) fn note(&mut self, slots: impl IntoIterator<Item = u32>) {
        if self.task.is_some() {
            self.changed.extend(slots);
        }
    }

    /// True when nothing is being built.
    pub(super) fn is_idle(&self) -> bool {
        self.task.is_none()
    }

    /// Begins with what is wanted, if that is due and nothing is being built.
    pub(super) fn go_on(&mut self, model: &Arc<Model>, table: &Arc<AnswerTable>, kernel: Kernel) {
        if self.task.is_some() || self.pause > 0 {
            return;
        }
        if let Some(want) = self.wanted.take() {
            self.begin();
            let (model, table) = (Arc::clone(model), Arc::clone(table));
            let task = spawn_blocking(move || build(&model, &table, kernel, None));
            self.task = Some((task, Purpose::Serving(want)));
        }
    }

    /// What is wanted is being built from now on, for those who wait for it.
    fn begin(&mut self) {
        self.is_asked = false;
        self.waiting.append(&mut self.waiting_next);
    }

    /// Decides and builds what was loaded; nothing is being built.
    pub(super) fn reload(
        &mut self,
        inputs: Inputs,
        conditions: Conditions,
        waiting: Vec<Waiting>,
        kernel: Kernel,
    ) {
        let task = spawn_blocking(move || {
            let model = Arc::clone(&inputs.model);
            let decider = Decider::new(Arc::clone(&model), &inputs.partition, conditions.clone());
            let table = Arc::clone(decider.table());
            build(&model, &table, kernel, Some(Next { inputs, decider, conditions }))
        });
        self.task = Some((task, Purpose::Loaded(waiting)));
    }

    /// What came of it; for ever when nothing is being built. Nothing is lost when it is not waited for any longer.
    pub(super) async fn finished(&mut self) -> Finished {
        let Some((task, _)) = &mut self.task else { return std::future::pending().await };
        let built = task.await;
        let purpose = self.task.take().map_or(Purpose::Serving(Want::Room), |(_, purpose)| purpose);
        Finished { built, purpose, changed: std::mem::take(&mut self.changed) }
    }

    /// The new generation serves: what was wanted of the old one is no longer, but for what is steered otherwise since the
    /// new one was begun.
    pub(super) fn succeeded(&mut self) {
        self.last_pause = 0;
        self.wanted = self.wanted.filter(|wanted| *wanted == Want::Steering);
    }

    /// What was loaded serves, brought up to date: nothing that was wanted before is any longer.
    pub(super) fn reloaded(&mut self) {
        self.succeeded();
        self.wanted = None;
        self.is_asked = false;
    }

    /// It failed: it is tried again after a pause, which grows; at once where somebody asked for something meanwhile.
    pub(super) fn failed(&mut self, want: Want) {
        self.last_pause = (2 * self.last_pause).clamp(1, LONGEST_PAUSE);
        self.pause = if self.is_asked { 0 } else { self.last_pause };
        self.wanted = self.wanted.max(Some(want));
    }

    /// Those whose change is in force now: a new generation serves, or the server answers everything.
    pub(super) fn in_force(&mut self) -> Vec<Held> {
        let mut held = std::mem::take(&mut self.waiting);
        if self.wanted != Some(Want::Steering) {
            held.append(&mut self.waiting_next);
        }
        held
    }

    /// A tick of the pause.
    pub(super) fn tick(&mut self) {
        self.pause = self.pause.saturating_sub(1);
    }
}

/// Makes the tables, and the generation, from the answers as they are now: names that are steered now, or no longer, exist
/// in their zones otherwise than before.
fn build(model: &Model, table: &Arc<AnswerTable>, kernel: Kernel, next: Option<Next>) -> Built {
    let frozen = Arc::new(table.frozen());
    let still = Arc::new(Tables::of(model, &frozen));
    let tables = Arc::new(still.following(table));
    let generation = (kernel == Kernel::On).then(|| {
        let mut generation = Generation::load(&model.service.listen, &still, &frozen)?;
        generation.follow(&tables);
        Ok(generation)
    });
    Built { tables, generation, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_it_serves_again() {
        let mut building = Building::default();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            building.failed(Want::Room);
            pauses.push(building.pause);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
        building.succeeded();
        building.failed(Want::Room);
        assert_eq!(building.pause, 1);
        building.tick();
        assert_eq!(building.pause, 0);
    }

    #[test]
    fn what_somebody_asked_for_while_another_failed_is_tried_at_once() {
        let mut building = Building::default();
        building.want(Want::Steering);
        building.failed(Want::Room);
        assert_eq!((building.pause, building.wanted), (0, Some(Want::Steering)));
    }

    #[test]
    fn a_change_is_due_until_it_is_in_force() {
        let mut building = Building::default();
        building.want(Want::Room);
        assert!(!building.is_due());
        building.want(Want::Steering);
        assert!(building.is_due());
        let (reply, _answer) = oneshot::channel();
        let written = Written { status: 200, body: String::new(), done: crate::control::Done::Now };
        building.hold(Held { written, reply });
        assert!(building.in_force().is_empty(), "not yet");
        building.wanted = None;
        building.begin();
        assert!(building.is_due());
        assert_eq!(building.in_force().len(), 1);
        assert!(!building.is_due());
    }

    #[test]
    fn what_somebody_asked_for_is_tried_at_once() {
        let mut building = Building::default();
        building.failed(Want::Room);
        building.want(Want::Room);
        assert_eq!(building.pause, 1);
        building.want(Want::Steering);
        assert_eq!((building.pause, building.wanted), (0, Some(Want::Steering)));
    }
}
