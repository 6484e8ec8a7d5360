//! New inputs from old ones, without a look at what the code does with them.

use gtm_tests::Random;

/// Longest input that grows out of another.
const MAX_LEN: usize = 4096;

/// One of the inputs, changed in a few places; pieces may come out of another one.
pub fn mutated(inputs: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = random.pick(inputs).clone();
    // Mostly one change: after many nothing is as it should be.
    for _ in 0..=random.below(4).saturating_sub(random.below(4)) {
        let (at, end) = piece(&data, random);
        match random.below(7) {
            0 => data.truncate(at),
            1 => drop(data.drain(at..end)),
            2 => {
                let again = data.get(at..end).unwrap_or_default().to_vec();
                data.splice(at..at, again);
            }
            3 => {
                let other = random.pick(inputs);
                let (from, to) = piece(other, random);
                data.splice(at..end, other.get(from..to).unwrap_or_default().iter().copied());
            }
            4 => {
                let number =
                    *random.pick(&[0, 1, 0x0c, 0x20, 0x22, 0x2f, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff]);
                set(&mut data, at, number);
            }
            5 => set(&mut data, at, random.byte()),
            _ => {
                let bit = 1 << random.below(8);
                let byte = data.get(at).copied().unwrap_or_default();
                set(&mut data, at, byte ^ bit);
            }
        }
    }
    data.truncate(MAX_LEN);
    data
}

/// Where a piece begins and ends, mostly a short one.
fn piece(data: &[u8], random: &mut Random) -> (usize, usize) {
    let at = random.below(data.len());
    let most = if random.one_in(4) { data.len() } else { 12 };
    (at, (at + 1 + random.below(most)).min(data.len()))
}

fn set(data: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = data.get_mut(at) {
        *byte = value;
    }
}
