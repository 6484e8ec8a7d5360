//! Outside judges: programs of others that say whether we are right.
#![expect(clippy::unwrap_used, reason = "tests may fail, and so may what they share")]

mod zone_files;
