//! A client that asks DNS questions from one address of a namespace.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsOption};
use hickory_proto::rr::{Name, RecordType};

use crate::namespace::Namespace;

/// After this long without an answer a question counts as lost.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The UDP payload size that our questions with EDNS advertise.
const PAYLOAD: u16 = 1232;

/// Someone who asks from one address.
#[derive(Debug, Clone)]
pub struct Client {
    namespace: Arc<Namespace>,
    address: IpAddr,
}

/// What came back, as bytes and decoded.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The whole UDP payload.
    pub bytes: Vec<u8>,
    /// The same, decoded.
    pub message: Message,
}

impl Client {
    /// A client at an address that the namespace has.
    pub fn new(namespace: &Arc<Namespace>, address: IpAddr) -> Self {
        Self { namespace: Arc::clone(namespace), address }
    }

    /// The address it asks from.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Asks over UDP, with EDNS, and waits for the answer to just this question.
    pub fn ask(&self, server: SocketAddr, name: &str, rtype: RecordType) -> Result<Answer> {
        self.send(server, &question(name, rtype, Edns::new())?)
    }

    /// Asks on behalf of the clients in a prefix (RFC 7871).
    pub fn ask_for(
        &self,
        server: SocketAddr,
        name: &str,
        rtype: RecordType,
        prefix: (IpAddr, u8),
    ) -> Result<Answer> {
        let mut edns = Edns::new();
        edns.options_mut().insert(EdnsOption::Subnet(ClientSubnet::new(prefix.0, prefix.1, 0)));
        self.send(server, &question(name, rtype, edns)?)
    }

    /// Sends these bytes over UDP and waits for what comes back from the server with the same ID.
    pub fn send(&self, server: SocketAddr, query: &[u8]) -> Result<Answer> {
        let socket = self.namespace.run(|| UdpSocket::bind((self.address, 0)))?;
        let socket = socket.with_context(|| format!("no socket at {}", self.address))?;
        let lost = || format!("{server} did not answer {}", self.address);
        socket.connect(server).with_context(lost)?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        socket.send(query).with_context(lost)?;
        let bytes = receive(&socket).with_context(lost)?;
        ensure!(bytes.get(..2) == query.get(..2), "{server} answered {} with another ID", self.address);
        let message =
            Message::from_vec(&bytes).with_context(|| format!("{server} answered what is not DNS"))?;
        Ok(Answer { bytes, message })
    }

    /// What `dig` prints for these arguments; `-b` and the server are given already.
    pub fn dig(&self, server: SocketAddr, arguments: &[&str]) -> Result<String> {
        self.run_tool("dig", server, arguments)
    }

    /// What `kdig` prints for these arguments; `-b` and the server are given already.
    pub fn kdig(&self, server: SocketAddr, arguments: &[&str]) -> Result<String> {
        self.run_tool("kdig", server, arguments)
    }

    /// Both tools take the same arguments for where to ask and from where.
    fn run_tool(&self, tool: &str, server: SocketAddr, arguments: &[&str]) -> Result<String> {
        let mut command = self.namespace.command(tool);
        command.arg(format!("@{}", server.ip())).args(["-p", &server.port().to_string()]);
        command.args(["-b", &self.address.to_string()]).args(arguments);
        let output = command.output().with_context(|| format!("{tool} could not be started"))?;
        let (printed, error) = (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{tool} {}: {printed}{error}", arguments.join(" "));
        Ok(printed)
    }
}

impl Answer {
    /// The IPv4 and IPv6 addresses of the answer section, in its order.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let records = self.message.answers.iter();
        records.filter_map(|record| record.data.ip_addr()).collect()
    }

    /// Time to live of the first record of the answer section, in seconds.
    pub fn ttl(&self) -> Option<u32> {
        self.message.answers.first().map(|record| record.ttl)
    }

    /// The ECS option of the answer: address, source prefix length, scope prefix length.
    pub fn subnet(&self) -> Option<&ClientSubnet> {
        let options = self.message.edns.as_ref()?.options();
        options
            .as_ref()
            .iter()
            .find_map(|(_, option)| if let EdnsOption::Subnet(subnet) = option { Some(subnet) } else { None })
    }
}

fn question(name: &str, rtype: RecordType, mut edns: Edns) -> Result<Vec<u8>> {
    static NEXT_ID: AtomicU16 = AtomicU16::new(1);

    let mut message = Message::query();
    message.metadata.id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    message.add_query(Query::query(Name::from_ascii(name)?, rtype));
    edns.set_max_payload(PAYLOAD);
    message.set_edns(edns);
    Ok(message.to_vec()?)
}

fn receive(socket: &UdpSocket) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    let length = socket.recv(&mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}
