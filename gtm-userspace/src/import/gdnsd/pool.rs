//! What answers in the end: addresses with their checks, as a pool of each kind.

use std::net::IpAddr;
use std::rc::Rc;

use super::super::report::{Place, Report};
use super::context::Context;
use super::section::{Item, Section};
use super::service::Service;
use super::share;
use crate::name::Name;

/// Most addresses in a pool here.
const MAX_ADDRESSES: usize = 16;

/// Kinds of pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Ipv4,
    Ipv6,
    Domain,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Ipv4, Self::Ipv6, Self::Domain];

    /// The word for it in the configuration.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Domain => "domain",
        }
    }
}

/// A named set of answers: what gdnsd calls the resource of a plugin, or one datacenter of it.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Which one it is, for comparing.
    pub(super) id: usize,
    /// What to call its pools.
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) path: String,
    /// At most one of each kind.
    pub(super) pools: Vec<Pool>,
}

impl Leaf {
    pub(super) fn pool(&self, kind: Kind) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.kind == kind)
    }
}

/// A pool to write.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    pub(super) kind: Kind,
    pub(super) policy: &'static str,
    /// Unless it is the default, `any`.
    pub(super) judgement: Option<String>,
    /// How many of its addresses must be available.
    pub(super) needed: u32,
    pub(super) addresses: Vec<Address>,
}

impl Pool {
    /// True when its checks can take the pool away: the others are too few.
    pub(super) fn can_be_down(&self) -> bool {
        let always = self.addresses.iter().filter(|address| !address.can_be_down()).count();
        u32::try_from(always).unwrap_or(u32::MAX) < self.needed
    }

    pub(super) fn has_offline(&self) -> bool {
        self.addresses.iter().any(|address| address.is_down)
    }

    /// The shortest time in seconds from all good to a failed check.
    pub(super) fn seconds_to_failed(&self) -> Option<u32> {
        self.addresses.iter().filter_map(|address| address.seconds_to_failed).min()
    }
}

/// An address to write.
#[derive(Debug, Clone)]
pub(super) struct Address {
    /// gdnsd's word for it.
    pub(super) label: String,
    pub(super) place: Place,
    pub(super) path: String,
    pub(super) target: Target,
    pub(super) weight: u32,
    /// Names of templates here.
    pub(super) templates: Vec<String>,
    /// A service type says that it is down.
    pub(super) is_down: bool,
    pub(super) seconds_to_failed: Option<u32>,
}

impl Address {
    fn can_be_down(&self) -> bool {
        self.is_down || !self.templates.is_empty()
    }
}

/// An address or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Ip(IpAddr),
    Name(Name),
}

impl Target {
    /// What a text means to gdnsd: an address if it is one, else a name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.parse().map(Self::Ip).ok().or_else(|| text.parse().map(Self::Name).ok())
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Ip(IpAddr::V4(_)) => Kind::Ipv4,
            Self::Ip(IpAddr::V6(_)) => Kind::Ipv6,
            Self::Name(_) => Kind::Domain,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// Settings that hold for all below them unless it says otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Inherited<'v> {
    pub(super) service_types: Option<Item<'v>>,
    pub(super) up_thresh: Option<Item<'v>>,
    pub(super) multi: Option<Item<'v>>,
    pub(super) ignore_health: Option<Item<'v>>,
    pub(super) plugin: Option<Item<'v>>,
}

impl<'v> Inherited<'v> {
    /// These settings, and in their place those that the section has itself.
    pub(super) fn and(&self, section: &Section<'v>) -> Self {
        let own = |key: &str, inherited: &Option<Item<'v>>| section.take(key).or_else(|| inherited.clone());
        Self {
            service_types: own("service_types", &self.service_types),
            up_thresh: own("up_thresh", &self.up_thresh),
            multi: own("multi", &self.multi),
            ignore_health: own("ignore_health", &self.ignore_health),
            plugin: own("plugin", &self.plugin),
        }
    }

    pub(super) fn fraction(&self, report: &Report) -> f64 {
        self.up_thresh.as_ref().and_then(|item| item.fraction(report)).unwrap_or(0.5)
    }
}

/// How the answers of a set are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// All that are up, when enough of them are.
    AllUp,
    /// The first that is up.
    FirstUp,
}

/// An address as it is written, with the settings that hold for it.
pub(super) fn read_address(
    context: &Context<'_>,
    item: &Item<'_>,
    text: &str,
    settings: &Inherited<'_>,
) -> Option<Address> {
    let Some(target) = Target::parse(text) else {
        item.no_equal(&context.report, format!("\"{text}\" is neither an address nor a name; left out"));
        return None;
    };
    if let Some(what) = refused(&target) {
        item.no_equal(&context.report, format!("\"{text}\" is {what}, which no pool takes; left out"));
        return None;
    }
    let mut address = Address {
        label: item.key.to_owned(),
        place: item.place.clone(),
        path: item.path.clone(),
        target,
        weight: 1,
        templates: Vec::new(),
        is_down: false,
        seconds_to_failed: None,
    };
    let Some(service_types) = &settings.service_types else { return Some(address) };
    for name in service_types.texts(&context.report) {
        match context.services.get(name) {
            Some(Service::Up | Service::NoEqual) => {}
            Some(Service::Down) => address.is_down = true,
            Some(Service::Checked(template)) => {
                if !address.templates.contains(&template.name) {
                    address.templates.push(template.name.clone());
                }
                let seconds = template.seconds_to_failed;
                address.seconds_to_failed =
                    Some(address.seconds_to_failed.map_or(seconds, |other| other.min(seconds)));
            }
            None => service_types
                .no_equal(&context.report, format!("there is no service type \"{name}\"; left out")),
        }
    }
    if address.is_down {
        // No check changes anything about it.
        address.templates.clear();
    }
    Some(address)
}

/// Why the address of no host can be in a pool.
fn refused(target: &Target) -> Option<&'static str> {
    match target {
        Target::Ip(address) if address.is_unspecified() => Some("the unspecified address"),
        Target::Ip(address) if address.is_multicast() => Some("a multicast address"),
        Target::Ip(IpAddr::V4(address)) if address.is_broadcast() => Some("the broadcast address"),
        Target::Ip(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => {
            Some("an IPv4 address in IPv6 form")
        }
        Target::Name(name) if *name == Name::root() => Some("the root"),
        Target::Ip(_) | Target::Name(_) => None,
    }
}

/// Each address once and at most as many as a pool takes. `item` is what holds them.
pub(super) fn fit(context: &Context<'_>, item: &Item<'_>, addresses: Vec<Address>) -> Vec<Address> {
    let mut kept: Vec<Address> = Vec::new();
    for address in addresses {
        if kept.iter().any(|other| other.target == address.target) {
            let reason = format!("{} is in this set already; a pool has each address once", address.target);
            context.report.no_equal(&address.place, &address.path, reason);
        } else if kept.len() == MAX_ADDRESSES {
            let reason = format!(
                "the pool of \"{}\" has {MAX_ADDRESSES} addresses already, the most it can have; {} is left out",
                item.path, address.target
            );
            context.report.no_equal(&address.place, &address.path, reason);
        } else {
            kept.push(address);
        }
    }
    kept
}

/// A pool of addresses that are all of one kind.
pub(super) fn make_pool(
    context: &Context<'_>,
    item: &Item<'_>,
    addresses: Vec<Address>,
    settings: &Inherited<'_>,
    choice: Choice,
) -> Option<Pool> {
    let addresses = fit(context, item, addresses);
    let kind = addresses.first()?.target.kind();
    let total = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let mut pool = Pool { kind, policy: "ordinal", judgement: None, needed: 1, addresses };
    if choice == Choice::AllUp {
        let fraction = settings.fraction(&context.report);
        pool.needed = share::needed(fraction, total);
        // One address answers alike however it is chosen.
        pool.policy = if total == 1 { "ordinal" } else { "round-robin" };
        if pool.addresses.iter().any(Address::can_be_down) {
            pool.judgement = share::judgement(pool.needed, total, fraction);
            name_ignore_health(context, &pool, settings);
        }
    }
    Some(pool)
}

/// Addresses that answer although their checks failed.
fn name_ignore_health(context: &Context<'_>, pool: &Pool, settings: &Inherited<'_>) {
    let total = u32::try_from(pool.addresses.len()).unwrap_or(u32::MAX);
    let Some(item) = &settings.ignore_health else { return };
    if item.boolean(&context.report) == Some(true) && pool.needed < total {
        item.no_equal(
            &context.report,
            "addresses that are down are left out of the answers here; without templates they stay in, but then the \
             pool is never down",
        );
    }
}

/// One pool for each kind among the addresses.
pub(super) fn make_pools(
    context: &Context<'_>,
    item: &Item<'_>,
    addresses: &[Address],
    settings: &Inherited<'_>,
    choice: Choice,
) -> Vec<Pool> {
    let of_kind =
        |kind: Kind| addresses.iter().filter(|address| address.target.kind() == kind).cloned().collect();
    Kind::ALL
        .into_iter()
        .filter_map(|kind| make_pool(context, item, of_kind(kind), settings, choice))
        .collect()
}

/// The leaf of an item.
pub(super) fn make_leaf(context: &Context<'_>, item: &Item<'_>, name: &str, pools: Vec<Pool>) -> Rc<Leaf> {
    Rc::new(Leaf {
        id: context.next_id(),
        name: name.to_owned(),
        place: item.place.clone(),
        path: item.path.clone(),
        pools,
    })
}
