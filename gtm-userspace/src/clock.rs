//! The clock: the only reader of time. Tests stop it and move it by hand through tokio.

use std::time::SystemTime;

use tokio::time::Instant;

/// The time now, for measuring what has passed.
pub fn now() -> Instant {
    Instant::now()
}

/// The time of the day, in milliseconds since 1970 (UTC): for people and for what outlives the process. It may jump.
pub fn wall() -> u64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}
