//! The http and https probe: one HTTP/1.1 GET, judged by the status of its response (RFC 9110, RFC 9112). Follows no
//! redirect and reads no more than the head of the response.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{ProbeError, tcp, tls};
use crate::config::model::{HttpCheck, Target, Tls};

/// Longest response head, interim responses included: what common servers and proxies allow at most.
const MAX_HEAD: usize = 16 * 1024;

/// Most header fields of a response head.
const MAX_FIELDS: usize = 128;

/// Asks the address once.
pub(super) async fn probe(
    address: IpAddr,
    target: &Target,
    check: &HttpCheck,
    tls: &tls::Connectors,
) -> Result<(), ProbeError> {
    let host = check.host.clone().unwrap_or_else(|| target.to_string());
    let request = request(&host, check);
    let stream = tcp::connect(SocketAddr::new(address, check.port)).await?;
    let status = match check.tls {
        Tls::Off => exchange(stream, &request).await?,
        Tls::Verify => exchange(tls.connect_verified(stream, host).await?, &request).await?,
        Tls::NoVerify => exchange(tls.connect_unverified(stream, host).await?, &request).await?,
    };
    let expected = &check.expect_status;
    if expected.contains(&status) || (expected.is_empty() && (200..=399).contains(&status)) {
        Ok(())
    } else {
        Err(ProbeError::Status { status, expected: expected.clone() })
    }
}

/// The request. The port belongs to the `Host` field unless it is the default of the scheme (RFC 9110 section 7.2).
fn request(host: &str, check: &HttpCheck) -> String {
    let host = if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]") } else { host.to_owned() };
    let port = match (check.tls, check.port) {
        (Tls::Off, 80) | (Tls::Verify | Tls::NoVerify, 443) => String::new(),
        (_, port) => format!(":{port}"),
    };
    let path = &check.path;
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}{port}\r\nUser-Agent: gtm-health-check\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )
}

/// Sends the request; returns the status of the final response.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Result<u16, ProbeError> {
    stream.write_all(request.as_bytes()).await.map_err(tls::session_error)?;
    stream.flush().await.map_err(tls::session_error)?;
    let mut received = vec![0; MAX_HEAD];
    let mut length = 0;
    // Where the head that is being read begins, behind the interim responses.
    let mut start = 0;
    while let Some(space) = received.get_mut(length..).filter(|space| !space.is_empty()) {
        let count = stream.read(space).await.map_err(tls::session_error)?;
        if count == 0 {
            // Cut, unless it is something else altogether, such as the alert of a server that speaks TLS.
            parse(received.get(start..length).unwrap_or_default())?;
            return Err(ProbeError::ResponseCut);
        }
        // Only a line end can complete a head or show it to be none: a server that sends byte by byte costs no more.
        let line_ended = space.iter().take(count).any(|byte| *byte == b'\n');
        length += count;
        if !line_ended {
            continue;
        }
        while let Some((status, head)) = parse(received.get(start..length).unwrap_or_default())? {
            if status >= 200 {
                return Ok(status);
            }
            start += head;
        }
    }
    Err(ProbeError::ResponseTooLong(MAX_HEAD))
}

/// The status and the length of a response head; `None` while it is not complete.
fn parse(bytes: &[u8]) -> Result<Option<(u16, usize)>, ProbeError> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => Ok(response.code.map(|status| (status, length))),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(ProbeError::TooManyFields(MAX_FIELDS)),
        Err(error) => Err(ProbeError::NotHttp(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, tls: Tls, port: u16, path: &str, expect: &str) {
        let check = HttpCheck { tls, port, path: path.to_owned(), host: None, expect_status: Vec::new() };
        let rest = "\r\nUser-Agent: gtm-health-check\r\nAccept: */*\r\nConnection: close\r\n\r\n";
        assert_eq!(request(host, &check), expect.to_owned() + rest);
    }

    #[test]
    fn request_names_the_host_and_an_unusual_port() {
        check("site.example", Tls::Off, 80, "/", "GET / HTTP/1.1\r\nHost: site.example");
        check("site.example", Tls::Off, 443, "/", "GET / HTTP/1.1\r\nHost: site.example:443");
        check("site.example", Tls::Verify, 443, "/a?b=c", "GET /a?b=c HTTP/1.1\r\nHost: site.example");
        check("site.example", Tls::NoVerify, 80, "/", "GET / HTTP/1.1\r\nHost: site.example:80");
        check("223.5.0.1", Tls::NoVerify, 443, "/", "GET / HTTP/1.1\r\nHost: 223.5.0.1");
        check("2001:db8::1", Tls::Off, 80, "/", "GET / HTTP/1.1\r\nHost: [2001:db8::1]");
        check("2001:db8::1", Tls::Off, 8080, "/", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080");
    }
}
