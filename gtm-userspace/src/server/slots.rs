//! Who holds a TCP connection: so many clients in all, and so many connections of one client. A new connection is never
//! refused: the one that has not asked for longest makes room (RFC 7766 section 6.2.3 lets a server close those).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::listen::Limits;

/// The connections of all listeners together.
#[derive(Debug)]
pub(super) struct Slots {
    limits: Limits,
    held: Mutex<Held>,
}

/// Who holds connections: an IPv4 address, or a /64 of IPv6, in which one host can ask from any address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Holder(IpAddr);

/// Connections by the turn in which each was opened or asked last: the first has not asked for longest.
#[derive(Debug, Default)]
struct Held {
    next_turn: u64,
    by_turn: BTreeMap<u64, (Holder, Hold)>,
    by_holder: HashMap<Holder, BTreeSet<u64>>,
}

/// Held by the table as long as the connection may go on.
type Hold = oneshot::Sender<()>;

/// The place of one connection; given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    holder: Holder,
    turn: u64,
}

impl Slots {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, held: Mutex::default() }
    }

    /// A place for a connection of this client, and what ends once the place is lost to another one.
    pub(super) fn take(slots: &Arc<Self>, client: IpAddr) -> (Slot, oneshot::Receiver<()>) {
        let (hold, lost) = oneshot::channel();
        let holder = Holder::of(client);
        let turn = slots.lock().insert(holder, hold, &slots.limits);
        (Slot { slots: Arc::clone(slots), holder, turn }, lost)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn insert(&mut self, holder: Holder, hold: Hold, limits: &Limits) -> u64 {
        let own = self.by_holder.get(&holder);
        let loses = if own.is_some_and(|own| own.len() >= limits.connections_per_client) {
            own.and_then(BTreeSet::first)
        } else if self.by_turn.len() >= limits.connections {
            self.by_turn.first_key_value().map(|(turn, _)| turn)
        } else {
            None
        };
        if let Some(&turn) = loses {
            self.remove(turn);
        }
        let turn = self.next_turn;
        self.next_turn += 1;
        self.by_turn.insert(turn, (holder, hold));
        self.by_holder.entry(holder).or_default().insert(turn);
        turn
    }

    /// Takes out the connection of this turn, if it has not lost its place.
    fn remove(&mut self, turn: u64) -> Option<Hold> {
        let (holder, hold) = self.by_turn.remove(&turn)?;
        if let Some(own) = self.by_holder.get_mut(&holder) {
            own.remove(&turn);
            if own.is_empty() {
                self.by_holder.remove(&holder);
            }
        }
        Some(hold)
    }
}

impl Slot {
    /// The limits of all.
    pub(super) fn limits(&self) -> &Limits {
        &self.slots.limits
    }

    /// Counts the connection as the one that has asked last.
    pub(super) fn renew(&mut self) {
        let mut held = self.slots.lock();
        if let Some(hold) = held.remove(self.turn) {
            self.turn = held.insert(self.holder, hold, &self.slots.limits);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.lock().remove(self.turn);
    }
}

impl Holder {
    fn of(client: IpAddr) -> Self {
        match client {
            IpAddr::V4(_) => Self(client),
            IpAddr::V6(client) => Self(Ipv6Addr::from_bits(client.to_bits() >> 64 << 64).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each client in turn opens a connection, or asks on the one it opened at this place (`@0` for the first). A client
    /// may have two, and three fit in all. Expected is who has a place then, by number.
    #[track_caller]
    fn check(steps: &[&str], expect: &[usize]) {
        let limits = Limits { connections: 3, connections_per_client: 2, ..Limits::default() };
        let slots = Arc::new(Slots::new(limits));
        let mut opened = Vec::new();
        for step in steps {
            match step.strip_prefix('@') {
                Some(number) => {
                    let (slot, _): &mut (Slot, _) = &mut opened[number.parse::<usize>().unwrap()];
                    slot.renew();
                }
                None => opened.push(Slots::take(&slots, step.parse().unwrap())),
            }
        }
        let has_place =
            |lost: &mut oneshot::Receiver<()>| lost.try_recv() == Err(oneshot::error::TryRecvError::Empty);
        let places = opened.iter_mut().enumerate();
        let holding: Vec<usize> =
            places.filter_map(|(number, (_, lost))| has_place(lost).then_some(number)).collect();
        assert_eq!(holding, expect, "{steps:?}");
        drop(opened);
        let held = slots.lock();
        assert!(held.by_turn.is_empty() && held.by_holder.is_empty(), "all are given back");
    }

    #[test]
    fn the_longest_idle_makes_room() {
        check(&["192.0.2.1", "192.0.2.2", "192.0.2.3"], &[0, 1, 2]);
        check(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"], &[1, 2, 3]);
        check(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "@0", "192.0.2.4"], &[0, 2, 3]);
        check(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "@0", "192.0.2.4", "192.0.2.5"], &[0, 3, 4]);
    }

    #[test]
    fn of_a_client_with_too_many_its_own_makes_room() {
        check(&["192.0.2.2", "192.0.2.1", "192.0.2.1", "192.0.2.1"], &[0, 2, 3]);
        check(&["192.0.2.2", "192.0.2.1", "192.0.2.1", "@1", "192.0.2.1"], &[0, 1, 3]);
    }

    #[test]
    fn a_place_that_was_lost_stays_lost() {
        check(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "@0"], &[1, 2, 3]);
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        check(&["2001:db8::1", "2001:db8::2", "2001:db8::ffff:0:0:3"], &[1, 2]);
        check(&["2001:db8::1", "2001:db8:0:1::1", "2001:db8::2"], &[0, 1, 2]);
    }
}
