//! The probes on loopback, against real sockets that answer well, badly, slowly or never.

use std::net::Ipv4Addr;
use std::sync::Mutex;

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::*;
use crate::config::model::{HttpCheck, Initial, Template, Tls};
use crate::health::scheduler::probe_in_time;
use crate::skip;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Long enough for any answer that comes at all.
const AMPLE: Duration = Duration::from_secs(20);
/// For what never comes.
const SHORT: Duration = Duration::from_millis(100);

/// Probes once; what the probe says is its error in words.
async fn probe(prober: &Prober, target: Target, kind: CheckKind, timeout: Duration) -> Result<(), String> {
    let template = Template {
        name: "test".to_owned(),
        kind,
        interval: timeout,
        timeout,
        failures: 1,
        successes: 1,
        initial: Initial::Up,
    };
    probe_in_time(prober, &target, &template).await.map_err(|error| error.to_string())
}

fn prober() -> Prober {
    Prober::with_roots(RootCertStore::empty()).unwrap()
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

fn http(tls: Tls, port: u16) -> HttpCheck {
    HttpCheck { tls, port, path: "/health".to_owned(), host: None, expect_status: Vec::new() }
}

/// What a server sends to whom it has read a request from.
#[derive(Debug, Clone, Copy)]
enum Serves {
    /// These bytes, then the end.
    Whole(&'static str),
    /// The same, each byte in a segment of its own.
    ByteByByte(&'static str),
    /// These bytes again and again, without end.
    Endless(&'static str),
    /// The first bytes once, then the others without end.
    Beginning(&'static str, &'static str),
    /// Nothing, and keeps the connection.
    Nothing,
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, serves: Serves) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    match serves {
        Serves::Whole(response) => stream.write_all(response.as_bytes()).await?,
        Serves::ByteByByte(response) => {
            for byte in response.bytes() {
                stream.write_all(&[byte]).await?;
                stream.flush().await?;
                tokio::task::yield_now().await;
            }
        }
        Serves::Endless(piece) => loop {
            stream.write_all(piece.as_bytes()).await?;
        },
        Serves::Beginning(begin, piece) => {
            stream.write_all(begin.as_bytes()).await?;
            loop {
                stream.write_all(piece.as_bytes()).await?;
            }
        }
        Serves::Nothing => std::future::pending().await,
    }
    stream.shutdown().await
}

/// A server on a port of its own; ends with the returned set.
async fn plain_server(serves: Serves) -> (u16, JoinSet<()>) {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            // The probe may hang up first.
            serve(stream, serves).await.ok();
        }
    });
    (port, tasks)
}

#[track_caller]
fn check_http(serves: Serves, expected: &[u16], timeout: Duration, expect: Result<(), &str>) {
    let result = run(async {
        let (port, _server) = plain_server(serves).await;
        let check = HttpCheck { expect_status: expected.to_vec(), ..http(Tls::Off, port) };
        probe(&prober(), Target::Ip(LOOPBACK), CheckKind::Http(check), timeout).await
    });
    assert_eq!(result, expect.map_err(str::to_owned), "{serves:?}");
}

#[test]
fn http_is_judged_by_its_status() {
    let whole =
        |response, expected: &[u16], expect| check_http(Serves::Whole(response), expected, AMPLE, expect);
    whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", &[], Ok(()));
    whole("HTTP/1.0 204 No Content\r\n\r\n", &[], Ok(()));
    whole("HTTP/1.1 200\r\n\r\n", &[], Ok(()));
    whole("HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n", &[], Ok(()));
    whole("HTTP/1.1 399 Odd\r\n\r\n", &[], Ok(()));
    whole("HTTP/1.1 400 Bad\r\n\r\n", &[], Err("HTTP status 400, expected 200 to 399"));
    whole("HTTP/1.1 503 Off\r\n\r\n", &[], Err("HTTP status 503, expected 200 to 399"));
    whole("HTTP/1.1 503 Off\r\n\r\n", &[200, 503], Ok(()));
    whole("HTTP/1.1 302 Found\r\n\r\n", &[200], Err("HTTP status 302, expected 200"));
    whole("HTTP/1.1 404 No\r\n\r\n", &[200, 204], Err("HTTP status 404, expected 200 or 204"));
    whole("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", &[], Ok(()));
    whole(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\n\r\n",
        &[],
        Err("HTTP status 500, expected 200 to 399"),
    );
}

#[test]
fn http_bad_responses_are_told_apart() {
    let cut = Err("connection closed before the HTTP response was complete");
    check_http(Serves::Whole(""), &[], AMPLE, cut);
    check_http(Serves::Whole("HTTP/1.1 200 OK\r\nServer"), &[], AMPLE, cut);
    check_http(Serves::Whole("HTTP/1.1 100 Continue\r\n\r\n"), &[], AMPLE, cut);
    let not_http = Err("response is not HTTP/1.1: invalid HTTP version");
    check_http(Serves::Whole("SSH-2.0-OpenSSH_9.2p1\r\n"), &[], AMPLE, not_http);
    check_http(Serves::Endless("garbage\n"), &[], AMPLE, not_http);
    check_http(
        Serves::Whole("HTTP/1.1 abc OK\r\n\r\n"),
        &[],
        AMPLE,
        Err("response is not HTTP/1.1: invalid response status"),
    );
    check_http(Serves::Whole("no line end"), &[], AMPLE, not_http);
}

#[test]
fn http_response_is_bounded_in_size_and_time() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    check_http(Serves::ByteByByte(ok), &[], AMPLE, Ok(()));
    check_http(
        Serves::ByteByByte("HTTP/1.1 503 Off\r\n\r\n"),
        &[200],
        AMPLE,
        Err("HTTP status 503, expected 200"),
    );
    check_http(Serves::Nothing, &[], SHORT, Err("no answer within 100ms"));
    let too_long = Err("HTTP response head of more than 16384 bytes");
    check_http(Serves::Endless("x"), &[], AMPLE, too_long);
    check_http(Serves::Endless("HTTP/1.1 100 Continue\r\n\r\n"), &[], AMPLE, too_long);
    // The body does not count.
    check_http(Serves::Endless("HTTP/1.1 200 OK\r\n\r\n"), &[], AMPLE, Ok(()));
}

#[test]
fn http_header_fields_are_bounded() {
    let too_many = Err("HTTP response head of more than 128 fields");
    check_http(Serves::Beginning("HTTP/1.1 200 OK\r\n", "a: b\r\n"), &[], AMPLE, too_many);
}

/// An https server with a certificate of its own making.
struct TlsServer {
    port: u16,
    certificate: CertificateDer<'static>,
    /// The name that the last client asked for.
    asked: Arc<Mutex<Option<String>>>,
    _server: JoinSet<()>,
}

impl TlsServer {
    async fn start(names: &[&str], last_year: i32) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        // The issuer's name: two certificates with the same one would be taken for issued by each other.
        params.distinguished_name.push(DnType::CommonName, names[0]);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(last_year, 1, 1);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::default());
        let mut server = JoinSet::new();
        server.spawn({
            let asked = Arc::clone(&asked);
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    // A client that refuses the certificate is an error here.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        *asked.lock().unwrap() = stream.get_ref().1.server_name().map(str::to_owned);
                        serve(stream, Serves::Whole("HTTP/1.1 200 OK\r\n\r\n")).await.ok();
                    }
                }
            }
        });
        Self { port, certificate, asked, _server: server }
    }
}

/// Whom the prober trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trusts {
    Nobody,
    Another,
    TheServer,
}

#[derive(Debug, Clone, Copy)]
struct TlsCase {
    names: &'static [&'static str],
    last_year: i32,
    trusts: Trusts,
    host: Option<&'static str>,
}

#[track_caller]
fn check_tls(tls: Tls, case: TlsCase, expect: Result<(), &str>) {
    let (result, asked) = run(async {
        let server = TlsServer::start(case.names, case.last_year).await;
        let mut roots = RootCertStore::empty();
        match case.trusts {
            Trusts::Nobody => {}
            Trusts::Another => {
                let another = TlsServer::start(&["other.example"], 2999).await;
                roots.add(another.certificate).unwrap();
            }
            Trusts::TheServer => roots.add(server.certificate.clone()).unwrap(),
        }
        let prober = Prober::with_roots(roots).unwrap();
        let check = HttpCheck { host: case.host.map(str::to_owned), ..http(tls, server.port) };
        let result = probe(&prober, Target::Ip(LOOPBACK), CheckKind::Http(check), AMPLE).await;
        let asked = server.asked.lock().unwrap().clone();
        (result, asked)
    });
    // Words of the TLS library may follow ours.
    match (&result, expect) {
        (Err(error), Err(begin)) => assert!(error.starts_with(begin), "{case:?}: {error}"),
        _ => assert_eq!(result, expect.map_err(str::to_owned), "{case:?}"),
    }
    if result.is_ok() {
        assert_eq!(asked.as_deref(), case.host, "the server name that was asked for");
    }
}

#[test]
fn https_verifies_the_certificate_or_takes_any() {
    let good = TlsCase {
        names: &["site.example"],
        last_year: 2999,
        trusts: Trusts::TheServer,
        host: Some("site.example"),
    };
    let untrusted = TlsCase { trusts: Trusts::Another, ..good };
    let no_roots = TlsCase { trusts: Trusts::Nobody, ..good };
    let other_host = TlsCase { host: Some("www.site.example"), ..good };
    let expired = TlsCase { last_year: 2001, ..good };
    let address = TlsCase { names: &["127.0.0.1"], host: None, ..good };
    let wrong_address = TlsCase { host: None, ..good };
    let no_name = TlsCase { host: Some("a..b"), ..good };

    check_tls(Tls::Verify, good, Ok(()));
    check_tls(Tls::Verify, address, Ok(()));
    let issuer = "certificate not valid: its issuer is not among the root certificates of this host";
    check_tls(Tls::Verify, untrusted, Err(issuer));
    check_tls(Tls::Verify, no_roots, Err("no root certificates on this host: install its package 'ca-cert"));
    check_tls(Tls::Verify, other_host, Err("certificate not valid: not valid for name \"www.site.example\""));
    check_tls(Tls::Verify, wrong_address, Err("certificate not valid: not valid for name \"127.0.0.1\""));
    check_tls(Tls::Verify, expired, Err("certificate not valid: expired"));
    check_tls(Tls::Verify, no_name, Err("host 'a..b' is neither a host name nor an address"));
    for any in [good, untrusted, no_roots, other_host, expired, wrong_address] {
        check_tls(Tls::NoVerify, any, Ok(()));
    }
    check_tls(Tls::Off, good, Err("response is not HTTP/1.1: "));
}

#[test]
fn https_to_a_server_without_tls_is_bad() {
    let result = run(async {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut server: JoinSet<()> = JoinSet::new();
        server.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            std::future::pending::<()>().await;
        });
        let check = CheckKind::Http(http(Tls::NoVerify, port));
        probe(&prober(), Target::Ip(LOOPBACK), check, AMPLE).await
    });
    let error = result.unwrap_err();
    assert!(error.starts_with("TLS failed: "), "{error}");
}

/// A port of loopback that nobody listens on: bound, so that nobody else gets it.
fn closed_port() -> (u16, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(LOOPBACK, 0)).unwrap();
    (socket.local_addr().unwrap().port(), socket)
}

#[test]
fn closed_port_refuses() {
    run(async {
        let (port, _socket) = closed_port();
        for kind in [
            CheckKind::Tcp { port },
            CheckKind::Http(http(Tls::Off, port)),
            CheckKind::Http(http(Tls::NoVerify, port)),
        ] {
            let result = probe(&prober(), Target::Ip(LOOPBACK), kind.clone(), AMPLE).await;
            assert_eq!(result, Err("connection refused".to_owned()), "{kind:?}");
        }
    });
}

#[test]
fn tcp_connects_and_closes_without_a_reset() {
    run(async {
        for greeting in [&b""[..], b"220 ready\r\n"] {
            let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
            let kind = CheckKind::Tcp { port: listener.local_addr().unwrap().port() };
            let prober = prober();
            let server = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(greeting).await.unwrap();
                stream.read(&mut [0; 16]).await.map_err(|error| error.to_string())
            };
            let (result, read) = tokio::join!(probe(&prober, Target::Ip(LOOPBACK), kind, AMPLE), server);
            assert_eq!(result, Ok(()));
            if greeting.is_empty() {
                assert_eq!(read, Ok(0), "the connection ended in order");
            }
        }
    });
}

/// A peer that talks without end must not be listened to without end: what it says beyond a greeting stays unread, which
/// resets the connection.
#[test]
fn tcp_hears_no_more_than_a_greeting() {
    run(async {
        for (length, expect) in [(2048, Ok(1)), (16 * 1024, Err(io::ErrorKind::BrokenPipe))] {
            let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
            let stream = tcp::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut talker, _) = listener.accept().await.unwrap();
            talker.write_all(&vec![0; length]).await.unwrap();
            stream.readable().await.unwrap();
            tcp::close(stream).await;
            assert_eq!(talker.write(&[0]).await.map_err(|error| error.kind()), expect, "{length}");
        }
    });
}

/// A listener that never accepts and whose queue is full: the kernel drops what would be one connection more.
#[test]
fn black_hole_is_cut_at_the_timeout() {
    run(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(LOOPBACK, 0)).unwrap();
        let listener = socket.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let _first = tcp::connect(address).await.unwrap();
        let port = address.port();
        for kind in [CheckKind::Tcp { port }, CheckKind::Http(http(Tls::Off, port))] {
            let result = probe(&prober(), Target::Ip(LOOPBACK), kind.clone(), SHORT).await;
            assert_eq!(result, Err("no answer within 100ms".to_owned()), "{kind:?}");
        }
    });
}

#[test]
fn tls_handshake_without_end_is_cut_at_the_timeout() {
    run(async {
        let (port, _server) = plain_server(Serves::Nothing).await;
        let check = CheckKind::Http(http(Tls::NoVerify, port));
        let result = probe(&prober(), Target::Ip(LOOPBACK), check, SHORT).await;
        assert_eq!(result, Err("no answer within 100ms".to_owned()));
    });
}

#[test]
fn name_is_resolved_by_the_system() {
    run(async {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let kind = CheckKind::Tcp { port: listener.local_addr().unwrap().port() };
        let result = probe(&prober(), Target::Name("localhost".parse().unwrap()), kind, AMPLE).await;
        assert_eq!(result, Ok(()));
    });
    let error = ProbeError::Resolve {
        name: "site.example".parse().unwrap(),
        source: io::Error::other("Name or service not known"),
    };
    assert_eq!(error.to_string(), "name 'site.example' did not resolve: Name or service not known");
}

#[test]
fn ping_of_loopback_is_answered_also_many_at_once() {
    run(async {
        let prober = Arc::new(prober());
        let mut pings = JoinSet::new();
        for number in 0..500_u32 {
            let v4 = IpAddr::V4(Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + number));
            for address in [v4, "::1".parse().unwrap()] {
                let prober = Arc::clone(&prober);
                pings.spawn(async move { probe(&prober, Target::Ip(address), CheckKind::Ping, AMPLE).await });
            }
        }
        for result in pings.join_all().await {
            if result == Err(ProbeError::PingNotPermitted.to_string()) {
                skip::report_or_fail("ping_of_loopback_is_answered_also_many_at_once", "needs CAP_NET_RAW");
                return;
            }
            assert_eq!(result, Ok(()));
        }
    });
}

#[test]
fn errors_of_the_system_are_words() {
    let words = |error: Errno| ProbeError::Connection(error.into()).to_string();
    assert_eq!(words(Errno::ECONNREFUSED), "connection refused");
    assert_eq!(words(Errno::EHOSTUNREACH), "no route to host");
    assert_eq!(words(Errno::ENETUNREACH), "network is unreachable");
    assert_eq!(words(Errno::EMFILE), "too many open files");
}
