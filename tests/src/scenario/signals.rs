//! Ctrl-C, SIGTERM and a closed terminal end the scenario in order: guards clean up, nothing is cut short.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Result;
use nix::sys::signal::{SigSet, Signal};

static STOP_REQUESTED: AtomicBool = AtomicBool::new(false);

/// From now on the signals that ask to end only set [`stop_requested`] and call `notify`.
///
/// Call it before any thread is started: threads inherit what is blocked.
pub fn catch(notify: impl Fn() + Send + 'static) -> Result<()> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    signals.thread_block()?;
    thread::spawn(move || {
        while signals.wait().is_ok() {
            STOP_REQUESTED.store(true, Ordering::Relaxed);
            notify();
        }
    });
    Ok(())
}

/// True once a signal has asked to end.
pub fn stop_requested() -> bool {
    STOP_REQUESTED.load(Ordering::Relaxed)
}
