//! The running server on loopback: sockets, limits, reload, errors of binding, and `dig` as a real client.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::*;
use crate::config::model::Dns;
use crate::decision::AnswerTable;
use crate::server::fixture::{self, TCP, query};
use crate::server::{Transport, respond};
use crate::skip;
use crate::zone::lookup::ZoneSet;

const V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const V6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0);
/// Waiting for longer than this means that it never comes.
const DEADLINE: Duration = Duration::from_secs(20);
/// Limits that no test reaches by being slow.
const PATIENT: Limits =
    Limits { connections: 100, connections_per_client: 100, idle: DEADLINE, transfer: DEADLINE };

fn tables() -> Arc<Tables> {
    Arc::new(fixture::tables())
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(DEADLINE, what).await.expect("within the deadline")
}

fn serve(listen: SocketAddr, limits: Limits) -> (Server, SocketAddr) {
    // A port that is free for UDP can be taken for TCP: by a connection of another test, for instance.
    loop {
        match Server::bind(&[listen], tables(), limits) {
            Ok(server) => {
                let address = server.addresses()[0];
                return (server, address);
            }
            Err(BindError::Taken { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

/// What the server must answer, byte for byte.
fn expected(spec: &str, transport: Transport) -> Vec<u8> {
    respond(&query(spec).0, V4.ip(), transport, &tables()).unwrap().bytes
}

/// A query as it goes over TCP.
fn framed(spec: &str) -> Vec<u8> {
    let message = query(spec).0;
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message.as_slice()].concat()
}

async fn read_answer(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = vec![0; usize::from(soon(stream.read_u16()).await.unwrap())];
    soon(stream.read_exact(&mut answer)).await.unwrap();
    answer
}

/// Waits until the server closes the connection, whatever it sends before that.
async fn wait_for_close(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    match soon(stream.read_to_end(&mut rest)).await {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

async fn ask_udp(server: SocketAddr, message: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind(if server.is_ipv4() { V4 } else { V6 }).await.unwrap();
    socket.connect(server).await.unwrap();
    socket.send(message).await.unwrap();
    let mut answer = vec![0; 65_535];
    let length = soon(socket.recv(&mut answer)).await.unwrap();
    answer.truncate(length);
    answer
}

#[tokio::test]
async fn udp_over_both_families() {
    for listen in [V4, V6] {
        let (server, address) = serve(listen, PATIENT);
        for spec in ["www.example.com A", "none.example.com A edns", "big.example.com A"] {
            assert_eq!(ask_udp(address, &query(spec).0).await, expected(spec, Transport::Udp), "{spec}");
        }
        assert_eq!(server.counters().udp_answered(), 3);
        assert_eq!(server.counters().answered_with(3), 1);
    }
}

#[tokio::test]
async fn udp_goes_on_after_what_gets_no_answer() {
    let (server, address) = serve(V4, PATIENT);
    let socket = UdpSocket::bind(V4).await.unwrap();
    socket.send_to(b"", address).await.unwrap();
    socket.send_to(&[0xff; 12], address).await.unwrap();
    assert_eq!(
        ask_udp(address, &query("www.example.com A").0).await,
        expected("www.example.com A", Transport::Udp)
    );
    assert_eq!((server.counters().dropped(), server.counters().udp_answered()), (2, 1));
}

#[tokio::test]
async fn tcp_answers_pipelined_queries_in_order() {
    for listen in [V4, V6] {
        let (server, address) = serve(listen, PATIENT);
        let specs = ["big.example.com A", "www.example.com A", "none.example.com A", "www.example.org A"];
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&specs.map(framed).concat()).await.unwrap();
        for spec in specs {
            assert_eq!(read_answer(&mut stream).await, expected(spec, TCP), "{spec}");
        }
        assert_eq!(server.counters().tcp_answered(), 4);
    }
}

#[tokio::test]
async fn tcp_tells_how_long_a_connection_may_be_idle() {
    let (_server, address) = serve(V4, Limits { idle: Duration::from_millis(12_345), ..PATIENT });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&framed("www.example.com A edns option=11")).await.unwrap();
    let answer = read_answer(&mut stream).await;
    assert_eq!(answer.last_chunk(), Some(&[0, 11, 0, 2, 0, 123]), "{answer:02x?}");
}

#[tokio::test]
async fn tcp_takes_a_message_in_pieces() {
    let (_server, address) = serve(V4, PATIENT);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in [framed("www.example.com A"), framed("www.example.com AAAA")].concat() {
        stream.write_all(&[byte]).await.unwrap();
    }
    assert_eq!(read_answer(&mut stream).await, expected("www.example.com A", TCP));
    assert_eq!(read_answer(&mut stream).await, expected("www.example.com AAAA", TCP));
}

#[tokio::test]
async fn slow_clients_are_closed() {
    let short = Duration::from_millis(50);
    let whole = framed("www.example.com A");
    for (sent, limits) in [
        (&b""[..], Limits { idle: short, ..PATIENT }),
        (&whole, Limits { idle: short, ..PATIENT }),
        (&b"\0"[..], Limits { transfer: short, ..PATIENT }),
        (&whole[..20], Limits { transfer: short, ..PATIENT }),
    ] {
        let (_server, address) = serve(V4, limits);
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        wait_for_close(&mut stream).await;
    }
}

#[tokio::test]
async fn client_that_does_not_read_is_closed() {
    let (server, address) = serve(V4, Limits { transfer: Duration::from_millis(50), ..PATIENT });
    let mut stream = TcpStream::connect(address).await.unwrap();
    let queries = framed("big.example.com A").repeat(1000);
    while soon(stream.write_all(&queries)).await.is_ok() {}
    assert_eq!(server.counters().send_failed(), 1);
}

#[tokio::test]
async fn unusable_messages_close_the_connection() {
    let (server, address) = serve(V4, PATIENT);
    for bad in [&b"\0\0"[..], b"\0\x03abc", b"\0\x0c\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bad).await.unwrap();
        wait_for_close(&mut stream).await;
    }
    assert_eq!((server.counters().dropped(), server.counters().tcp_answered()), (3, 0));
}

#[tokio::test]
async fn message_that_ends_early_is_not_answered() {
    let (server, address) = serve(V4, PATIENT);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let whole = framed("www.example.com A");
    stream.write_all(&whole[..whole.len() - 1]).await.unwrap();
    stream.shutdown().await.unwrap();
    wait_for_close(&mut stream).await;
    assert_eq!(server.counters().tcp_answered(), 0);
}

async fn connect_from(last: u8, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).unwrap();
    socket.connect(server).await.unwrap()
}

/// True when the server answers on this connection, false when it closed it.
async fn is_served(stream: &mut TcpStream) -> bool {
    let sent = stream.write_all(&framed("www.example.com A")).await;
    sent.is_ok() && soon(stream.read_u16()).await.is_ok()
}

#[test]
fn connections_fit_into_the_open_files() {
    #[track_caller]
    fn check(configured: usize, files: usize, expect: (usize, usize)) {
        let limits = Limits { connections: configured, connections_per_client: configured / 20, ..PATIENT };
        let Limits { connections, connections_per_client, .. } = limits.within(files);
        assert_eq!((connections, connections_per_client), expect, "{configured} of {files} files");
    }
    check(1000, 524_288, (1000, 50));
    check(1000, 2 * (1000 + RESERVED_FILES), (1000, 50));
    check(1000, 2 * (999 + RESERVED_FILES), (999, 49));
    check(4000, 160, (16, 1));
    check(4000, 128, (1, 1));
    check(4000, 0, (1, 1));
}

#[tokio::test]
async fn the_longest_idle_connection_makes_room() {
    let (server, address) = serve(V4, Limits { connections: 3, connections_per_client: 2, ..PATIENT });
    let mut first = connect_from(1, address).await;
    assert!(is_served(&mut first).await);
    let mut second = connect_from(1, address).await;
    assert!(is_served(&mut second).await && is_served(&mut first).await);
    let mut third = connect_from(1, address).await;
    assert!(is_served(&mut third).await, "a third of the same client");
    wait_for_close(&mut second).await;
    let mut others = [connect_from(2, address).await, connect_from(3, address).await];
    for other in &mut others {
        assert!(is_served(other).await, "a fourth in all");
    }
    wait_for_close(&mut first).await;
    assert!(is_served(&mut third).await, "who asked later keeps its place");
    soon(async {
        while server.counters().tcp_displaced() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Neither those who send nothing, nor half a query, nor take no answers, keep others out.
#[tokio::test]
async fn who_holds_all_connections_keeps_nobody_out() {
    let (_server, address) = serve(V4, Limits { connections: 3, connections_per_client: 3, ..PATIENT });
    let mut held = Vec::new();
    for sent in [vec![], framed("www.example.com A")[..9].to_vec(), framed("big.example.com A").repeat(5000)]
    {
        let mut stream = connect_from(1, address).await;
        stream.write_all(&sent).await.unwrap();
        held.push(stream);
    }
    for client in 2..20 {
        assert!(is_served(&mut connect_from(client, address).await).await, "{client}");
    }
}

/// A client that has no more queries still takes the answers (RFC 7766 section 6.2.4).
#[tokio::test]
async fn half_closed_connection_gets_every_answer() {
    let (server, address) = serve(V4, PATIENT);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&framed("www.example.com A").repeat(300)).await.unwrap();
    stream.shutdown().await.unwrap();
    for _ in 0..300 {
        assert_eq!(read_answer(&mut stream).await, expected("www.example.com A", TCP));
    }
    wait_for_close(&mut stream).await;
    assert_eq!(server.counters().tcp_answered(), 300);
}

#[tokio::test]
async fn published_tables_answer_from_then_on() {
    let (server, address) = serve(V4, PATIENT);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&framed("www.example.com A")).await.unwrap();
    assert_eq!(read_answer(&mut stream).await, expected("www.example.com A", TCP));
    let empty = Tables::new(ZoneSet::default(), Arc::new(AnswerTable::default()), Dns::default());
    server.publish(Arc::new(empty));
    stream.write_all(&framed("www.example.com A")).await.unwrap();
    read_answer(&mut stream).await;
    ask_udp(address, &query("www.example.com A").0).await;
    assert_eq!(server.counters().answered_with(5), 2, "refused");
}

#[tokio::test]
async fn shutdown_closes_everything() {
    let (server, address) = serve(V4, PATIENT);
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert!(is_served(&mut stream).await);
    server.shutdown().await;
    wait_for_close(&mut stream).await;
    Server::bind(&[address], tables(), PATIENT).unwrap();
}

/// The queries that have arrived are answered, however slowly the answers are taken; others are not waited for.
#[tokio::test]
async fn shutdown_answers_what_has_arrived() {
    const QUERIES: usize = 220;
    let (server, address) = serve(V4, PATIENT);
    let mut idle = TcpStream::connect(address).await.unwrap();
    assert!(is_served(&mut idle).await);
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Short enough to be read at once; the answers are more than the buffers of a usual host hold.
    stream.write_all(&framed("wide.example.com NS").repeat(QUERIES)).await.unwrap();
    let mut answers = vec![read_answer(&mut stream).await];
    let shutdown = tokio::spawn(server.shutdown());
    wait_for_close(&mut idle).await;
    while answers.len() < QUERIES {
        answers.push(read_answer(&mut stream).await);
    }
    assert!(answers.concat().len() > 5_000_000);
    let expect = expected("wide.example.com NS", TCP);
    assert!(answers.iter().all(|answer| *answer == expect));
    wait_for_close(&mut stream).await;
    soon(shutdown).await.unwrap();
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let (server, address) = serve(V4, Limits { transfer: Duration::from_millis(50), ..PATIENT });
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert!(is_served(&mut stream).await);
    stream.write_all(b"\0").await.unwrap();
    soon(server.shutdown()).await;
    wait_for_close(&mut stream).await;
}

/// What finds no room in the receive buffer is counted.
#[tokio::test]
async fn overflow_is_counted() {
    let (server, address) = serve(V4, PATIENT);
    let client = std::net::UdpSocket::bind(V4).unwrap();
    // More than the buffer holds, before the server's task runs again: this one does not wait for anything.
    let long = vec![0xff; 60_000];
    for _ in 0..200 {
        client.send_to(&long, address).unwrap();
    }
    let ask = || async {
        ask_udp(address, &query("www.example.com A").0).await;
        (server.counters().udp_overflowed() > 0).then_some(server.counters())
    };
    let counters = soon(async {
        loop {
            if let Some(counters) = ask().await {
                return counters;
            }
        }
    })
    .await;
    assert_eq!(counters.udp_overflowed() + counters.dropped(), 200);
}

/// An address that no interface has yet is served when one has it; the namespaces of the end-to-end tests show that.
#[tokio::test]
async fn address_may_come_later() {
    for listen in ["192.0.2.1:0", "[2001:db8::1]:0"] {
        Server::bind(&[listen.parse().unwrap()], tables(), PATIENT).unwrap();
    }
}

#[tokio::test]
async fn ipv6_socket_leaves_ipv4_alone() {
    let any: SocketAddr = (Ipv6Addr::UNSPECIFIED, 0).into();
    let (server, address) = serve(any, PATIENT);
    assert!(std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, address.port())).is_ok());
    assert!(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, address.port())).is_ok());
    drop(server);
}

#[tokio::test]
async fn binds_all_addresses_or_none() {
    let (server, free) = serve(V4, PATIENT);
    server.shutdown().await;
    let taken = std::net::UdpSocket::bind(V4).unwrap();
    Server::bind(&[free, taken.local_addr().unwrap()], tables(), PATIENT).unwrap_err();
    Server::bind(&[free], tables(), PATIENT).unwrap();
}

#[track_caller]
fn check_bind_error(listen: SocketAddr, expect: &str) {
    assert_eq!(Server::bind(&[listen], tables(), PATIENT).unwrap_err().to_string(), expect);
}

#[tokio::test]
async fn bind_error_names_address_and_holder() {
    let name = std::fs::read_to_string("/proc/self/comm").unwrap();
    let holder = format!("{} (process {})", name.trim_end(), std::process::id());
    for any in [V4, V6, (Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv6Addr::UNSPECIFIED, 0).into()] {
        let specific = |port| SocketAddr::new(if any.is_ipv4() { V4 } else { V6 }.ip(), port);
        let udp = std::net::UdpSocket::bind(any).unwrap();
        let address = specific(udp.local_addr().unwrap().port());
        check_bind_error(
            address,
            &format!("UDP {address} is already taken by {holder}; stop it, or change `listen`"),
        );
        let tcp = std::net::TcpListener::bind(any).unwrap();
        let address = specific(tcp.local_addr().unwrap().port());
        check_bind_error(
            address,
            &format!("TCP {address} is already taken by {holder}; stop it, or change `listen`"),
        );
    }
}

/// Asks with `dig`; `None` when there is none.
async fn dig(server: SocketAddr, arguments: &'static str) -> Option<String> {
    let run = move || {
        let place = [format!("@{}", server.ip()), "-p".into(), server.port().to_string()];
        Command::new("dig").args(place).args(["+tries=1", "+time=10"]).args(arguments.split(' ')).output()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap().ok()?;
    Some(String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn dig_understands_the_answers() {
    let (server, address) = serve(V4, PATIENT);
    let cases = [
        ("www.example.com A +short", &["192.0.2.1\n"][..]),
        ("www.example.com A +tcp +short", &["192.0.2.1\n"]),
        ("alias.example.com AAAA +short", &["www.example.com.\n2001:db8::1\n"]),
        (
            "steer.example.com A +subnet=198.51.100.7/24",
            &["status: NOERROR", "CLIENT-SUBNET: 198.51.100.0/24/24", "203.0.113.1"],
        ),
        ("steer.example.com A +subnet=0", &["status: NOERROR", "CLIENT-SUBNET: 0.0.0.0/0/0", "192.0.2.80"]),
        (
            "none.example.com A +dnssec",
            &["status: NXDOMAIN", "flags: qr aa rd;", "SOA", "flags: do; udp: 1232"],
        ),
        ("www.example.org A", &["status: REFUSED"]),
        ("big.example.com A", &["Truncated, retrying in TCP mode", "ANSWER: 80", "10.0.0.79"]),
        ("www.example.com A +edns=1 +noednsnegotiation", &["status: BADVERS"]),
        ("example.com AXFR", &["Transfer failed"]),
        ("www.example.com A +opcode=notify", &["status: NOTIMP"]),
    ];
    for (arguments, expect) in cases {
        let Some(output) = dig(address, arguments).await else {
            skip::report_or_fail("dig_understands_the_answers", "no `dig`: install bind9-dnsutils");
            return;
        };
        for part in expect {
            assert!(output.contains(part), "dig {arguments}: no {part:?} in\n{output}");
        }
    }
    assert!(server.counters().udp_answered() > 0 && server.counters().tcp_answered() > 0);
}
