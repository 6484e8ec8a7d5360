//! A server that answers as the edge would, and then spoils the answer: what a judge has to find.

use std::net::UdpSocket;
use std::thread::{self, JoinHandle};

use gtm_tests::Service;
use gtm_tests::gtm::CONFIG;

use crate::network::{Network, Server};

/// Where things are in a message (RFC 1035 section 4.1.1).
const FLAGS: usize = 2;
const CODE: usize = 3;
const ANSWER_COUNT: usize = 6;
const ADDITIONAL_COUNT: usize = 10;
const QUESTION: usize = 12;
/// Type and class of a question.
const QUESTION_FIXED_LEN: usize = 4;
const AA: u8 = 0x04;
const RA: u8 = 0x80;
const FORMERR: u8 = 1;
const REFUSED: u8 = 5;

/// What is wrong with its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The question is in lower case.
    LowerCase,
    /// Whoever uses EDNS gets FORMERR.
    NoEdns,
    /// Every answer is REFUSED.
    Refuses,
    /// It answers like a resolver: not authoritative, but ready to recurse.
    NotAuthoritative,
}

/// In the place of the edge, over UDP and IPv4. Ended on drop.
#[derive(Debug)]
pub(crate) struct FaultyServer {
    socket: UdpSocket,
    thread: Option<JoinHandle<()>>,
}

impl FaultyServer {
    pub(crate) fn start(network: &Network, fault: Fault) -> Self {
        let service = Service::load(&Server::Edge.folder().join(CONFIG)).unwrap();
        let [address, _] = Server::Edge.addresses();
        let bind = || UdpSocket::bind((address, 53)).unwrap();
        let socket = network.namespace(Server::Edge).run(bind).unwrap();
        let serving = socket.try_clone().unwrap();
        let thread = thread::spawn(move || {
            let mut buffer = [0; 512];
            loop {
                let (length, client) = serving.recv_from(&mut buffer).unwrap();
                let Some(query) = buffer.get(..length).filter(|query| !query.is_empty()) else { return };
                let answer = service.respond(query, client.ip()).unwrap();
                serving.send_to(&fault.spoil(query, answer), client).unwrap();
            }
        });
        Self { socket, thread: Some(thread) }
    }
}

impl Fault {
    fn spoil(self, query: &[u8], mut answer: Vec<u8>) -> Vec<u8> {
        let name_end = QUESTION + 1 + answer[QUESTION..].iter().position(|byte| *byte == 0).unwrap();
        let mut only_code = |code| {
            answer.truncate(name_end + QUESTION_FIXED_LEN);
            answer[CODE] = code;
            answer[ANSWER_COUNT..QUESTION].fill(0);
        };
        match self {
            // No length of a label is that of a letter.
            Self::LowerCase => answer[QUESTION..name_end].make_ascii_lowercase(),
            Self::NoEdns if query[ADDITIONAL_COUNT..QUESTION] == [0, 0] => {}
            Self::NoEdns => only_code(FORMERR),
            Self::Refuses => only_code(REFUSED),
            Self::NotAuthoritative => {
                answer[FLAGS] &= !AA;
                answer[CODE] |= RA;
            }
        }
        answer
    }
}

impl Drop for FaultyServer {
    fn drop(&mut self) {
        // Nothing in a datagram tells the thread to end.
        let told = self.socket.local_addr().and_then(|own| self.socket.send_to(&[], own));
        if told.is_ok()
            && let Some(thread) = self.thread.take()
        {
            drop(thread.join());
        }
    }
}
