//! Every case against the server, and against the program.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use gtm_tests::dns::{shown, sorted};
use gtm_tests::service::{Ran, run};
use gtm_tests::{Datagram, Service, privilege};

use crate::case::{self, Case, Kernel, Transport};

/// Goes through all cases over these transports, each with what `load` makes of its configuration, and then tells every
/// one that failed.
fn check_all<T>(
    over: &[Transport],
    load: impl Fn(Service) -> T,
    check: impl Fn(&T, &Case, IpAddr, Transport) -> Result<(), String>,
) {
    let cases = case::all();
    let mut served = BTreeMap::new();
    for case in &cases {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&case.about);
        served.entry(case.about.as_str()).or_insert_with(|| load(Service::load(&path).unwrap()));
    }
    let runs = cases.iter().flat_map(|case| {
        let transports = case.transports.iter().filter(|transport| over.contains(transport));
        transports.flat_map(move |over| case.clients.iter().map(move |client| (case, *client, *over)))
    });
    let failed: Vec<_> = runs
        .filter_map(|(case, client, over)| {
            let problem = check(&served[case.about.as_str()], case, client, over).err()?;
            Some(format!("{} from {client} over {over:?}: {problem}", case.place))
        })
        .collect();
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

fn same(answer: Option<&[u8]>, expect: Option<&[u8]>) -> Result<(), String> {
    if answer.map(sorted) == expect.map(sorted) {
        return Ok(());
    }
    let text = |message: Option<&[u8]>| message.map_or("none".to_owned(), shown);
    Err(format!("answered\n{}\nnot\n{}", text(answer), text(expect)))
}

#[test]
fn the_server_answers_every_vector() {
    check_all(
        &[Transport::Udp, Transport::Tcp],
        |service| service,
        |service, case, client, over| {
            let answer = match over {
                Transport::Udp => service.respond(&case.message, client),
                Transport::Tcp => service.respond_over_tcp(&case.message, client),
            };
            same(answer.as_deref(), case.answer.as_deref())
        },
    );
}

#[test]
fn the_program_answers_or_passes_every_vector() {
    if !privilege::root_or_skip("the_program_answers_or_passes_every_vector") {
        return;
    }
    let load = |service: Service| {
        let generation = service.generation().unwrap();
        (service, generation)
    };
    check_all(&[Transport::Udp], load, |(service, generation), case, client, _| {
        let datagram = service.datagram(client, &case.message).unwrap();
        let (ran, outcome) =
            run(generation, &datagram.frame().unwrap()).map_err(|error| error.to_string())?;
        match (ran, case.kernel) {
            (Ran::Sent(frame), Kernel::Answers | Kernel::Either) => {
                let sent = Datagram::read(&frame).map_err(|error| error.to_string())?;
                same(Some(&sent.payload), case.answer.as_deref())
            }
            (Ran::Passed, Kernel::Passes | Kernel::Either) => Ok(()),
            (Ran::Sent(_), Kernel::Passes) => Err("answered by the program".to_owned()),
            (Ran::Passed, Kernel::Answers) => Err(format!("not answered by the program: {}", outcome.name())),
        }
    });
}
