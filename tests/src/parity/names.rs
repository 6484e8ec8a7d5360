//! What is asked for: the names and types of a configuration, and all that lies around them.

use std::collections::{BTreeMap, BTreeSet};

use gtm_common::abi::ANY_TYPE;
use gtm_common::wire::{MAX_LABEL, MAX_NAME};

use crate::query::wire;
use crate::{Random, Service};

/// Types that resolvers ask for, whether or not a zone has them: A, AAAA, HTTPS, NS, SOA, MX, TXT, PTR, SRV, DS, DNSKEY,
/// TLSA, CAA, CNAME, DNAME, SVCB.
const ASKED: &[u16] = &[1, 28, 65, 2, 6, 15, 16, 12, 33, 43, 48, 52, 257, 5, 39, 64];
/// What is no type of data, or asks for several: OPT, TKEY, TSIG, IXFR, AXFR, MAILB, MAILA, ANY, and the ends of their
/// range and of all.
const META: &[u16] = &[0, 41, 127, 128, 249, 250, 251, 252, 253, 254, 255, 256, ANY_TYPE];
/// Names of class CH that servers tell of themselves by.
const CHAOS: &[&str] = &["version.bind", "version.server", "id.server", "hostname.bind", "authors.bind"];

/// The names of a configuration, each with the types it has.
pub(super) struct Names {
    /// Labels from the left, without the root; sorted, because the order of a hash map is another one in every run.
    known: Vec<(Vec<Vec<u8>>, Vec<u16>)>,
}

impl Names {
    /// Every name that the zones or the access domains of a configuration have.
    pub(super) fn of(service: &Service) -> Self {
        let mut known: BTreeMap<Vec<Vec<u8>>, BTreeSet<u16>> = BTreeMap::new();
        for (name, node) in service.model().zones.iter().flat_map(|zone| zone.nodes.iter()) {
            let labels = name.labels().map(<[u8]>::to_vec).collect();
            known.entry(labels).or_default().extend(node.keys());
        }
        for (name, entries) in service.decider().table().names.iter() {
            let labels = name.labels().map(<[u8]>::to_vec).collect();
            let types = entries.iter().map(|entry| entry.qtype).filter(|qtype| *qtype != ANY_TYPE);
            known.entry(labels).or_default().extend(types);
        }
        let known = known.into_iter().map(|(labels, types)| (labels, types.into_iter().collect()));
        Self { known: known.collect() }
    }

    /// A QNAME in lower case and a QTYPE.
    pub(super) fn draw(&self, random: &mut Random) -> (Vec<u8>, u16) {
        let (known, types) = random.pick(&self.known);
        let mut labels = known.clone();
        match random.below(16) {
            0..=7 => {}
            8 => {
                // The name above, and after that perhaps something beside.
                labels = labels.split_off(labels.len().min(1));
                if random.one_in(2) {
                    labels.insert(0, label(random));
                }
            }
            9 | 10 => prepend(&mut labels, random),
            11 => self.below_a_wildcard(&mut labels, random),
            12 => outside(&mut labels, random),
            13 => stretch(&mut labels, random),
            14 => {
                if let Some(first) = labels.first_mut() {
                    *first = label(random);
                }
            }
            _ => change_a_byte(&mut labels, random),
        }
        let qtype = match random.below(16) {
            0..=9 if !types.is_empty() => *random.pick(types),
            0..=11 => *random.pick(ASKED),
            12 | 13 => random.pick(&self.known).1.first().copied().unwrap_or(1),
            14 => *random.pick(META),
            _ => random.word(),
        };
        (assemble(&labels), qtype)
    }

    /// A name and type of class CH.
    pub(super) fn draw_chaos(random: &mut Random) -> (Vec<u8>, u16) {
        (wire(random.pick::<&str>(CHAOS)).unwrap_or_default(), *random.pick(&[16, 16, 16, 1, 255]))
    }

    /// Something in the place of a wildcard's `*`, so that it matches; any name's neighbour where there is no wildcard.
    fn below_a_wildcard(&self, labels: &mut Vec<Vec<u8>>, random: &mut Random) {
        let is_wildcard =
            |(labels, _): &&(Vec<Vec<u8>>, Vec<u16>)| labels.first().is_some_and(|first| first == b"*");
        let wildcards: Vec<_> = self.known.iter().filter(is_wildcard).collect();
        if !wildcards.is_empty() {
            labels.clone_from(&random.pick(&wildcards).0);
        }
        if !labels.is_empty() {
            labels.remove(0);
        }
        prepend(labels, random);
    }
}

/// One to three labels in front.
fn prepend(labels: &mut Vec<Vec<u8>>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        labels.insert(0, label(random));
    }
}

/// Outside every zone, or nearly so: the last label is another, or one is missing or too many at the end.
fn outside(labels: &mut Vec<Vec<u8>>, random: &mut Random) {
    match random.below(4) {
        0 => labels.clear(),
        1 => labels.push(label(random)),
        2 => drop(labels.pop()),
        _ => {
            labels.pop();
            labels.push(label(random));
        }
    }
}

/// As long as a name can be, by long labels or by as many as there can be.
fn stretch(labels: &mut Vec<Vec<u8>>, random: &mut Random) {
    let most = *random.pick(&[1, 2, 7, MAX_LABEL]);
    loop {
        let taken: usize = 1 + labels.iter().map(|label| 1 + label.len()).sum::<usize>();
        let room = MAX_NAME.saturating_sub(taken);
        if room < 2 {
            return;
        }
        let length = most.min(room - 1);
        // One byte alone could not be filled afterwards.
        let length = if room - length == 2 && length > 1 { length - 1 } else { length };
        labels.insert(0, (0..length).map(|_| b'a' + random.byte() % 26).collect());
    }
}

fn change_a_byte(labels: &mut [Vec<u8>], random: &mut Random) {
    let at = random.below(labels.len());
    if let Some(label) = labels.get_mut(at) {
        let at = random.below(label.len());
        if let Some(byte) = label.get_mut(at) {
            *byte = if random.one_in(2) { random.byte() } else { *byte ^ (1 << random.below(8)) };
        }
    }
}

/// A label: a host's, any bytes at all, or one that means something.
fn label(random: &mut Random) -> Vec<u8> {
    let length = *random.pick(&[1, 1, 2, 3, 4, 5, 8, 20, 62, 63]);
    match random.below(32) {
        0 => random.bytes(length),
        1 | 2 => {
            random.pick::<&[u8]>(&[b"*", b"_tcp", b"\0", b"www", b"a.b", b"xn--nxasmq6b", b"*a"]).to_vec()
        }
        _ => (0..length).map(|_| *random.pick(b"abcdefghijklmnopqrstuvwxyz0123456789-")).collect(),
    }
}

/// The wire form; labels that are too many go from the left.
fn assemble(labels: &[Vec<u8>]) -> Vec<u8> {
    let mut name = vec![0];
    for label in labels.iter().rev() {
        if name.len() + 1 + label.len() > MAX_NAME {
            break;
        }
        let length = u8::try_from(label.len()).unwrap_or_default();
        name.splice(0..0, std::iter::once(length).chain(label.iter().copied()));
    }
    name
}
