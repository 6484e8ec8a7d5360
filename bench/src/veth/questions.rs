//! What every server is asked, and what is right in answer: 1000 names whose one address depends on the sender's country.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use gtm_tests::query::wire;
use gtm_tests::{Datagram, Query, Random};

/// The country of some networks, which every server with geo data reads (`gtm-userspace/src/geo/file_tests.rs` writes it).
pub(crate) const DATABASE: &[u8] = include_bytes!("../../../tests/gdnsd/country.mmdb");
/// What of it is asked from: code, continent, network. Everybody else is answered with the address of number 0.
pub(crate) const COUNTRIES: [Country; 8] = [
    Country { code: "CN", continent: "AS", network: (Ipv4Addr::new(1, 16, 0, 0), 12) },
    Country { code: "HK", continent: "AS", network: (Ipv4Addr::new(1, 64, 0, 0), 14) },
    Country { code: "DE", continent: "EU", network: (Ipv4Addr::new(5, 0, 0, 0), 9) },
    Country { code: "FR", continent: "EU", network: (Ipv4Addr::new(5, 128, 0, 0), 10) },
    Country { code: "US", continent: "NA", network: (Ipv4Addr::new(8, 0, 0, 0), 8) },
    Country { code: "CA", continent: "NA", network: (Ipv4Addr::new(11, 32, 0, 0), 11) },
    Country { code: "ZA", continent: "AF", network: (Ipv4Addr::new(196, 64, 0, 0), 10) },
    Country { code: "BR", continent: "SA", network: (Ipv4Addr::new(200, 128, 0, 0), 9) },
];
/// A network of no known country.
const ELSEWHERE: (Ipv4Addr, u32) = (Ipv4Addr::new(9, 0, 0, 0), 8);
/// Where everybody serves.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 53);
/// Names that exist.
const NAMES: usize = 1000;
/// Payload size that most resolvers send (DNS flag day 2020).
const PAYLOAD: u16 = 1232;
const TYPE_A: u16 = 1;

/// A country that clients are in.
#[derive(Debug)]
pub(crate) struct Country {
    pub(crate) code: &'static str,
    pub(crate) continent: &'static str,
    /// First address and length.
    pub(crate) network: (Ipv4Addr, u32),
}

/// Whether a server looks at who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steering {
    /// By country.
    Country,
    /// Everybody is answered the same.
    None,
}

/// Names that exist, without the zone.
pub(crate) fn names() -> impl Iterator<Item = String> {
    (0..NAMES).map(|number| format!("h{number:05x}"))
}

/// The address of this number: 0 for everybody else, then one for each country.
pub(crate) fn address(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, u8::try_from(number + 1).unwrap_or_default())
}

/// A client in each network, and the address it is answered.
pub(crate) fn clients(steering: Steering) -> Vec<(Ipv4Addr, Ipv4Addr)> {
    let mut random = Random::new(3);
    (0..=COUNTRIES.len()).map(|number| client(&mut random, number, steering)).collect()
}

/// A query and what is right in answer to it.
#[derive(Debug)]
pub(crate) struct Question {
    /// The query in its frame.
    pub(crate) frame: Vec<u8>,
    /// The one address of the answer.
    pub(crate) address: Ipv4Addr,
}

/// One query for each ID, from a sender of its own, between these Ethernet addresses.
pub(crate) fn questions(
    mac_from: [u8; 6],
    mac_to: [u8; 6],
    steering: Steering,
) -> anyhow::Result<Vec<Question>> {
    let mut random = Random::new(1);
    let names: Vec<Vec<u8>> =
        names().map(|name| wire(&format!("{name}.gtm.test"))).collect::<anyhow::Result<_>>()?;
    (0..=u16::MAX)
        .map(|id| {
            let place = random.below(COUNTRIES.len() + 1);
            let (sender, address) = client(&mut random, place, steering);
            let name = names.get(random.below(names.len())).cloned().unwrap_or_default();
            let message = Query { id, ..Query::new(name, TYPE_A) }.with_opt(PAYLOAD, Vec::new()).bytes();
            // Below the ports of ordinary sockets, which the receiver leaves alone.
            let from = SocketAddr::new(IpAddr::V4(sender), 1024 + (random.word() >> 2));
            let to = SocketAddr::new(IpAddr::V4(SERVER), 53);
            let frame = Datagram { mac_from, mac_to, ..Datagram::new(from, to, message) }.frame()?;
            Ok(Question { frame, address })
        })
        .collect()
}

/// Somebody in the country of this number, and what they are answered.
fn client(random: &mut Random, place: usize, steering: Steering) -> (Ipv4Addr, Ipv4Addr) {
    let country = place.checked_sub(1).and_then(|place| COUNTRIES.get(place));
    let (network, length) = country.map_or(ELSEWHERE, |country| country.network);
    let drawn = u32::from(random.word()) << 16 | u32::from(random.word());
    let sender = Ipv4Addr::from_bits(network.to_bits() | drawn & (u32::MAX >> length));
    (sender, address(if steering == Steering::Country { place } else { 0 }))
}
