//! Who asks: the address that counts, and where it comes from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::Serialize;
use serde::ser::SerializeStruct;

use crate::config::model::Prefix;

/// The client that an answer is chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// The address that sent the query, which has no usable ECS.
    Sender(IpAddr),
    /// The client subnet of the query's ECS (RFC 7871): its first address counts. Never of length 0, which tells nothing.
    Subnet(Prefix),
}

/// Why a text is not a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The part before the slash, or all of it.
    #[error("\"{0}\" is not an IP address; write 192.0.2.7, or 192.0.2.0/24 for a client subnet")]
    Address(String),
    /// The part after the slash.
    #[error("\"{0}\" is not the length of a client subnet; allowed 1 to {1}")]
    Length(String, u8),
}

impl Client {
    /// The address that is looked up.
    pub fn address(&self) -> IpAddr {
        match self {
            Self::Sender(address) => *address,
            Self::Subnet(prefix) => prefix.address,
        }
    }
}

impl FromStr for Client {
    type Err = ClientError;

    /// An address is the sender; an address and a length are a client subnet, whose other bits are cleared.
    fn from_str(text: &str) -> Result<Self, ClientError> {
        let (address, length) =
            text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().ok().ok_or_else(|| ClientError::Address(address.to_owned()))?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let Some(length) = length else { return Ok(Self::Sender(address)) };
        let valid = length.parse().ok().filter(|length| (1..=longest).contains(length));
        let valid = valid.ok_or_else(|| ClientError::Length(length.to_owned(), longest))?;
        Ok(Self::Subnet(prefix_around(address, valid)))
    }
}

impl Serialize for Client {
    /// As `address`, `given_by` (`sender` or `ecs`) and `subnet` (null for a sender).
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (given_by, subnet) = match self {
            Self::Sender(_) => ("sender", None),
            Self::Subnet(prefix) => ("ecs", Some(prefix.to_string())),
        };
        let mut fields = serializer.serialize_struct("Client", 3)?;
        fields.serialize_field("address", &self.address())?;
        fields.serialize_field("given_by", given_by)?;
        fields.serialize_field("subnet", &subnet)?;
        fields.end()
    }
}

/// The prefix of this length that holds the address; the longest there is when the length is beyond it.
pub(super) fn prefix_around(address: IpAddr, length: u8) -> Prefix {
    match address {
        IpAddr::V4(v4) => {
            let rest = u32::MAX.checked_shr(length.into()).unwrap_or(0);
            Prefix { address: Ipv4Addr::from_bits(v4.to_bits() & !rest).into(), length }
        }
        IpAddr::V6(v6) => {
            let rest = u128::MAX.checked_shr(length.into()).unwrap_or(0);
            Prefix { address: Ipv6Addr::from_bits(v6.to_bits() & !rest).into(), length }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, address: &str, json: &str) {
        let client: Client = text.parse().unwrap();
        assert_eq!(client.address(), address.parse::<IpAddr>().unwrap());
        assert_eq!(serde_json::to_string(&client).unwrap(), json);
    }

    #[test]
    fn an_address_is_the_sender_and_a_prefix_the_client_subnet() {
        check("1.64.0.9", "1.64.0.9", r#"{"address":"1.64.0.9","given_by":"sender","subnet":null}"#);
        check("::1", "::1", r#"{"address":"::1","given_by":"sender","subnet":null}"#);
        check("1.64.0.9/24", "1.64.0.0", r#"{"address":"1.64.0.0","given_by":"ecs","subnet":"1.64.0.0/24"}"#);
        check("1.64.0.9/32", "1.64.0.9", r#"{"address":"1.64.0.9","given_by":"ecs","subnet":"1.64.0.9/32"}"#);
        check(
            "2400:3200::1/32",
            "2400:3200::",
            r#"{"address":"2400:3200::","given_by":"ecs","subnet":"2400:3200::/32"}"#,
        );
        check("2400::1/128", "2400::1", r#"{"address":"2400::1","given_by":"ecs","subnet":"2400::1/128"}"#);
    }

    #[track_caller]
    fn check_bad(text: &str, expect: &str) {
        assert_eq!(text.parse::<Client>().unwrap_err().to_string(), expect);
    }

    #[test]
    fn bad_clients_are_refused() {
        check_bad(
            "here",
            "\"here\" is not an IP address; write 192.0.2.7, or 192.0.2.0/24 for a client subnet",
        );
        check_bad("/24", "\"\" is not an IP address; write 192.0.2.7, or 192.0.2.0/24 for a client subnet");
        check_bad("1.2.3.4/0", "\"0\" is not the length of a client subnet; allowed 1 to 32");
        check_bad("1.2.3.4/33", "\"33\" is not the length of a client subnet; allowed 1 to 32");
        check_bad("1.2.3.4/", "\"\" is not the length of a client subnet; allowed 1 to 32");
        check_bad("::1/129", "\"129\" is not the length of a client subnet; allowed 1 to 128");
    }
}
