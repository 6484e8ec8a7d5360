//! gdnsd 3.8, the established peer, as a process in a network namespace of its own, and the states it is told.
//!
//! What its monitoring finds comes from a file, which its plugin `extfile` watches: that is our verdict of a check. What an
//! administrator forces comes from its file `admin_state`: that is our override. Nothing here judges an answer.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context as _, Result};
use hickory_proto::op::Message;
use tempfile::TempDir;

use crate::leftover::temporary_folder;
use crate::namespace::Namespace;
use crate::process::Process;
use crate::query::Query;
use crate::wait::eventually;

/// Where it listens.
const LISTEN: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 53)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x53, 0, 0, 0, 0, 0x53)),
];
/// The port it listens on.
const PORT: u16 = 53;
/// How long it may take to start, and to take a new state.
const DEADLINE: Duration = Duration::from_secs(10);
/// Two resources that show which state is in force: one follows what is monitored, the other what is forced. The states of one
/// file are taken in the order of their texts, and no address or name of a test is behind `fd`.
const MARKERS: &str = "
      marker-monitored => { service_types => checks, primary => fd00:ffff::1, secondary => fd00:ffff::2 }
      marker-forced => { service_types => checks, primary => fd00:ffff::3, secondary => fd00:ffff::4 }";

/// A running gdnsd. Its namespace, process and folder go with it.
#[derive(Debug)]
pub struct Gdnsd {
    process: Process,
    /// One for each client: entering the namespace for each query would take most of the time.
    sockets: BTreeMap<IpAddr, UdpSocket>,
    _namespace: Namespace,
    folder: TempDir,
    /// Counts the states it was told.
    step: u32,
}

/// What is known of an address, or a data centre, by its key in a file of states.
pub type States = Vec<(String, Up)>;

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Up {
    /// Up.
    Yes,
    /// Down.
    No,
}

impl Gdnsd {
    /// Starts it with these plugins, these records of its zone `example.com`, and these files beside it. Resources whose
    /// `service_types` is `checks` follow what is monitored; with `brief` that holds for 20 seconds only. Queries can come from
    /// these clients.
    pub fn start(
        plugins: &str,
        records: &str,
        files: &[(&str, Vec<u8>)],
        clients: &[IpAddr],
    ) -> Result<Self> {
        let folder = temporary_folder()?;
        let at = |name: &str| folder.path().join(name);
        for name in ["etc/zones", "etc/geoip", "state", "run"] {
            fs::create_dir_all(at(name))?;
        }
        let base = folder.path().display();
        let plugins = if plugins.contains("simplefo => {") {
            plugins.replacen("simplefo => {", &format!("simplefo => {{{MARKERS}"), 1)
        } else {
            format!("{plugins}\n  simplefo => {{{MARKERS}\n  }}")
        };
        let listen = LISTEN.map(|address| address.to_string()).join(", ");
        fs::write(
            at("etc/config"),
            format!(
                "options => {{ listen => [ {listen} ], dns_port => {PORT}, udp_threads => 1, tcp_threads => 1,
  run_dir => {base}/run, state_dir => {base}/state }}
service_types => {{
  checks => {{ plugin => extfile, file => {base}/state/monitored, direct => true, interval => 2 }}
  brief => {{ plugin => extfile, file => {base}/state/monitored, direct => true, interval => 2, def_ttl => 20 }}
}}
plugins => {{
  extfile => {{}}
  {plugins}
}}
"
            ),
        )?;
        fs::write(
            at("etc/zones/example.com"),
            format!(
                "@ 3600 SOA ns.example.net. hostmaster.example.net. ( 1 7200 1800 259200 900 )
@ 3600 NS ns.example.net.
monitored.marker 30 DYNA simplefo!marker-monitored
forced.marker 30 DYNA simplefo!marker-forced
{records}
"
            ),
        )?;
        for (name, content) in files {
            fs::write(at("etc/geoip").join(name), content)?;
        }
        fs::write(at("state/monitored"), "\n")?;
        fs::write(at("state/admin_state"), "\n")?;

        let namespace = Namespace::create("gdnsd")?;
        for address in LISTEN.iter().chain(clients) {
            namespace.add_address("lo", *address)?;
        }
        let mut command = namespace.command("gdnsd");
        command.arg("-c").arg(at("etc")).arg("start");
        // Otherwise it lets every state settle for two seconds before it takes it.
        command.env("GDNSD_TESTSUITE_NODELAY", "1");
        let process = Process::start(command)?;
        process.wait_for_line(DEADLINE, "DNS listeners started")?;
        let sockets = LISTEN.iter().chain(clients).map(|client| Ok((*client, socket(&namespace, *client)?)));
        let sockets = sockets.collect::<Result<_>>()?;
        Ok(Self { process, sockets, _namespace: namespace, folder, step: 0 })
    }

    /// Tells it what is monitored and what is forced, in place of all before, and waits until it answers by that.
    pub fn set(&mut self, monitored: &States, forced: &States) -> Result<()> {
        self.step += 1;
        let is_odd = self.step % 2 == 1;
        let marker = if is_odd { Up::No } else { Up::Yes };
        self.write("monitored", monitored, ("fd00:ffff::1", marker))?;
        self.write("admin_state", forced, ("fd00:ffff::3/checks", marker))?;
        let shown = if is_odd { ["fd00:ffff::2", "fd00:ffff::4"] } else { ["fd00:ffff::1", "fd00:ffff::3"] };
        for (name, shown) in ["monitored.marker.example.com", "forced.marker.example.com"].iter().zip(shown) {
            let shown: IpAddr = shown.parse()?;
            let query = format!("{name} AAAA").parse::<Query>()?.bytes();
            eventually(DEADLINE, &format!("{name} is {shown}"), || {
                let answer = Message::from_vec(&self.ask(LISTEN[0], &query).ok()?).ok()?;
                answer.answers.iter().any(|record| record.data.ip_addr() == Some(shown)).then_some(())
            })
            .map_err(|error| self.process.with_output(&error))?;
        }
        Ok(())
    }

    /// The answer to a query of one of its clients.
    pub fn ask(&self, client: IpAddr, query: &[u8]) -> Result<Vec<u8>> {
        let socket =
            self.sockets.get(&client).with_context(|| format!("{client} is not one of its clients"))?;
        let mut answer = vec![0; usize::from(u16::MAX)];
        socket.send(query)?;
        let received = loop {
            // A socket with a timeout is interrupted also where no handler runs, as by a process that is stopped and goes on
            // (signal(7)).
            match socket.recv(&mut answer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                received => break received,
            }
        };
        let length =
            received.context("gdnsd did not answer").map_err(|error| self.process.with_output(&error))?;
        answer.truncate(length);
        Ok(answer)
    }

    /// A file is put in the place of the one before as a whole: it is never read half written.
    fn write(&self, name: &str, states: &States, marker: (&str, Up)) -> Result<()> {
        let lines = states.iter().map(|(key, up)| (key.as_str(), *up)).chain([marker]);
        let word = |up: Up| if up == Up::Yes { "UP" } else { "DOWN" };
        let lines: Vec<String> = lines.map(|(key, up)| format!("\"{key}\" => {}\n", word(up))).collect();
        let path = self.folder.path().join("state").join(name);
        let new = path.with_extension("new");
        fs::write(&new, lines.concat())?;
        Ok(fs::rename(new, path)?)
    }
}

/// A socket of a client.
fn socket(namespace: &Namespace, client: IpAddr) -> Result<UdpSocket> {
    let server = LISTEN.into_iter().find(|address| address.is_ipv4() == client.is_ipv4());
    let server = SocketAddr::new(server.context("it listens on both families")?, PORT);
    let socket = namespace.run(|| -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind((client, 0))?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        Ok(socket)
    })?;
    socket.with_context(|| format!("no socket at {client}"))
}
