//! The twelve rows of the worked scenario, as a table.

use std::net::IpAddr;

use super::network::join;
use super::places::{Asker, Family, Place};

/// One row: what is down, who asks, what must come.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its number.
    pub number: u8,
    /// A state that must be reached first, and what the first asker is then answered.
    pub before: Option<(&'static [Place], Place)>,
    /// The places that are down.
    pub down: &'static [Place],
    /// Whether the access domains are enabled.
    pub steering: Steering,
    /// Those who ask.
    pub askers: &'static [Asker],
    /// What each of them must be answered.
    pub expect: Expect,
}

/// Whether the access domains are enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steering {
    /// Enabled: they outrank the zone's records.
    Enabled,
    /// Disabled: the zone's own records answer.
    Disabled,
}

/// What must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The address of this place alone.
    Only(Place),
    /// The addresses of both places, each of them first in some answers.
    Rotating([Place; 2]),
    /// The zone's own record.
    ZoneRecord,
}

use Asker::{Br, Cn, De, Hk, Nowhere, Us};
use Expect::{Only, Rotating, ZoneRecord};
use Place::{DataCentre, HongKong, Singapore};
use Steering::{Disabled, Enabled};

/// The rows in the order in which they are played.
#[rustfmt::skip]
pub const ROWS: [Row; 12] = [
    row(1, &[], &[Cn], Only(DataCentre)),
    row(2, &[], &[Hk], Only(HongKong)),
    row(3, &[], &[Us, De, Br], Only(Singapore)),
    row(4, &[DataCentre], &[Cn], Only(HongKong)),
    row(5, &[HongKong], &[Hk], Only(Singapore)),
    row(6, &[Singapore], &[Us], Only(HongKong)),
    row(7, &[HongKong, Singapore], &[Hk], Only(DataCentre)),
    row(8, &[HongKong, Singapore], &[Us], Only(DataCentre)),
    row(9, &[DataCentre, HongKong, Singapore], &Asker::ALL, Rotating([DataCentre, HongKong])),
    // First the failover, so that it is really the return that is seen.
    Row { before: Some((&[DataCentre], HongKong)), ..row(10, &[], &[Cn], Only(DataCentre)) },
    Row { steering: Disabled, ..row(11, &[], &Asker::ALL, ZoneRecord) },
    row(12, &[], &[Nowhere], Only(DataCentre)),
];

const fn row(number: u8, down: &'static [Place], askers: &'static [Asker], expect: Expect) -> Row {
    Row { number, before: None, down, steering: Enabled, askers, expect }
}

impl Row {
    /// What is down, in words.
    pub fn down_text(&self, family: Family) -> String {
        match (self.down, self.steering, self.before) {
            (_, Disabled, _) => "none, disabled".to_owned(),
            ([], Enabled, Some((back, _))) => format!("{} back", addresses(back, family)),
            ([], Enabled, None) => "none".to_owned(),
            ([_, _, _], Enabled, _) => "all three".to_owned(),
            (down, Enabled, _) => addresses(down, family),
        }
    }
}

impl Expect {
    /// The addresses that must come, in one order that they may have.
    pub fn addresses(&self, family: Family) -> Vec<IpAddr> {
        match self {
            Only(place) => vec![place.address(family)],
            Rotating(places) => places.iter().map(|place| place.address(family)).collect(),
            ZoneRecord => vec![family.zone_record()],
        }
    }

    /// How many different first addresses must be seen.
    pub fn turns(&self) -> usize {
        match self {
            Only(_) | ZoneRecord => 1,
            Rotating(places) => places.len(),
        }
    }
}

fn addresses(places: &[Place], family: Family) -> String {
    join(&places.iter().map(|place| place.address(family)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: usize, family: Family, expect: &str) {
        assert_eq!(ROWS[number - 1].down_text(family), expect);
    }

    #[test]
    fn rows_say_what_is_down() {
        check(1, Family::Ipv4, "none");
        check(7, Family::Ipv4, "223.6.0.1, 223.7.0.1");
        check(7, Family::Ipv6, "2001:db8:6::1, 2001:db8:7::1");
        check(9, Family::Ipv6, "all three");
        check(10, Family::Ipv4, "223.5.0.1 back");
        check(11, Family::Ipv4, "none, disabled");
    }

    #[test]
    fn rows_are_numbered_in_order() {
        assert!(ROWS.iter().map(|row| row.number).eq(1..=12));
    }
}
