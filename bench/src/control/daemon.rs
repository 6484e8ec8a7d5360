//! The daemon itself with a million names: how long it takes to serve and to go over to another generation, and what it
//! takes of memory.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use gtm_tests::gtm::CONFIG;
use gtm_tests::leftover::temporary_folder;
use gtm_tests::{Gtm, Namespace, Veth};

use super::{figure, kibibytes, map_bytes};
use crate::report::{Report, Unit};

const NAMES: u32 = 1_000_000;
const PATIENCE: Duration = Duration::from_mins(1);
const CONFIGURATION: &str = "version = 1\n\
    [service]\nlisten = [\"198.51.100.53\"]\ninterfaces = [\"edge0\"]\nxdp_mode = \"native\"\n\
    [control]\nsocket = \"gtm.sock\"\n[store]\nfile = \"gtm.redb\"\n\
    [zone.\"gtm.test\"]\nfile = \"zone\"\n\
    [pool.one]\nkind = \"ipv4\"\n[[pool.one.address]]\naddress = \"203.0.113.1\"\nordinal = 1\n\
    [[domain]]\nname = \"www.gtm.test\"\ntype = \"A\"\npolicy = \"ordinal\"\n\
    [[domain.pool]]\npool = \"one\"\nordinal = 1\n";

/// Measures it, if its name contains `only`.
pub(super) fn measure(only: &str, report: &mut Report) -> anyhow::Result<()> {
    let name = "daemon with 1M names";
    if !name.contains(only) {
        return Ok(());
    }
    let folder = temporary_folder()?;
    fs::write(folder.path().join(CONFIG), CONFIGURATION)?;
    let mut zone = "$ORIGIN gtm.test.\n$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\n\
                    ns1 A 198.51.100.53\n"
        .to_owned();
    for number in 0..NAMES {
        let [_, a, b, c] = number.to_be_bytes();
        writeln!(zone, "s{number:06x} A 10.{a}.{b}.{c}")?;
    }
    fs::write(folder.path().join("zone"), zone)?;
    let [edge, peer] = [Arc::new(Namespace::create("edge")?), Arc::new(Namespace::create("clients")?)];
    let _link = Veth::connect((&edge, "edge0"), (&peer, "client0"), 1500)?;
    edge.add_address("edge0", "198.51.100.53".parse()?)?;
    let start = Instant::now();
    let gtm = Gtm::start(&edge, folder)?;
    gtm.wait_for_line(PATIENCE, "serving")?;
    report.add(figure(&format!("{name}: start"), vec![milliseconds(start)], Unit::Milliseconds, None));
    let process = gtm.id().to_string();
    let status = format!("/proc/{process}/status");
    let heap = kibibytes(&status, "RssAnon:");
    report.add(figure(&format!("{name}: memory of its own"), vec![heap], Unit::Bytes, None));
    report.add(figure(&format!("{name}: maps"), vec![map_bytes(&process)?], Unit::Bytes, None));
    let start = Instant::now();
    let output = gtm.verb(&["reload"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    report.add(figure(&format!("{name}: reload"), vec![milliseconds(start)], Unit::Milliseconds, None));
    let most = kibibytes(&status, "VmHWM:");
    report.add(figure(&format!("{name}: most memory, with mapped maps"), vec![most], Unit::Bytes, None));
    gtm.stop()
}

fn milliseconds(start: Instant) -> f64 {
    1000.0 * start.elapsed().as_secs_f64()
}
