//! Answers per second: what was counted lately.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How far back "lately" reaches.
const WINDOW: Duration = Duration::from_secs(10);
/// What is due more seldom than a sample is due after so many of them: an hour, at one a second.
const SELDOM: u64 = 3600;

/// Samples of what kernel and server have answered.
#[derive(Debug)]
pub(super) struct Rates {
    samples: VecDeque<Sample>,
    taken: u64,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    time: Instant,
    kernel: u64,
    server: u64,
}

impl Rates {
    /// Nothing has been answered yet.
    pub(super) fn start(time: Instant) -> Self {
        Self { samples: VecDeque::from([Sample { time, kernel: 0, server: 0 }]), taken: 0 }
    }

    /// Takes a sample of both counters; true for the first one and then once an hour.
    pub(super) fn sample(&mut self, time: Instant, kernel: u64, server: u64) -> bool {
        self.samples.push_back(Sample { time, kernel, server });
        let is_old = |sample: &Sample| time.duration_since(sample.time) > WINDOW;
        // The one just outside the window is its beginning.
        while self.samples.get(1).is_some_and(is_old) {
            self.samples.pop_front();
        }
        self.taken += 1;
        self.taken % SELDOM == 1
    }

    /// Answers per second by the kernel and by the server.
    pub(super) fn per_second(&self) -> (f64, f64) {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return (0.0, 0.0);
        };
        let seconds = last.time.duration_since(first.time).as_secs_f64();
        let rate = |before: u64, now: u64| {
            let counted = u32::try_from(now.saturating_sub(before)).unwrap_or(u32::MAX);
            if seconds > 0.0 { f64::from(counted) / seconds } else { 0.0 }
        };
        (rate(first.kernel, last.kernel), rate(first.server, last.server))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_last_ten_seconds() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut rates = Rates::start(at(0));
        assert_eq!(rates.per_second(), (0.0, 0.0));
        assert!(rates.sample(at(0), 0, 0));
        assert!(!rates.sample(at(1), 100, 5));
        assert_eq!(rates.per_second(), (100.0, 5.0));
        for second in 2..=20 {
            rates.sample(at(second), 100, 5 + 10 * (second - 1));
        }
        assert_eq!(rates.per_second(), (0.0, 10.0));
    }
}
