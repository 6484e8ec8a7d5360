//! An answer as it came, read with a resolver's library.

use std::collections::BTreeSet;
use std::fmt;

use gtm_userspace::config::model::Target;
use gtm_userspace::name::Name;
use hickory_proto::op::Message;
use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use crate::expected::List;

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) rcode: u16,
    /// The records of the QNAME: not what an alias among them leads to.
    pub(crate) list: List,
    /// Their TTLs.
    pub(crate) ttls: BTreeSet<u32>,
    /// Scope of the client subnet.
    pub(crate) scope: Option<u8>,
}

impl Reply {
    pub(crate) fn read(bytes: &[u8], qname: &Name) -> Result<Self, String> {
        let message = Message::from_vec(bytes).map_err(|error| format!("{error}, in {bytes:02x?}"))?;
        let (mut list, mut ttls) = (List::new(), BTreeSet::new());
        let text =
            |name: &hickory_proto::rr::Name| name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
        for record in message.answers.iter().filter(|record| text(&record.name) == qname.to_string()) {
            let target = if let RData::CNAME(name) = &record.data {
                Target::Name(text(&name.0).parse().unwrap())
            } else {
                let address = record.data.ip_addr();
                Target::Ip(address.ok_or_else(|| format!("a record {} of the QNAME", record.data))?)
            };
            list.push(target);
            ttls.insert(record.ttl);
        }
        let subnet = message.edns.as_ref().and_then(|edns| edns.option(EdnsCode::Subnet));
        let scope =
            if let Some(EdnsOption::Subnet(subnet)) = subnet { Some(subnet.scope_prefix()) } else { None };
        Ok(Self { rcode: message.metadata.response_code.into(), list, ttls, scope })
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.list.is_empty() {
            return write!(f, "no records, response code {}", self.rcode);
        }
        let list: Vec<String> = self.list.iter().map(ToString::to_string).collect();
        f.write_str(&list.join(", "))
    }
}
