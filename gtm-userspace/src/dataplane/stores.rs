//! Stores to slots, which lie in memory that cannot be mapped: a program of the object does them.

use std::sync::atomic::{Ordering, fence};

use aya::programs::{TestRun as _, TestRunOptions, Xdp};
use gtm_common::abi::{LINE_BYTES, LineRef, MAX_STORES, PageRef, Store, StoreHead, map};
use zerocopy::IntoBytes as _;

use super::DataplaneError;

/// What the program gives when all are stored: `XDP_PASS`.
const STORED: u32 = 2;

/// Stores that are to be done.
#[derive(Debug, Default)]
pub(super) struct Stores(Vec<Store>);

impl Stores {
    /// A slot, by its number from the start of a record, and what it holds from now on.
    pub(super) fn push(&mut self, record: LineRef, number: usize, node: PageRef) {
        // Only with numbers that no sheet has is there a place that the program does not know.
        let slots = LINE_BYTES / u32::try_from(size_of::<PageRef>()).unwrap_or(LINE_BYTES);
        let place = record.line() * slots + u32::try_from(number).unwrap_or(u32::MAX / 2);
        self.0.push(Store { sheet: record.sheet(), place, node });
    }

    /// Does them in their order, each in one piece; whoever sees one sees everything that the daemon has written before. All
    /// that can be done are, before an error is told.
    pub(super) fn run(self, program: &Xdp) -> Result<(), DataplaneError> {
        let run = |stores: &[Store]| {
            let head =
                StoreHead { stores: u32::try_from(stores.len()).unwrap_or_default(), reserved: [0; 3] };
            let packet = [head.as_bytes(), stores.as_bytes()].concat();
            // The program stores on this thread, without an order of its own.
            fence(Ordering::SeqCst);
            let options = TestRunOptions { data_in: Some(&packet), ..TestRunOptions::new() };
            let result = program.test_run(options).map_err(DataplaneError::Verify)?;
            if result.return_value != STORED {
                return Err(DataplaneError::map(map::NAMES, "no such slot"));
            }
            Ok(())
        };
        let mut result = Ok(());
        for stores in self.0.chunks(MAX_STORES) {
            // The kernel may have been short of memory for a moment.
            let stored = run(stores).or_else(|_| run(stores));
            result = result.and(stored);
        }
        result
    }
}
