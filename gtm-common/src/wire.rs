//! The form of a DNS message: header, question, EDNS and the type numbers (RFC 1035, 6891, 7871).

/// Longest QNAME in wire form, root label included (RFC 1035 section 2.3.4).
pub const MAX_NAME: usize = 255;
/// Longest label (RFC 1035 section 2.3.4).
pub const MAX_LABEL: usize = 63;
/// Largest UDP answer and the payload size we advertise, in bytes (DNS flag day 2020).
pub const MAX_UDP_PAYLOAD: u16 = 1232;
/// Smallest UDP payload size a client can have (RFC 1035 section 2.3.4, RFC 6891 section 6.2.3).
pub const MIN_UDP_PAYLOAD: u16 = 512;
/// Length of the DNS header in bytes.
pub const HEADER_LEN: usize = 12;

/// Resource record type numbers (IANA registry).
pub mod rtype {
    /// IPv4 address.
    pub const A: u16 = 1;
    /// Name server.
    pub const NS: u16 = 2;
    /// Alias.
    pub const CNAME: u16 = 5;
    /// Start of authority.
    pub const SOA: u16 = 6;
    /// Text.
    pub const TXT: u16 = 16;
    /// IPv6 address.
    pub const AAAA: u16 = 28;
    /// EDNS pseudo record (RFC 6891).
    pub const OPT: u16 = 41;
    /// Delegation signer: the one type that lives on the parent's side of a cut.
    pub const DS: u16 = 43;
    /// Incremental transfer.
    pub const IXFR: u16 = 251;
    /// Full transfer.
    pub const AXFR: u16 = 252;
    /// All types (RFC 8482).
    pub const ANY: u16 = 255;
}

/// Class numbers.
pub mod class {
    /// The Internet.
    pub const IN: u16 = 1;
    /// Chaos: server identification.
    pub const CH: u16 = 3;
    /// Any class.
    pub const ANY: u16 = 255;
}

/// Response codes (RFC 1035 section 4.1.1, RFC 6891).
pub mod rcode {
    /// No error.
    pub const NOERROR: u16 = 0;
    /// The query could not be read.
    pub const FORMERR: u16 = 1;
    /// The server failed.
    pub const SERVFAIL: u16 = 2;
    /// The name does not exist.
    pub const NXDOMAIN: u16 = 3;
    /// The opcode is not implemented.
    pub const NOTIMP: u16 = 4;
    /// Refused by policy: not one of our zones.
    pub const REFUSED: u16 = 5;
    /// EDNS version not supported: an extended code, its upper bits in the OPT record.
    pub const BADVERS: u16 = 16;
}

/// Codes that say more about an error (RFC 8914).
pub mod ede {
    /// The server does not let anybody have this: a transfer.
    pub const PROHIBITED: u16 = 18;
    /// No zone of ours.
    pub const NOT_AUTHORITATIVE: u16 = 20;
    /// An operation that is not there.
    pub const NOT_SUPPORTED: u16 = 21;
}

/// Bits of the second 16-bit word of the header (RFC 1035 section 4.1.1, RFC 4035).
pub mod flags {
    /// Response.
    pub const QR: u16 = 0x8000;
    /// Opcode field.
    pub const OPCODE: u16 = 0x7800;
    /// Authoritative answer.
    pub const AA: u16 = 0x0400;
    /// Truncated.
    pub const TC: u16 = 0x0200;
    /// Recursion desired: copied into the answer.
    pub const RD: u16 = 0x0100;
    /// Recursion available.
    pub const RA: u16 = 0x0080;
    /// Reserved, zero.
    pub const Z: u16 = 0x0040;
    /// Authentic data.
    pub const AD: u16 = 0x0020;
    /// Checking disabled.
    pub const CD: u16 = 0x0010;
}

/// EDNS numbers (RFC 6891, 7871, 5001, 7828, 8914).
pub mod edns {
    /// The only version.
    pub const VERSION: u8 = 0;
    /// DNSSEC OK, in the flags word of the OPT record.
    pub const DO: u16 = 0x8000;
    /// Length of an OPT record without options: root name, type, class, TTL, RDLENGTH.
    pub const OPT_LEN: usize = 11;
    /// Option code of the name server identifier (RFC 5001).
    pub const NSID: u16 = 3;
    /// Option code of EDNS client subnet.
    pub const ECS: u16 = 8;
    /// Option code of TCP keepalive (RFC 7828).
    pub const KEEPALIVE: u16 = 11;
    /// Option code of extended errors (RFC 8914).
    pub const EDE: u16 = 15;
    /// ECS address family IPv4.
    pub const FAMILY_IPV4: u16 = 1;
    /// ECS address family IPv6.
    pub const FAMILY_IPV6: u16 = 2;
}
