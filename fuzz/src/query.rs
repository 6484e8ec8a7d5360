//! A message: it is read as a query, and answered by the server.

use std::cell::OnceCell;
use std::net::IpAddr;

use gtm_common::query::{ParseError, Query};
use gtm_common::wire::{HEADER_LEN, MAX_UDP_PAYLOAD};
use gtm_tests::Service;
use gtm_tests::dns::{is_whole, shown};
use gtm_tests::parity::configuration;
use gtm_userspace::name::Name;

thread_local! {
    static SERVICE: OnceCell<Service> = const { OnceCell::new() };
}

/// Reads and answers it; false when it is no query.
pub fn run(message: &[u8]) -> bool {
    let client: IpAddr = [192, 0, 2, 99].into();
    let service = || configuration::ZONES.load().expect("the configuration of the parity runs");
    let answer = SERVICE.with(|cell| cell.get_or_init(service).respond(message, client));
    let query = Query::parse(message, true);
    if let Ok(query) = query {
        let question = query.question;
        assert!(message.get(HEADER_LEN..).is_some_and(|rest| rest.starts_with(question.bytes)));
        assert!(question.bytes.starts_with(question.qname) && Name::from_wire(question.qname).is_ok());
    }
    assert_eq!(answer.is_none(), query == Err(ParseError::Drop), "{}", shown(message));
    if let Some(answer) = answer {
        assert!(is_whole(&answer) && answer.len() <= usize::from(MAX_UDP_PAYLOAD), "{}", shown(&answer));
        let (id, flags) = (answer.get(..2), answer.get(2).copied().unwrap_or_default());
        assert!(id == message.get(..2) && flags & 0x80 != 0, "{}", shown(&answer));
    }
    query.is_ok()
}
