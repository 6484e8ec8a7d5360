//! Raw requests to a server with a small daemon behind it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as StdListener;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};

use super::*;
use crate::control::fake::Fake;

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// Sends a request as it stands and reads all of the answer: status, head and JSON.
async fn raw(path: &Path, request: &[u8]) -> (u16, String, Value) {
    let mut stream = UnixStream::connect(path).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // A server that did not want all of the request resets the connection after its answer.
    let all = async { while stream.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {} };
    timeout(DEADLINE, all).await.expect("the answer ends in time");
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), serde_json::from_str(body).unwrap_or(Value::Null))
}

/// `METHOD PATH`, more header lines, and a body.
async fn send(fake: &Fake, line: &str, headers: &str, body: &str) -> (u16, String, Value) {
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: gtm\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    raw(&fake.socket(), request.as_bytes()).await
}

const JSON: &str = "Content-Type: application/json\r\n";

fn wish(pattern: &str) -> String {
    json!({ "pattern": pattern, "action": "down", "who": "alice", "reason": "test" }).to_string()
}

/// The status and the error code of an answer, with what it says.
async fn check_bad(fake: &Fake, line: &str, headers: &str, body: &str, expect: (u16, &str, &str)) {
    let (status, head, answer) = send(fake, line, headers, body).await;
    let error = &answer["error"];
    let said = format!("{} {}", error["message"], error["suggestion"]);
    assert_eq!((status, error["code"].as_str()), (expect.0, Some(expect.1)), "{line}: {said}");
    assert!(said.contains(expect.2), "{line}: {said}");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert!(head.contains("server: gtm/"), "{head}");
}

#[tokio::test]
async fn every_error_has_the_same_shape_and_says_what_would_be_right() {
    let fake = Fake::start();
    let check = async |line: &str, headers: &str, body: &str, expect: (u16, &str, &str)| {
        check_bad(&fake, line, headers, body, expect).await;
    };
    check("GET /v1/statu", "", "", (404, "no_such_route", r#"did you mean \"/v1/status\"?"#)).await;
    check("GET /", "", "", (404, "no_such_route", "no route GET /")).await;
    check("PUT /v1/status", "", "", (405, "method_not_allowed", "no method PUT")).await;
    check("GET /v1/explain?name=a&type=A", "", "", (400, "bad_request", "missing field `from`")).await;
    let explain = "GET /v1/explain?name=www.example.com";
    check(&format!("{explain}&type=A&from=x"), "", "", (400, "bad_request", "not an IP address")).await;
    check(&format!("{explain}&type=X&from=::1"), "", "", (400, "bad_request", "write A, AAAA")).await;
    check("GET /v1/explain?name=a..b&type=A&from=::1", "", "", (400, "bad_request", "empty label")).await;
    check("GET /v1/events?limit=0", "", "", (400, "bad_request", "allowed 1 to 1000")).await;
    check("GET /v1/events?wait=31", "", "", (400, "bad_request", "allowed 0 to 30")).await;
    check("GET /v1/events?after=-1", "", "", (400, "bad_request", "after")).await;
    check("GET /v1/events?before=1", "", "", (400, "bad_request", "unknown field `before`")).await;
    check("DELETE /v1/overrides/7", "", "", (404, "no_such_override", "none holds")).await;
    check("DELETE /v1/overrides/x", "", "", (400, "bad_request", "x")).await;

    let post = "POST /v1/overrides";
    check(post, "", &wish("east"), (415, "unsupported_media_type", "application/json")).await;
    check(post, JSON, "{", (400, "bad_request", "EOF while parsing")).await;
    check(post, JSON, r#"{"patern":"x"}"#, (400, "bad_request", "unknown field `patern`, expected")).await;
    check(post, JSON, &wish("east").replace("down", "dwn"), (400, "bad_request", "unknown variant")).await;
    check(post, JSON, &wish("192.0.2.3"), (404, "no_such_object", r#"did you mean \"192.0.2.1\"?"#)).await;
    check(post, JSON, &wish("*"), (409, "ambiguous_pattern", "3 addresses and 2 pools")).await;
    check(post, JSON, &wish("east").replace("alice", ""), (422, "invalid_value", "who is empty")).await;
    check(post, JSON, &wish(&"x".repeat(20_000)), (413, "body_too_large", "16384")).await;
    let long = format!("{JSON}Idempotency-Key: {}\r\n", "x".repeat(256));
    check(post, &long, &wish("east"), (400, "bad_request", "1 to 255")).await;
    check("POST /v1/return", JSON, r#"{"pattern":"est"}"#, (404, "no_such_object", "east")).await;
}

#[tokio::test]
async fn what_is_no_http_ends_the_connection() {
    let fake = Fake::start();
    let (status, _, _) = raw(&fake.socket(), b"\x00\x01\x02\r\n\r\n").await;
    assert_eq!(status, 400);
    let many = format!("GET /v1/status HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
    assert_eq!(raw(&fake.socket(), many.as_bytes()).await.0, 431);
    let long = format!("GET /v1/status HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(20_000));
    assert_eq!(raw(&fake.socket(), long.as_bytes()).await.0, 431);
    let chunked = format!(
        "POST /v1/overrides HTTP/1.1\r\nHost: gtm\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n{JSON}\r\n5000\r\n{}\r\n0\r\n\r\n",
        "x".repeat(0x5000)
    );
    assert_eq!(raw(&fake.socket(), chunked.as_bytes()).await.0, 413);
}

#[tokio::test]
async fn overrides_are_set_listed_and_undone() {
    let fake = Fake::start();
    let dry = wish("192.0.2.*").replacen('{', r#"{"dry_run":true,"#, 1);
    let (status, _, answer) = send(&fake, "POST /v1/overrides", JSON, &dry).await;
    assert_eq!(
        (status, answer["dry_run"].clone(), answer["overrides"].clone()),
        (200, json!(true), json!([]))
    );
    assert_eq!(answer["objects"][1], json!({ "kind": "address", "target": "192.0.2.2" }));
    let (status, _, answer) = send(&fake, "POST /v1/overrides", JSON, &wish("192.0.2.*")).await;
    assert_eq!((status, answer["overrides"][1]["id"].clone()), (200, json!(2)));
    let expect = json!({
        "id": 1,
        "object": { "kind": "address", "target": "192.0.2.1" },
        "action": "down",
        "who": "alice",
        "reason": "test",
        "created": crate::control::fake::NOW,
    });
    assert_eq!(answer["overrides"][0], expect);
    let (status, _, answer) = send(&fake, "DELETE /v1/overrides/1", "", "").await;
    assert_eq!((status, answer["undone"]["id"].clone()), (200, json!(1)));
    let (_, _, answer) = send(&fake, "GET /v1/overrides", "", "").await;
    assert_eq!(answer["overrides"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer["overrides"][0]["id"], 2);
}

#[tokio::test]
async fn a_key_makes_a_write_happen_once() {
    let fake = Fake::start();
    let key = format!("{JSON}Idempotency-Key: abc\r\n");
    let (status, head, first) = send(&fake, "POST /v1/overrides", &key, &wish("192.0.2.1")).await;
    assert_eq!((status, head.contains("idempotency-replayed")), (200, false));
    let (status, head, second) = send(&fake, "POST /v1/overrides", &key, &wish("192.0.2.1")).await;
    assert_eq!((status, head.contains("idempotency-replayed: true")), (200, true), "{head}");
    assert_eq!(first, second);
    check_bad(&fake, "POST /v1/overrides", &key, &wish("192.0.2.2"), (422, "idempotency_key_reused", "abc"))
        .await;
    check_bad(&fake, "DELETE /v1/overrides/1", &key, "", (422, "idempotency_key_reused", "abc")).await;
    let other = "Idempotency-Key: abd\r\n";
    for expect in [false, true] {
        let (status, head, _) = send(&fake, "DELETE /v1/overrides/1", other, "").await;
        assert_eq!((status, head.contains("idempotency-replayed")), (200, expect), "{head}");
    }
    // What was refused is refused again, although it would be refused otherwise by now.
    let bad = "Idempotency-Key: x\r\n";
    let (status, _, first) = send(&fake, "DELETE /v1/overrides/9", bad, "").await;
    assert_eq!(status, 404);
    send(&fake, "POST /v1/overrides", JSON, &wish("192.0.2.2")).await;
    assert_eq!(send(&fake, "DELETE /v1/overrides/9", bad, "").await.2, first);
}

#[tokio::test]
async fn a_failure_of_the_daemon_may_be_tried_again() {
    let fake = Fake::start();
    let key = "Idempotency-Key: r\r\n";
    for _ in 0..2 {
        assert_eq!(send(&fake, "POST /v1/reload", "", "").await.0, 200);
    }
    let (status, _, answer) = send(&fake, "POST /v1/reload", "", "").await;
    assert_eq!(status, 422);
    assert_eq!(answer["error"]["problems"][0]["line"], 7);
    for _ in 0..2 {
        let (status, head, _) = send(&fake, "POST /v1/reload", key, "").await;
        assert_eq!((status, head.contains("idempotency-replayed")), (500, false));
    }
}

#[tokio::test]
async fn a_client_can_wait_for_an_event() {
    let fake = Fake::start();
    let (_, _, answer) = send(&fake, "GET /v1/events", "", "").await;
    assert_eq!(answer, json!({ "events": [], "last": 0 }));
    let waiting = send(&fake, "GET /v1/events?after=0&wait=30", "", "");
    // It happens only once the daemon has said that there is nothing yet.
    let (answer, ()) = tokio::join!(waiting, async {
        fake.answered(2).await;
        fake.happen("address 192.0.2.1");
    });
    assert_eq!(
        (answer.2["last"].clone(), answer.2["events"][0]["kind"].clone()),
        (json!(1), json!("address_down"))
    );
    fake.happen("address 192.0.2.2");
    let (_, _, answer) = send(&fake, "GET /v1/events?after=1&wait=30", "", "").await;
    assert_eq!(answer["events"][0]["object"], "address 192.0.2.2");
    let (_, _, answer) = send(&fake, "GET /v1/events?limit=1", "", "").await;
    assert_eq!(answer["events"][0]["sequence"], 2);
}

#[tokio::test]
async fn one_that_waits_is_answered_at_the_end() {
    let mut fake = Fake::start();
    let socket = fake.socket();
    let request = b"GET /v1/events?after=0&wait=30 HTTP/1.1\r\nHost: gtm\r\n\r\n";
    let mut stream = UnixStream::connect(&socket).await.unwrap();
    stream.write_all(request).await.unwrap();
    fake.answered(1).await;
    fake.end().await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains(r#"{"events":[],"last":0}"#), "{answer}");
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_daemon_that_is_gone_or_silent_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtm.sock");
    let (requests, receiver) = mpsc::channel(1);
    let (_newest, watching) = watch::channel(0);
    let _server = Server::start(&path, requests, watching).unwrap();
    drop(receiver);
    let request = b"GET /v1/status HTTP/1.1\r\nHost: gtm\r\nConnection: close\r\n\r\n";
    let (status, _, answer) = raw(&path, request).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (503, Some("unavailable")));
}

fn start(path: &Path) -> Result<Server, SocketError> {
    let (requests, _) = mpsc::channel(1);
    Server::start(path, requests, watch::channel(0).1)
}

#[tokio::test]
async fn only_the_owner_may_connect() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/gtm/gtm.sock");
    let server = start(&path).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    server.shutdown().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn what_a_dead_daemon_left_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtm.sock");
    drop(StdListener::bind(&path).unwrap());
    let server = start(&path).expect("nobody listens any more");
    let error = start(&path).unwrap_err().to_string();
    let process = format!("another gtm (process {})", std::process::id());
    assert!(error.contains(&process) && error.contains("gtm.sock"), "{error}");
    drop(server);
    assert!(!path.exists(), "a dropped server takes its socket along");

    fs::write(&path, "not a socket").unwrap();
    let error = start(&path).unwrap_err().to_string();
    assert!(error.contains("no socket is there"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "not a socket");

    let long = folder.path().join("x".repeat(108));
    assert!(start(&long).unwrap_err().to_string().contains("at most 107"));
}

#[tokio::test]
async fn a_socket_that_another_has_replaced_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtm.sock");
    let server = start(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let other = StdListener::bind(&path).unwrap();
    server.shutdown().await;
    assert!(path.exists());
    drop(other);
}

#[tokio::test]
async fn many_that_do_nothing_keep_nobody_out_for_long() {
    let fake = Fake::start();
    let mut idle = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        idle.push(UnixStream::connect(fake.socket()).await.unwrap());
    }
    let waiting = send(&fake, "GET /v1/status", "", "");
    let (answer, ()) = tokio::join!(waiting, async { drop(idle.pop()) });
    assert_eq!(answer.0, 200);
}

/// The committed description is the generated one.
#[test]
fn the_description_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let generated = document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("GTM_BLESS").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "docs/openapi.json is not what the routes and types say; renew it: \
         GTM_BLESS=1 cargo test -p gtm-userspace --lib the_description_is_up_to_date"
    );
}

#[tokio::test]
async fn the_description_is_served() {
    let fake = Fake::start();
    let (status, _, answer) = send(&fake, "GET /v1/openapi.json", "", "").await;
    assert_eq!((status, answer["info"]["version"].clone()), (200, json!("1")));
    let paths = answer["paths"].as_object().unwrap();
    assert!(paths.contains_key("/v1/status") && paths.contains_key("/v1/overrides/{id}"), "{paths:?}");
}

/// Time stands still in these tests unless everything waits, so a silent daemon costs nothing.
#[tokio::test(start_paused = true)]
async fn a_silent_daemon_is_not_waited_for_for_ever() {
    let (requests, _receiver) = mpsc::channel(1);
    let (newest, ending) = (watch::channel(0).1, watch::channel(Ending::No).1);
    let daemon = Daemon { requests, newest, ending };
    let error = daemon.ask(Duration::from_secs(10), Request::Status).await.unwrap_err();
    assert_eq!((error.code, error.code.status()), (ErrorCode::Unavailable, 503));
    assert!(error.message.contains("within 10 s"), "{error}");
}
