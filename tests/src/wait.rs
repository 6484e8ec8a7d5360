//! Waiting for a condition with a deadline. Nothing in the tests sleeps for a fixed time.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Pause between two looks at a condition: short beside every interval that is waited for.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks at `condition` until it gives a value; an error that says `what` was waited for once `deadline` has passed.
///
/// Looks at least once.
pub fn eventually<T>(deadline: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return Ok(value);
        }
        if start.elapsed() >= deadline {
            bail!("not within {deadline:?}: {what}");
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_first_value() {
        let mut looks = 0;
        let value = eventually(Duration::from_secs(10), "the third look", || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(value.unwrap(), 3);
    }

    #[test]
    fn says_what_did_not_happen() {
        let error = eventually(Duration::ZERO, "rain", || None::<()>).unwrap_err();
        assert_eq!(error.to_string(), "not within 0ns: rain");
    }
}
