//! Names that NS, MX and SRV records point at within the zone: whoever follows them must find an address.

use gtm_common::wire::rtype;

use super::records::Place;
use super::types::{MX, SRV, type_name};
use crate::config::Problem;
use crate::name::Name;
use crate::zone::Zone;
use crate::zone::lookup::Found;

/// A record that points at a name of its own zone.
pub(super) struct Pointer {
    pub(super) owner: Name,
    pub(super) rtype: u16,
    pub(super) target: Name,
    pub(super) place: Place,
}

impl Pointer {
    /// The pointer of a record, if its type has one.
    pub(super) fn of(owner: &Name, rtype: u16, rdata: &[u8], place: &Place) -> Option<Self> {
        let before = match rtype {
            rtype::NS => 0,
            MX => 2,
            SRV => 6,
            _ => return None,
        };
        // The root as a target says that there is no such service (RFC 7505, RFC 2782).
        let target = Name::from_wire(rdata.get(before..)?).ok().filter(|target| *target != Name::root())?;
        Some(Self { owner: owner.clone(), rtype, target, place: place.clone() })
    }
}

/// What a pointer leads to that it should not.
pub(super) enum Finding {
    /// The zone cannot be served.
    Error(Problem),
    /// It is probably not meant.
    Warning(Problem),
    /// The target has no address in the zone: probably not meant, unless it is steered.
    NoAddress(Problem),
}

/// Follows a pointer:
///
/// | target | NS of the zone | NS of a delegation | MX, SRV |
/// |---|---|---|---|
/// | has an address | good | good | good |
/// | is an alias (RFC 2181 section 10.3) | error | warning | warning |
/// | at or below this delegation, without glue | - | error | - |
/// | below another delegation, without glue | warning | warning | good |
/// | has no address | no address | no address | no address |
pub(super) fn follow(zone: &Zone, pointer: &Pointer) -> Option<Finding> {
    let Pointer { owner, rtype, target, place } = pointer;
    let problem = |message: String| Problem {
        file: place.file.to_path_buf(),
        line: Some(place.line),
        key: owner.to_string(),
        message: format!("{} \"{target}\" {message}", type_name(*rtype)),
    };
    match zone.find(target, rtype::A) {
        Found::Records { .. } => None,
        Found::Alias(_) | Found::Renamed { .. } => {
            let problem = problem("is an alias; name the host itself".to_owned());
            let is_apex = *rtype == rtype::NS && *owner == zone.origin;
            Some(if is_apex { Finding::Error(problem) } else { Finding::Warning(problem) })
        }
        Found::Referral { cut, .. } => {
            let has_glue = [rtype::A, rtype::AAAA].iter().any(|rtype| zone.records(target, *rtype).is_some());
            if has_glue || *rtype != rtype::NS {
                return None;
            }
            let message = format!("has no glue: it is delegated away at \"{cut}\"; add its A or AAAA record");
            Some(if cut == *owner {
                Finding::Error(problem(message))
            } else {
                Finding::Warning(problem(message))
            })
        }
        Found::NoData | Found::NxDomain => {
            let has_address = matches!(zone.find(target, rtype::AAAA), Found::Records { .. });
            let missing = || problem("has neither an A nor an AAAA record in the zone".to_owned());
            (!has_address).then(|| Finding::NoAddress(missing()))
        }
    }
}
