//! OPT records: as clients send them, and as none should.

use super::clients::Clients;
use crate::Random;
use crate::query::Opt;

/// Option code of the client subnet.
pub(super) const ECS: u16 = 8;

/// An OPT record that means something: version 0, no unknown flags, at most eight whole options, at most one of them a client
/// subnet.
pub(super) fn valid(clients: &Clients, random: &mut Random) -> Opt {
    let size = match random.below(4) {
        0 => random.word(),
        1 => *random.pick(&[0, 1, 511, 512, 513, 600, 1000, 1231, 1233, 65535]),
        _ => *random.pick(&[1232, 1400, 1410, 4096]),
    };
    let mut options: Vec<_> = match random.below(4) {
        0 => (0..random.below(8)).map(|_| other_option(random)).collect(),
        1 => vec![other_option(random)],
        _ => Vec::new(),
    };
    if random.one_in(2) {
        let at = random.below(options.len() + 1);
        options.insert(at, (ECS, clients.subnet(random)));
    }
    let flags = if random.one_in(2) { 0x8000 } else { 0 };
    Opt { size, version: 0, flags, options }
}

/// Any option but a client subnet.
fn other_option(random: &mut Random) -> (u16, Vec<u8>) {
    let (code, length) = *random.pick(&[
        // NSID, EXPIRE, cookies of a client, of a client and a server, keepalive, padding, chain, key tag, extended error,
        // report channel, zone version.
        (3, 0),
        (3, 0),
        (9, 0),
        (10, 8),
        (10, 16),
        (10, 40),
        (11, 0),
        (12, 0),
        (12, 100),
        (13, 9),
        (14, 2),
        (15, 2),
        (18, 1),
        (19, 0),
        // What does not look as it should is nothing that an authoritative server would look at.
        (3, 7),
        (10, 1),
        (11, 2),
        (65001, 3),
        (0, 0),
        (7, 4),
        (65535, 1),
    ]);
    let code = if random.one_in(8) { random.word() } else { code };
    (if code == ECS { 10 } else { code }, random.bytes(length))
}

/// A malformed client subnet, or one that differs from a good one by little.
pub(super) fn odd_subnet(clients: &Clients, random: &mut Random) -> Vec<u8> {
    let mut data = clients.subnet(random);
    match random.below(7) {
        // "Do not use my address", without naming a family.
        0 => data = vec![0; 4],
        // Family, source and scope.
        1 => set(&mut data, 1, *random.pick(&[0, 1, 2, 3, 255])),
        2 => set(&mut data, 2, *random.pick(&[0, 1, 24, 25, 32, 33, 64, 128, 129, 255])),
        3 => set(&mut data, 3, *random.pick(&[1, 24, 32, 128, 255])),
        4 => data.truncate(random.below(data.len() + 1)),
        5 => {
            let length = 1 + random.below(20);
            data.extend(random.bytes(length));
        }
        // One bit: often one behind the prefix.
        _ => {
            let at = if random.one_in(2) { data.len() - 1 } else { random.below(data.len()) };
            let bit = 1 << random.below(8);
            if let Some(byte) = data.get_mut(at) {
                *byte ^= bit;
            }
        }
    }
    data
}

fn set(data: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = data.get_mut(at) {
        *byte = value;
    }
}

/// The record as bytes, with something about it that is not as it should be.
pub(super) fn odd_record(opt: &Opt, random: &mut Random) -> Vec<u8> {
    let option = |(code, data): &(u16, Vec<u8>)| {
        let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
        [&code.to_be_bytes()[..], &length.to_be_bytes(), data].concat()
    };
    let mut options = opt.options.iter().flat_map(option).collect::<Vec<u8>>();
    let (mut owner, mut rtype, mut version, mut extended_rcode) = (vec![0], 41_u16, opt.version, 0);
    let mut flags = opt.flags;
    let mut surplus = 0_i16;
    match random.below(9) {
        0 => flags = random.word(),
        1 => flags ^= 1 << random.below(15),
        2 => version = *random.pick(&[1, 2, 100, 255]),
        3 => extended_rcode = random.byte(),
        4 => owner = random.pick::<&[u8]>(&[b"\x01a\0", b"\xc0\x0c", b"\xc0\x00", b"\x40", b"\x3f"]).to_vec(),
        // More or fewer bytes than there are.
        5 => surplus = *random.pick(&[-5, -1, 1, 2, 4, 100, i16::MAX]),
        // An option that goes on behind the record, or one without its length.
        6 => options.extend(*random.pick::<&[u8]>(&[
            b"\0",
            b"\0\x0a",
            b"\0\x0a\0",
            b"\0\x0a\0\x01",
            b"\xff\xff\xff\xff",
        ])),
        7 => {
            let count = u16::try_from(random.below(60)).unwrap_or_default();
            options.extend((20..20 + count).flat_map(|code| option(&(code, vec![0; usize::from(code % 3)]))));
        }
        _ => rtype = *random.pick(&[0, 40, 42, 250, 41 << 8]),
    }
    let length = u16::try_from(options.len()).unwrap_or(u16::MAX).saturating_add_signed(surplus);
    let mut record = owner;
    record.extend(rtype.to_be_bytes());
    record.extend(opt.size.to_be_bytes());
    record.extend([extended_rcode, version]);
    record.extend(flags.to_be_bytes());
    record.extend(length.to_be_bytes());
    record.extend(options);
    record
}
