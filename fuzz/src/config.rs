//! A configuration: what is accepted can be decided and served.

use std::net::{IpAddr, Ipv6Addr};

use gtm_tests::Service;

use crate::folder;

const ZONE: &[u8] = b"@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.53\n";

/// Loads it beside a zone file `zone`, for any zone, and a database `country.mmdb`; false when it is refused.
pub fn run(text: &[u8]) -> bool {
    let database = include_bytes!("../corpus/mmdb/ipv4-24");
    let folder = folder(&[("gtm.toml", text), ("zone", ZONE), ("country.mmdb", database)]);
    let Ok(service) = Service::load(&folder.path().join("gtm.toml")) else { return false };
    for (name, entries) in service.decider().table().names.iter() {
        for entry in entries {
            let message = gtm_tests::Query::new(name.as_wire().to_vec(), entry.qtype).bytes();
            for client in [IpAddr::from([192, 0, 2, 1]), Ipv6Addr::LOCALHOST.into()] {
                assert!(service.respond(&message, client).is_some(), "no answer for {name}");
            }
        }
    }
    true
}
