//! Answer blocks: the resource records of one steered answer, prebuilt, for the kernel and the server alike.

use crate::name::Name;

/// The answer section of one steered answer as bytes, in every rotation.
///
/// The owner of every record is a compression pointer to the QNAME (`c0 0c`), so the block serves any name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Records in one answer; 0 means NODATA.
    pub count: u16,
    /// Length of one answer in bytes; the same in every rotation.
    pub len: u16,
    /// Distance between two rotations in bytes; 0 when there is only one.
    pub step: u16,
    /// The records 0..n followed by 0..n-1 again, so that each rotation is one contiguous piece.
    pub bytes: Box<[u8]>,
    /// The alias target when the answer is a CNAME.
    pub alias: Option<Name>,
}

impl Block {
    /// The answer section of the given turn: `turn` modulo the number of rotations picks the first record.
    pub fn rotation(&self, turn: u32) -> &[u8] {
        let first = if self.step == 0 {
            0
        } else {
            usize::from(self.step) * (turn as usize % usize::from(self.count.max(1)))
        };
        self.bytes.get(first..first + usize::from(self.len)).unwrap_or_default()
    }
}
