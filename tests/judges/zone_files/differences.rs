//! Zone files of which we say something else than BIND, each with the reason.

use super::Difference;
use super::Opinion::{Bad, Good, OtherRecords};

pub(super) const CASES: &[Difference] = &[
    Difference {
        why: "a server of the zone may have its addresses by steering, which a zone file does not know; otherwise it is \
              warned of",
        text: "@ NS nowhere",
        ours: Good,
    },
    Difference {
        why: "a record outside the zone, which they leave out with a warning, is nearly always a dot too many or too few",
        text: "a. A 192.0.2.1",
        ours: Bad,
    },
    Difference {
        why: "a delegation whose servers nobody can find is broken; they warn",
        text: "a NS b.a",
        ours: Bad,
    },
    Difference {
        why: "RFC 6672 section 2.4: what is below a DNAME is never answered",
        text: "a DNAME b.\nc.a A 192.0.2.1",
        ours: Bad,
    },
    Difference {
        why: "RFC 2181 section 8: a TTL has 31 bits; they take a longer one for 0",
        text: "a 2147483648 A 192.0.2.1",
        ours: Bad,
    },
    Difference {
        why: "RFC 2181 section 5.2: the TTLs of a set are one. Both warn; they take the first, we the smallest, which \
              lets nobody keep a record longer than it says",
        text: "a A 192.0.2.1\na 5 A 192.0.2.2",
        ours: OtherRecords,
    },
    Difference {
        why: "steered answers cannot be signed, so that a signed zone would be half signed",
        text: "a RRSIG A 8 3 60 20300101000000 20200101000000 1 example.com. AQID",
        ours: Bad,
    },
    Difference {
        why: "names are written in ASCII; bytes beyond it are probably an international name, which is xn--",
        text: "\u{e9} TXT x",
        ours: Bad,
    },
    Difference {
        why: "they take what follows the range for nothing",
        text: "$GENERATE 1-2x a$ A 192.0.2.$",
        ours: Bad,
    },
    Difference {
        why: "a negative number has no nibbles; they write as many as it has bits",
        text: "$GENERATE 1-2 a${-9,0,n} A 192.0.2.$",
        ours: Bad,
    },
    Difference {
        why: "quotes mean nothing where a field has no blanks; they want those of a URI, RFC 7553 section 4.5",
        text: "a URI 10 1 x",
        ours: Good,
    },
    Difference {
        why: "what a regular expression says is the client's matter",
        text: "a NAPTR 1 2 \"u\" \"s\" \"abc\" .",
        ours: Good,
    },
    Difference { why: "the letters of a direction have no case", text: "a LOC 1 n 2 e 3m", ours: Good },
    Difference { why: "any word may stand in quotes", text: "a TLSA 3 1 1 \"ab\"", ours: Good },
    Difference { why: "any word may stand in quotes", text: "$TTL \"60\"\na A 192.0.2.1", ours: Good },
    Difference { why: "seldom used; as TYPE62 it is accepted", text: "a CSYNC 66 3 A NS", ours: Bad },
    Difference { why: "seldom used; as TYPE42 it is accepted", text: "a APL 1:192.0.2.0/24", ours: Bad },
    Difference {
        why: "the key of a port is written in small letters",
        text: "a SVCB 1 . PORT=80",
        ours: Bad,
    },
    Difference { why: "dead since RFC 1706; as TYPE22 it is accepted", text: "a NSAP 0x47", ours: Bad },
    Difference { why: "RFC 9540, newer than they are", text: "a SVCB 1 . alpn=h2 ohttp", ours: Good },
];
