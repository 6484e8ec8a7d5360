//! The service as the daemon runs it, without its clock and its sockets: the decision, the server's tables, and, as root,
//! the program with its maps.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use gtm_tests::Datagram;
use gtm_tests::service::{XDP_PASS, XDP_TX, run};
use gtm_userspace::config::Model;
use gtm_userspace::config::model::{CheckId, Verdict};
use gtm_userspace::dataplane::{DataplaneError, Generation};
use gtm_userspace::decision::memory::Memory;
use gtm_userspace::decision::overrides::Override;
use gtm_userspace::decision::{Changes, Conditions, Decider};
use gtm_userspace::geo::{self, Databases, Partition};
use gtm_userspace::name::Name;
use gtm_userspace::server::{Tables, Transport, respond};

use crate::reference::CheckName;
use crate::step::{Step, check_name};

/// Port that queries come from.
const CLIENT_PORT: u16 = 40_000;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// The server alone.
    Server,
    /// The server, and the program wherever the answer is one for the kernel.
    ServerAndProgram,
}

/// What serves, and what it was decided from.
pub(crate) struct World {
    configurations: Vec<(Arc<Model>, Partition)>,
    /// Which of them is loaded.
    loaded: usize,
    decider: Decider,
    tables: Arc<Tables>,
    program: Option<Generation>,
}

impl World {
    /// The first configuration, started with nothing known.
    pub(crate) fn new(models: &[Arc<Model>], readers: Readers) -> Self {
        let partition = |model: &Arc<Model>| geo::compile(&model.sources, &Databases::default()).partition;
        let configurations: Vec<_> =
            models.iter().map(|model| (Arc::clone(model), partition(model))).collect();
        let (model, partition) = &configurations[0];
        let conditions = Conditions { verdicts: verdicts(model, &HashMap::new()), ..Conditions::default() };
        let decider = Decider::new(Arc::clone(model), partition, conditions);
        let tables = Arc::new(Tables::of(model, decider.table()));
        let mut world = Self { loaded: 0, decider, tables, program: None, configurations };
        if readers == Readers::ServerAndProgram {
            world.program = Some(world.generation());
        }
        world
    }

    /// Takes a step.
    pub(crate) fn take(&mut self, step: &Step) {
        let model = Arc::clone(self.decider.model());
        match step {
            Step::Verdicts(checks, verdict) => {
                for check in checks {
                    let position = model.checks.iter().position(|known| check_name(&model, known) == *check);
                    if let Some(id) = position.map(CheckId) {
                        let changes = self.decider.set_verdict(id, *verdict);
                        self.apply(&changes);
                    }
                }
            }
            Step::Override(said) => {
                let is_replaced = |other: &Override| {
                    other.object == said.object && other.action.aspect() == said.action.aspect()
                };
                let mut overrides = self.overrides();
                overrides.retain(|other| !is_replaced(other));
                overrides.push(said.clone());
                let changes = self.decider.set_overrides(overrides);
                self.apply(&changes);
            }
            Step::Undo(id) => {
                let mut overrides = self.overrides();
                overrides.retain(|said| said.id != *id);
                let changes = self.decider.set_overrides(overrides);
                self.apply(&changes);
            }
            Step::ReturnNow(object) => {
                let changes = self.decider.return_now(object);
                self.apply(&changes);
            }
            Step::Restart => {
                let entries = self.decider.conditions().memory.entries();
                self.start(self.loaded, Memory::from_entries(entries));
            }
            Step::Reload(configuration) => {
                let memory = self.decider.conditions().memory.clone();
                self.start(*configuration, memory);
            }
        }
    }

    fn overrides(&self) -> Vec<Override> {
        self.decider.conditions().forced.list().to_vec()
    }

    /// Decides a configuration with what is known, and goes over to it.
    fn start(&mut self, configuration: usize, memory: Memory) {
        let before = self.decider.model();
        let names = before.checks.iter().map(|check| check_name(before, check));
        let known = names.zip(self.decider.conditions().verdicts.iter().copied()).collect();
        let (model, partition) = &self.configurations[configuration];
        let conditions = Conditions { verdicts: verdicts(model, &known), memory, ..Conditions::default() };
        let conditions = conditions.with_overrides(model, self.overrides());
        self.decider = Decider::new(Arc::clone(model), partition, conditions);
        self.tables = Arc::new(Tables::of(model, self.decider.table()));
        self.loaded = configuration;
        if self.program.is_some() {
            self.program = Some(self.generation());
        }
    }

    fn apply(&mut self, changes: &Changes) {
        if changes.enables() {
            self.tables = Arc::new(Tables::of(self.decider.model(), self.decider.table()));
            self.program = self.program.is_some().then(|| self.generation());
        }
        let Some(program) = &mut self.program else { return };
        let mut is_full = false;
        for switch in &changes.switches {
            match program.store(self.decider.table(), switch.slot) {
                Err(DataplaneError::BlocksFull) => is_full = true,
                stored => stored.unwrap(),
            }
        }
        if is_full {
            self.program = Some(self.generation());
        }
    }

    fn generation(&self) -> Generation {
        let listen = &self.decider.model().service.listen;
        Generation::load(listen, &self.tables, self.decider.table()).unwrap()
    }

    /// The server's answer.
    pub(crate) fn ask_server(&self, message: &[u8], sender: IpAddr) -> Vec<u8> {
        respond(message, sender, Transport::Udp, &self.tables).expect("an answer").bytes
    }

    /// The program's answer; `None` when there is no program, or when it leaves the query to the server, which it may not
    /// where the answer is for the kernel.
    pub(crate) fn ask_program(
        &self,
        message: &[u8],
        sender: IpAddr,
        (name, qtype, client): (&Name, u16, IpAddr),
    ) -> Result<Option<Vec<u8>>, String> {
        let Some(program) = &self.program else { return Ok(None) };
        let found = self.decider.table().look_up(name, qtype, client);
        let is_for_kernel = found.is_some_and(|found| found.answer.is_always_for_kernel());
        let mut listen = self.decider.model().service.listen.iter();
        let to = listen.find(|address| address.is_ipv4() == sender.is_ipv4()).unwrap();
        let datagram = Datagram::new(SocketAddr::new(sender, CLIENT_PORT), *to, message.to_vec());
        let frame = datagram.frame().unwrap();
        // Without a look at the counters, which takes longer than the run.
        let (verdict, out) = program.run(&frame).map_err(|error| error.to_string())?;
        match (verdict, is_for_kernel) {
            (XDP_TX, _) => {
                Datagram::read(&out).map(|sent| Some(sent.payload)).map_err(|error| error.to_string())
            }
            (XDP_PASS, false) if out == frame => Ok(None),
            _ => {
                let (_, outcome) = run(program, &frame).map_err(|error| error.to_string())?;
                Err(format!("{}, but the answer is for the kernel", outcome.name()))
            }
        }
    }
}

/// The verdict that each check begins with: the known one, else that of its template.
fn verdicts(model: &Model, known: &HashMap<CheckName, Verdict>) -> Vec<Verdict> {
    let verdict = |check| {
        let known = known.get(&check_name(model, check)).copied();
        known.unwrap_or_else(|| model.template(check.template).initial.verdict(None))
    };
    model.checks.iter().map(verdict).collect()
}
