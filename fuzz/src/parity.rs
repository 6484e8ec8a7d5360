//! A message through the program and the server. The first two bytes say which configuration is asked, and from where; the
//! rest is the message. Needs root.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv6Addr};

use gtm_common::counters::Outcome;
use gtm_tests::parity::{Case, Pair, configuration};

thread_local! {
    static PAIRS: RefCell<Vec<Pair>> = const { RefCell::new(Vec::new()) };
}

/// Compares the answers; false when there is none of the program.
pub fn run(data: &[u8]) -> bool {
    let Some(([configuration, sender], message)) = data.split_first_chunk() else { return false };
    // What a frame of the kernel's test run takes.
    let message = message.get(..1400).unwrap_or(message);
    PAIRS.with_borrow_mut(|pairs| {
        if pairs.is_empty() {
            let load = |configuration| Pair::load(configuration).expect("a configuration of the parity runs");
            pairs.extend(configuration::ALL.iter().map(load));
        }
        let index = usize::from(*configuration) % pairs.len();
        let pair = pairs.get_mut(index).expect("an index below the length");
        let client: IpAddr = if sender % 2 == 0 {
            [10, 1, 2, *sender].into()
        } else {
            Ipv6Addr::new(0x2001, 0xdb8, 0xa, 0x100, 0, 0, 0, u16::from(*sender)).into()
        };
        let datagram = pair.service.datagram(client, message).expect("both families are served");
        let case = Case { datagram, is_valid: false };
        match pair.check(&case) {
            Ok(outcome) => outcome == Outcome::Answered,
            Err(difference) => panic!("{difference}"),
        }
    })
}
