//! Counters of what the server answered; never reset.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Transport;

/// Response codes that the server gives: 0 to 16.
const RCODES: usize = 17;

/// What happened to the queries that reached the server.
#[derive(Debug, Default)]
pub struct Counters {
    udp_answered: Counter,
    tcp_answered: Counter,
    udp_overflowed: Counter,
    dropped: Counter,
    send_failed: Counter,
    tcp_displaced: Counter,
    rcodes: [Counter; RCODES],
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub(super) fn add(&self) {
        self.add_many(1);
    }

    fn add_many(&self, events: u64) {
        self.0.fetch_add(events, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// Answers sent over UDP.
    pub fn udp_answered(&self) -> u64 {
        self.udp_answered.get()
    }

    /// Answers sent over TCP.
    pub fn tcp_answered(&self) -> u64 {
        self.tcp_answered.get()
    }

    /// Datagrams lost because too many waited, or with a wrong checksum: known when the next one is received.
    pub fn udp_overflowed(&self) -> u64 {
        self.udp_overflowed.get()
    }

    /// Messages that get no answer: too short, or responses themselves.
    pub fn dropped(&self) -> u64 {
        self.dropped.get()
    }

    /// Answers that could not be sent.
    pub fn send_failed(&self) -> u64 {
        self.send_failed.get()
    }

    /// TCP connections closed to make room for newer ones.
    pub fn tcp_displaced(&self) -> u64 {
        self.tcp_displaced.get()
    }

    /// Answers sent with this response code; 0 for a code that the server does not give.
    pub fn answered_with(&self, rcode: u16) -> u64 {
        self.rcodes.get(usize::from(rcode)).map_or(0, Counter::get)
    }

    pub(super) fn count_answer(&self, transport: Transport, rcode: u16) {
        match transport {
            Transport::Udp => self.udp_answered.add(),
            Transport::Tcp { .. } => self.tcp_answered.add(),
        }
        if let Some(counter) = self.rcodes.get(usize::from(rcode)) {
            counter.add();
        }
    }

    pub(super) fn count_overflow(&self, datagrams: u32) {
        self.udp_overflowed.add_many(datagrams.into());
    }

    pub(super) fn count_drop(&self) {
        self.dropped.add();
    }

    pub(super) fn count_failed_send(&self) {
        self.send_failed.add();
    }

    pub(super) fn count_displaced_connection(&self) {
        self.tcp_displaced.add();
    }
}
