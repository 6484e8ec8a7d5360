//! Locations (RFC 1876): `52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m`.

use std::slice::Iter;

use super::entries::Token;

/// Version, and the defaults of size, horizontal and vertical precision: 1 m, 10 km, 10 m.
const PREFIX: [u8; 4] = [0, 0x12, 0x16, 0x13];
/// The equator and the meridian of Greenwich.
const MIDDLE: i64 = 1 << 31;
/// Thousandths of a second of arc in a degree.
const DEGREE: i64 = 60 * MINUTE;
const MINUTE: i64 = 60_000;
/// Altitudes count from 100 km below the sea, in centimetres.
const BOTTOM: i64 = -10_000_000;
/// Largest size and precision, in centimetres.
const MAX_SIZE: i64 = 9_000_000_000;

/// The wire form of a location.
pub(super) fn parse(tokens: &[Token]) -> Result<[u8; 16], String> {
    let mut words = tokens.iter();
    let latitude = angle(&mut words, 90, ["N", "S"]).ok_or("not a latitude like 52 22 23.000 N")?;
    let longitude = angle(&mut words, 180, ["E", "W"]).ok_or("not a longitude like 4 53 32.000 E")?;
    let altitude = words.next().and_then(|word| metres(&word.raw)).map(|height| height - BOTTOM);
    let altitude = altitude.and_then(|above| u32::try_from(above).ok());
    let altitude = altitude.ok_or("not an altitude like -2.00m, from -100000m to 42849672.95m")?;
    let [version, mut sizes @ ..] = PREFIX;
    for size in &mut sizes {
        if let Some(Token { raw: word, .. }) = words.next() {
            let wrong = || format!("\"{word}\" is not a size like 10m, from 0m to 90000000m");
            *size = metres(word).and_then(power_of_ten).ok_or_else(wrong)?;
        }
    }
    if let Some(Token { raw: word, .. }) = words.next() {
        return Err(format!("\"{word}\" is more than this type takes"));
    }
    let mut wire = [0; 16];
    let [size, horizontal, vertical] = sizes;
    let head = [version, size, horizontal, vertical];
    let parts = [head, latitude.to_be_bytes(), longitude.to_be_bytes(), altitude.to_be_bytes()];
    wire.copy_from_slice(parts.as_flattened());
    Ok(wire)
}

/// `D [M [S]] N`: degrees, minutes, seconds and the direction, of which the first counts up from the middle.
fn angle(words: &mut Iter<'_, Token>, most: i64, [up, down]: [&str; 2]) -> Option<u32> {
    // How much each of the numbers is worth, and the largest that it can be.
    let mut units = [(DEGREE, most), (MINUTE, 59), (1, 59_999)].into_iter();
    let mut sum = 0;
    loop {
        let word = &words.next()?.raw;
        let sign = if word.eq_ignore_ascii_case(up) {
            1
        } else if word.eq_ignore_ascii_case(down) {
            -1
        } else {
            let (unit, largest) = units.next()?;
            let number = decimal(word, if unit == 1 { 3 } else { 0 })?;
            sum += unit * Some(number).filter(|number| (0..=largest).contains(number))?;
            continue;
        };
        // At least the degrees are there.
        let is_angle = units.len() < 3 && sum <= most * DEGREE;
        return u32::try_from(MIDDLE + sign * sum).ok().filter(|_| is_angle);
    }
}

/// Centimetres, of metres with or without their unit.
fn metres(word: &str) -> Option<i64> {
    decimal(word.strip_suffix(['m', 'M']).unwrap_or(word), 2)
}

/// A number with at most so many decimals, in units of the last of them.
fn decimal(word: &str, decimals: usize) -> Option<i64> {
    let (whole, part) = word.split_once('.').unwrap_or((word, ""));
    if part.len() > decimals || !part.bytes().all(|byte| byte.is_ascii_digit()) || whole.starts_with('+') {
        return None;
    }
    format!("{whole}{part:0<decimals$}").parse().ok()
}

/// Centimetres as one digit and the power of ten it is multiplied with (section 2).
fn power_of_ten(centimetres: i64) -> Option<u8> {
    let mut digit = Some(centimetres).filter(|size| (0..=MAX_SIZE).contains(size))?;
    let mut exponent = 0;
    while digit > 9 {
        digit /= 10;
        exponent += 1;
    }
    u8::try_from(digit << 4 | exponent).ok()
}
