//! The clock: the only reader of time. Tests stop it and move it by hand through tokio.

use tokio::time::Instant;

/// The time now, for measuring what has passed.
pub fn now() -> Instant {
    Instant::now()
}
