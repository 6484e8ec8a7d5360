//! The addresses and ports that are served, each in the one place where the program looks for it.

use std::net::{IpAddr, SocketAddr};

use gtm_common::abi::Listen;

use super::DataplaneError;

/// Keys that are tried with one number of places.
const KEYS: usize = 64;
/// Places beyond which more do not help.
const MAX_PLACES: usize = 1 << 24;

/// All of them.
#[derive(Debug)]
pub(super) struct Served {
    /// Key of the places; odd.
    pub(super) key: u64,
    /// A power of two of them.
    pub(super) places: Vec<Listen>,
}

impl Served {
    /// Places every address and port, with another of the keys and more places until no two share one.
    pub(super) fn new(listen: &[SocketAddr], mut keys: impl FnMut() -> u64) -> Result<Self, DataplaneError> {
        let mut served: Vec<Listen> = listen.iter().map(|address| entry(*address)).collect();
        served.sort_unstable_by_key(|entry| (entry.high, entry.low, entry.port, entry.ip_version));
        served.dedup();
        let mut size = (2 * served.len()).next_power_of_two();
        while size <= MAX_PLACES {
            for _ in 0..KEYS {
                let key = keys() | 1;
                if let Some(places) = place(&served, key, size) {
                    return Ok(Self { key, places });
                }
            }
            size *= 2;
        }
        Err(DataplaneError::TooLarge { what: "served addresses", limit: 1 << 12 })
    }
}

/// `None` when two have the same place.
fn place(served: &[Listen], key: u64, size: usize) -> Option<Vec<Listen>> {
    let mut places = vec![Listen::default(); size];
    for entry in served {
        let place = places.get_mut(usize::try_from(entry.place(key)).ok()? & (size - 1))?;
        if *place != Listen::default() {
            return None;
        }
        *place = *entry;
    }
    Some(places)
}

/// The numbers as the program loads them from a packet.
fn entry(address: SocketAddr) -> Listen {
    let port = u16::from_ne_bytes(address.port().to_be_bytes());
    match address.ip() {
        IpAddr::V4(ip) => {
            let high = u32::from_ne_bytes(ip.octets()).into();
            Listen { high, low: 0, port, ip_version: 4, reserved: 0 }
        }
        IpAddr::V6(ip) => {
            let [high, low] = zerocopy::transmute!(ip.octets());
            Listen { high, low, port, ip_version: 6, reserved: 0 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(listen: &[SocketAddr]) {
        let mut key = 0_u64;
        let served = Served::new(listen, || {
            key = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
            key
        })
        .unwrap();
        assert!(served.places.len().is_power_of_two());
        for address in listen {
            let entry = entry(*address);
            let place = usize::try_from(entry.place(served.key)).unwrap() & (served.places.len() - 1);
            assert_eq!(served.places[place], entry, "{address}");
        }
    }

    #[test]
    fn every_address_is_found_where_the_program_looks() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        check(&[parse("192.0.2.1:53")]);
        check(&[parse("192.0.2.1:53"), parse("[2001:db8::1]:53"), parse("192.0.2.1:53")]);
        let ports: Vec<SocketAddr> = (1..200).map(|port| SocketAddr::from(([192, 0, 2, 1], port))).collect();
        check(&ports);
        let hosts: Vec<SocketAddr> = (0..200).map(|host| SocketAddr::from(([192, 0, 2, host], 53))).collect();
        check(&hosts);
    }
}
