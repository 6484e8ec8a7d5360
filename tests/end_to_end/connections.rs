//! TCP connections of the daemon: how many there are, how long they stay, and who makes room.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use gtm_tests::{Gtm, Query};

use crate::stage::{SERVER_V4, Side, Stage, folder_with};
use crate::{DEADLINE, beside_others, can_run};

/// Option code of TCP keepalive (RFC 7828).
const KEEPALIVE: u16 = 11;

#[test]
fn connections_and_their_time_are_as_configured() {
    if !can_run("connections_and_their_time_are_as_configured", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder_with(MODE, "xdp_mode = \"off\"\ntcp_connections = 1\ntcp_idle = \"9m\""));
    let mut first = connect(stage.side());
    // Told in tenths of a second, at the end of the answer.
    let told = [0, 11, 0, 2, 0x15, 0x18];
    let answer = ask(&mut first).unwrap();
    assert!(answer.ends_with(&told), "{answer:02x?}");
    ask(&mut connect(stage.side())).unwrap();
    assert_eq!(first.read(&mut [0]).unwrap(), 0, "the first one makes room");
    gtm.stop().unwrap();

    let gtm = stage.run(folder_with(MODE, "xdp_mode = \"off\"\ntcp_idle = \"1s\""));
    let mut idle = connect(stage.side());
    ask(&mut idle).unwrap();
    assert_eq!(idle.read(&mut [0]).unwrap(), 0, "the idle one is closed");
    gtm.stop().unwrap();
}

/// Who holds more connections than the daemon may open files keeps nobody out.
#[test]
fn few_open_files_keep_nobody_out() {
    if !can_run("few_open_files_keep_nobody_out", &["prlimit"]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = Gtm::start_with_files(&stage.edge, folder_with(MODE, MANY), 160).unwrap();
    gtm.wait_for_line(DEADLINE, "serving").unwrap();
    let held: Vec<TcpStream> = (0..140).map(|_| connect(stage.side())).collect();
    ask(&mut connect(stage.side())).unwrap();
    drop(held);
    let output = gtm.output();
    let warning =
        "allows fewer TCP connections than are configured tcp_connections=4000 allowed=16 open_files=160";
    assert_eq!(output.matches(warning).count(), 1, "{output}");
    assert!(!output.contains("accepting TCP connections failed"), "{output}");
    gtm.stop().unwrap();
}

const MODE: &str = "xdp_mode = \"native\"";
const MANY: &str = "xdp_mode = \"native\"\ntcp_connections = 4000\ntcp_idle = \"10m\"";

fn connect(side: &Side) -> TcpStream {
    let stream = side.namespace.run(|| TcpStream::connect(SERVER_V4)).unwrap().unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// The answer to a query with the keepalive option.
fn ask(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let query: Query = "text.example.com TXT edns".parse().unwrap();
    let query = query.with_opt(1232, vec![(KEEPALIVE, Vec::new())]).bytes();
    let length = u16::try_from(query.len()).unwrap();
    stream.write_all(&[&length.to_be_bytes(), &query[..]].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}
