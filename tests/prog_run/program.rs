//! The loaded program, and one line for each case.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;

use gtm_tests::service::{Ran, run};
use gtm_tests::{Datagram, Query, Service, privilege};
use gtm_userspace::config::model::{Target, Verdict};
use gtm_userspace::dataplane::{DataplaneError, Generation};
use gtm_userspace::decision::{Answer, Response, Selection};
use gtm_userspace::name::Name;

/// Clients of class `default`.
pub(crate) const V4: &str = "192.0.2.1";
pub(crate) const V6: &str = "2001:db8:1::1";

/// The program with the table of one configuration.
pub(crate) struct Program {
    pub(crate) service: Service,
    generation: Generation,
}

impl Program {
    pub(crate) fn new(service: Service) -> Self {
        let generation = service.generation().unwrap();
        Self::of(service, generation)
    }

    /// The same that was loaded already.
    pub(crate) fn of(service: Service, generation: Generation) -> Self {
        Self { service, generation }
    }

    /// The program with the example configuration, for one test at a time; `None` skips the test that runs.
    pub(crate) fn example() -> Option<MutexGuard<'static, Self>> {
        static EXAMPLE: LazyLock<Mutex<Program>> = LazyLock::new(|| Mutex::new(Program::own_example()));
        // A failed case leaves the program as it was.
        can_run().then(|| EXAMPLE.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same for one test alone, which has made sure that it can run.
    pub(crate) fn own_example() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/example.toml");
        Self::new(Service::load(&path).unwrap())
    }

    /// Takes a verdict and stores the slots that it changes.
    pub(crate) fn set_verdict(&mut self, address: &str, verdict: Verdict) {
        let changed = self.service.set_verdict(address.parse().unwrap(), verdict);
        self.store_all(changed);
    }

    /// Stores slots of the table, which have room.
    pub(crate) fn store_all(&mut self, slots: impl IntoIterator<Item = u32>) {
        self.generation.store_all(self.service.decider().table(), slots).unwrap();
    }

    /// Gives the first slot of a name one new address after the other, until the program's maps have no room for another.
    pub(crate) fn fill(&mut self, name: &str) {
        let table = self.service.decider().table();
        let slot = table.names[&name.parse::<Name>().unwrap()][0].slot;
        for address in 0..1_u32 << 20 {
            let selection = Selection::Target(Target::Ip(Ipv4Addr::from_bits(address).into()));
            let response = Response::Answer { selection, max_answers: None };
            let answer = Answer::compile(&response, 60, |_| false);
            table.slots[usize::try_from(slot).unwrap()].store(Arc::new(answer));
            match self.generation.store(table, slot) {
                Err(DataplaneError::BlocksFull) => return,
                stored => stored.unwrap(),
            }
        }
        panic!("there is always room");
    }

    /// Key of the name hash.
    pub(crate) fn hash_key(&self) -> u64 {
        self.generation.hash_key()
    }

    pub(crate) fn datagram(&self, from: &str, message: &[u8]) -> Datagram {
        self.service.datagram(from.parse().unwrap(), message).unwrap()
    }

    /// Asks in the words of [`Query`]. Expected is an outcome, such as `passed_bad_edns`, or an answer: its records and, with
    /// ECS, `scope N`; or `server` for the bytes that the server answers.
    #[track_caller]
    pub(crate) fn check(&self, from: &str, query: &str, expect: &str) {
        let query: Query = query.parse().unwrap();
        self.check_query(from, &query, expect);
    }

    /// The same from clients of both families.
    #[track_caller]
    pub(crate) fn check_both(&self, query: &str, expect: &str) {
        self.check(V4, query, expect);
        self.check(V6, query, expect);
    }

    #[track_caller]
    pub(crate) fn check_query(&self, from: &str, query: &Query, expect: &str) {
        let datagram = self.datagram(from, &query.bytes());
        let (records, scope) = expect.split_once(" scope ").unwrap_or((expect, "0"));
        let expect = if expect == "server" {
            Ok(self.service.respond(&query.bytes(), from.parse().unwrap()).unwrap())
        } else if expect.starts_with("passed_") {
            Err(expect)
        } else {
            let records: Vec<_> = records.split_whitespace().map(Into::into).collect();
            Ok(query.answer(&records, scope.parse().unwrap()))
        };
        self.check_frame(&datagram, &datagram.frame().unwrap(), expect);
    }

    /// Runs a frame that holds the datagram: it gets this answer, or is passed with this outcome.
    #[track_caller]
    pub(crate) fn check_frame(&self, datagram: &Datagram, frame: &[u8], expect: Result<Vec<u8>, &str>) {
        let expect = expect.map(|answer| datagram.reply(answer));
        match (self.run(frame), expect) {
            (Ok(sent), Ok(expect)) => assert_eq!(sent, expect),
            (Err(outcome), Err(expect)) => assert_eq!(outcome, expect),
            (ran, expect) => panic!("{ran:?}, not {expect:?}"),
        }
    }

    /// Runs a frame that must be passed with this outcome.
    #[track_caller]
    pub(crate) fn check_passed(&self, frame: &[u8], expect: &str) {
        assert_eq!(self.run(frame), Err(expect));
    }

    /// The datagram that is sent, or the outcome with which the frame is passed.
    #[track_caller]
    pub(crate) fn run(&self, frame: &[u8]) -> Result<Datagram, &'static str> {
        let (ran, outcome) = run(&self.generation, frame).unwrap();
        match ran {
            Ran::Sent(frame) => Ok(Datagram::read(&frame).unwrap()),
            Ran::Passed => Err(outcome.name()),
        }
    }
}

/// Whether the test that runs can load programs.
pub(crate) fn can_run() -> bool {
    privilege::root_or_skip(thread::current().name().unwrap_or("a test of the program"))
}
