//! The dataplane: loads the XDP program, keeps its maps true to the answer table and attaches it. The only place that
//! knows aya.
//!
//! A *generation* is a loaded program with maps of its own. A new one is built beside the one that serves, tried out on
//! sample queries, and then put in its place with one store by the kernel for each interface, so a packet sees the old
//! one or the new one and never a mixture. Whatever fails before that leaves the old one serving.

mod attach;
pub mod counters;
mod error;
mod generation;
mod mapped;
mod names;
mod pages;
mod sample;

use std::net::SocketAddr;

pub use attach::Attachment;
pub use counters::Counters;
pub use error::DataplaneError;
pub use generation::Generation;

use crate::config::model::XdpMode;
use crate::decision::AnswerTable;

/// The program on its interfaces, and the generation that serves now.
#[derive(Debug)]
pub struct Dataplane {
    interfaces: Vec<(String, Attachment)>,
    generation: Generation,
    /// What earlier generations have counted.
    counted: Counters,
}

impl Dataplane {
    /// Loads the first generation and attaches it to every interface; on an error none stays attached.
    pub fn start(
        interfaces: &[String],
        mode: XdpMode,
        listen: &[SocketAddr],
        table: &AnswerTable,
    ) -> Result<Self, DataplaneError> {
        let mut generation = Generation::load(listen, table)?;
        let attach = |interface: &String| Ok((interface.clone(), generation.attach(interface, mode)?));
        let interfaces = interfaces.iter().map(attach).collect::<Result<_, DataplaneError>>()?;
        Ok(Self { interfaces, generation, counted: Counters::default() })
    }

    /// The interfaces the program is attached to, and how.
    pub fn interfaces(&self) -> &[(String, Attachment)] {
        &self.interfaces
    }

    /// Builds a generation for another table and puts it in the place of the one that serves.
    pub fn replace(&mut self, listen: &[SocketAddr], table: &AnswerTable) -> Result<(), DataplaneError> {
        let mut next = Generation::load(listen, table)?;
        for (interface, attachment) in std::mem::take(&mut self.interfaces) {
            let mode = if attachment.native { XdpMode::Native } else { XdpMode::Generic };
            // An exchange that fails takes the old program off as well: put the new one on afresh.
            let attachment =
                next.take_over(&interface, attachment).or_else(|_| next.attach(&interface, mode))?;
            self.interfaces.push((interface, attachment));
        }
        let old = std::mem::replace(&mut self.generation, next);
        // A packet that is under way in the old program while its counters are read here goes uncounted.
        self.counted.add(&old.counters()?);
        Ok(())
    }

    /// Makes a slot answer what the table holds for it now.
    pub fn store(&mut self, table: &AnswerTable, slot: u32) -> Result<(), DataplaneError> {
        self.generation.store(table, slot)
    }

    /// Everything counted since the start.
    pub fn counters(&self) -> Result<Counters, DataplaneError> {
        let mut total = self.counted.clone();
        total.add(&self.generation.counters()?);
        Ok(total)
    }
}
