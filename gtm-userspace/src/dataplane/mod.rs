//! The dataplane: loads the XDP program, keeps its maps true to the answer table and attaches it. The only place that
//! knows aya.
//!
//! A *generation* is a loaded program with maps of its own. A new one is built beside the one that serves, tried out on
//! sample queries, and then put in its place with one store by the kernel for each interface, so a packet sees the old
//! one or the new one and never a mixture. Whatever fails before that leaves the old one serving.

mod alignment;
mod attach;
mod blocks;
pub mod counters;
mod error;
mod generation;
mod kernel;
mod listen;
mod mapped;
mod names;
mod pages;
mod plan;
mod sample;
mod sheets;
mod slots;
mod stores;

use std::net::SocketAddr;
use std::sync::Arc;

pub use attach::Attachment;
pub use counters::Counters;
pub use error::DataplaneError;
pub use generation::Generation;
pub use kernel::{OLDEST_KERNEL, is_older_kernel};

use crate::config::model::XdpMode;
use crate::decision::AnswerTable;
use crate::server::Tables;

/// The program on its interfaces, and the generation that serves now.
#[derive(Debug)]
pub struct Dataplane {
    interfaces: Vec<Interface>,
    generation: Generation,
    /// What earlier generations have counted.
    counted: Counters,
}

/// An interface that the program belongs on.
#[derive(Debug)]
struct Interface {
    name: String,
    /// `None` when it could not take the last generation: it is gone, or another program is on it.
    attachment: Option<Attachment>,
}

impl Dataplane {
    /// Loads the first generation and attaches it to every interface; on an error none stays attached.
    pub fn start(
        interfaces: &[String],
        mode: XdpMode,
        listen: &[SocketAddr],
        tables: &Arc<Tables>,
        table: &AnswerTable,
    ) -> Result<Self, DataplaneError> {
        let mut generation = Generation::load(listen, tables, table)?;
        let attach = |name: &String| {
            let attachment = Some(generation.attach(name, mode)?);
            Ok(Interface { name: name.clone(), attachment })
        };
        let interfaces = interfaces.iter().map(attach).collect::<Result<_, DataplaneError>>()?;
        Ok(Self { interfaces, generation, counted: Counters::default() })
    }

    /// The interfaces the program is attached to, and how.
    pub fn interfaces(&self) -> impl Iterator<Item = (&str, &Attachment)> {
        self.interfaces
            .iter()
            .filter_map(|interface| Some((&*interface.name, interface.attachment.as_ref()?)))
    }

    /// Puts a generation in the place of the one that serves, which is given back: freeing its maps may take a while.
    ///
    /// There is no going back: an interface that does not take it is left without a program until the next one, and the
    /// server answers there.
    pub fn install(&mut self, mode: XdpMode, mut next: Generation) -> Generation {
        for Interface { name, attachment } in &mut self.interfaces {
            let exchanged = attachment.take().and_then(|old| next.take_over(name, old).ok());
            // An exchange that fails takes the old program off as well: put the new one on afresh.
            match exchanged.map_or_else(|| next.attach(name, mode), Ok) {
                Ok(attached) => *attachment = Some(attached),
                Err(error) => {
                    tracing::error!(interface = %name, %error, "program not attached; the server answers here");
                }
            }
        }
        let old = std::mem::replace(&mut self.generation, next);
        // A packet that is under way in the old program while its counters are read here goes uncounted.
        match old.counters() {
            Ok(counters) => self.counted.add(&counters),
            Err(error) => tracing::warn!(%error, "counters of the generation before were lost"),
        }
        old
    }

    /// Makes slots answer what the table holds for them now; [`DataplaneError::BlocksFull`] when some found no room, and are
    /// left to the server.
    pub fn store_all(
        &mut self,
        table: &AnswerTable,
        slots: impl IntoIterator<Item = u32>,
    ) -> Result<(), DataplaneError> {
        self.generation.store_all(table, slots)
    }

    /// Takes the program off every interface, so that the server answers everything there until the next replacement.
    pub fn detach(&mut self) {
        self.interfaces.iter_mut().for_each(|interface| interface.attachment = None);
    }

    /// Everything counted since the start.
    pub fn counters(&self) -> Result<Counters, DataplaneError> {
        let mut total = self.counted.clone();
        total.add(&self.generation.counters()?);
        Ok(total)
    }
}
