//! What the data of a type must fulfil beyond having its fields.

use gtm_common::wire::rtype;

use super::params;
use super::types::{CAA, CDS, HTTPS, SSHFP, SVCB, ZONEMD};

/// What is wrong with well-formed data of this type.
pub(super) fn check(rtype: u16, wire: &[u8]) -> Result<(), String> {
    match rtype {
        // RFC 4509, RFC 6605; RFC 4255, RFC 6594; RFC 8976.
        rtype::DS | CDS => check_digest(wire, 3, &[(1, 20), (2, 32), (4, 48)]),
        SSHFP => check_digest(wire, 1, &[(1, 20), (2, 32)]),
        ZONEMD => check_digest(wire, 5, &[(1, 48), (2, 64)]),
        // RFC 8659 section 4.1.
        CAA => match wire.split_first().and_then(|(_, rest)| rest.split_first()) {
            Some((&length, rest)) if length > 0 => {
                let tag = rest.get(..usize::from(length)).unwrap_or_default();
                let wrong = || "the tag has letters and digits only".to_owned();
                tag.iter().all(u8::is_ascii_alphanumeric).then_some(()).ok_or_else(wrong)
            }
            _ => Err("the tag is empty".to_owned()),
        },
        SVCB | HTTPS => {
            let target = wire.get(2..).unwrap_or_default();
            let mut end = 0_usize;
            while let Some(length) = target.get(end).filter(|length| **length != 0) {
                end += 1 + usize::from(*length);
            }
            params::check(target.get(end + 1..).unwrap_or_default())
        }
        _ => Ok(()),
    }
}

/// The digest behind the byte at `kind_at`, which says what kind it is, has the length of its kind, if that is known.
fn check_digest(wire: &[u8], kind_at: usize, lengths: &[(u8, usize)]) -> Result<(), String> {
    let Some((kind, digest)) = wire.get(kind_at..).and_then(<[u8]>::split_first) else { return Ok(()) };
    match lengths.iter().find(|(listed, _)| listed == kind) {
        Some((_, length)) if digest.len() != *length => {
            Err(format!("a digest of {} bytes; one of type {kind} has {length}", digest.len()))
        }
        _ => Ok(()),
    }
}
