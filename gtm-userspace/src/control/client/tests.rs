//! The client against a server with a small daemon behind it, and against what is none.

use std::os::unix::net::UnixListener;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::control::api::{Object, Verb};
use crate::control::fake::Fake;

#[tokio::test]
async fn every_route_is_understood() {
    let fake = Fake::start();
    let client = Client::new(&fake.socket());
    assert_eq!(client.status().await.unwrap().answers.kernel.total, 7);
    let query = ExplainQuery {
        name: "www.example.com".to_owned(),
        qtype: "AAAA".to_owned(),
        from: "2001:db8::/32".to_owned(),
    };
    assert_eq!(client.explain(&query).await.unwrap().text, "www.example.com 28 2001:db8::");
    fake.happen("pool east");
    let query = EventQuery { after: Some(0), wait: Some(30), ..EventQuery::default() };
    assert_eq!(client.events(&query).await.unwrap().events[0].object, "pool east");
    let wish = NewOverride {
        pattern: "east".to_owned(),
        kind: None,
        action: Verb::Down,
        pool: None,
        who: "alice".to_owned(),
        reason: "why not & so".to_owned(),
        expires: None,
        lasting: Some("1h".to_owned()),
        dry_run: false,
    };
    let set = client.set_overrides(&wish).await.unwrap();
    assert_eq!(set.objects, [Object::Pool { name: "east".to_owned() }]);
    assert_eq!(client.overrides().await.unwrap().overrides, set.overrides);
    let id = set.overrides[0].id;
    assert_eq!(client.undo(id).await.unwrap().undone.reason, "why not & so");
    assert!(matches!(client.undo(id).await, Err(ClientError::Refused(_))));
    let wish = ReturnRequest { pattern: "e*".to_owned(), kind: None };
    assert_eq!(client.return_now(&wish).await.unwrap().objects.len(), 1);
    assert_eq!(client.reload().await.unwrap().generation.number, 2);
}

#[tokio::test]
async fn no_daemon_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtm.sock");
    let error = Client::new(&path).status().await.unwrap_err().to_string();
    assert!(error.contains("is it running?") && error.contains("gtm.sock"), "{error}");
    drop(UnixListener::bind(&path).unwrap());
    let error = Client::new(&path).status().await.unwrap_err().to_string();
    assert!(error.contains("is it running?"), "{error}");
}

/// What the client says to this answer.
#[track_caller]
fn check(answer: &'static str, expect: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gtm.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let client = Client::new(&path);
        let served = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            assert_ne!(stream.read(&mut head).await.unwrap(), 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        tokio::join!(client.status(), served).0.unwrap_err().to_string()
    });
    assert!(error.contains(expect), "{error}");
}

#[test]
fn another_version_is_told() {
    check(
        "HTTP/1.1 404 Not Found\r\nserver: gtm/9.9.9\r\ncontent-length: 62\r\n\r\n\
         {\"error\":{\"code\":\"no_such_route\",\"message\":\"no route GET /v1\"}}",
        "is 9.9.9, this one is",
    );
    check("HTTP/1.1 200 OK\r\nserver: gtm/9.9.9\r\ncontent-length: 2\r\n\r\n{}", "missing field");
    check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "no gtm that is known");
    check("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 2\r\n\r\nno", "it answered 502");
    check("SSH-2.0-OpenSSH_9.2\r\n", "did not answer");
    check("", "did not answer");
    check(
        "HTTP/1.1 500 Oh\r\nserver: gtm/9.9.9\r\ncontent-length: 55\r\n\r\n\
         {\"error\":{\"code\":\"new_code\",\"message\":\"something new\"}}",
        "something new",
    );
}
