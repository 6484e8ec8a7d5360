//! The binary search tree of an mmdb file, walked once from the first address to the last (mmdb file format 2.0,
//! section "Binary Search Tree").
//!
//! Why not the iterator of the `maxminddb` crate: it goes wherever the nodes point. In a file whose nodes share subtrees
//! it visits up to 2^128 networks, without yielding any if they are empty or aliases. The work of this walk is bounded by
//! the size of the file.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use maxminddb::Metadata;

/// The IPv4 tree hangs at `::/96` of a tree for both families.
const IPV4_DEPTH: u8 = 96;
/// Bits of an address, and the greatest depth of a leaf.
const BITS: u8 = 128;

/// How often the walk of a family may enter a node on average. A real tree enters each once; one that hangs the IPv4 tree at places of
/// its own enters that part again for each.
const MAX_VISITS: u64 = 4;

/// Why a search tree cannot be walked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchTreeError {
    /// A path through the tree does not end: a cycle.
    #[error("search tree is deeper than an address has bits")]
    TooDeep,
    /// Nodes are reached by many paths.
    #[error("search tree reaches its {0} nodes over and over")]
    NotATree(u32),
    /// A node lies outside the file.
    #[error("node {0} of the search tree is not in the file")]
    NoSuchNode(u32),
}

/// A network that no other network of the tree divides, with what the tree says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leaf {
    /// First address of the network.
    pub(super) first: IpAddr,
    /// Prefix length of the network.
    pub(super) length: u8,
    /// Where its record is, as the tree writes it: the same value is the same record.
    pub(super) record: Option<u32>,
}

/// The search tree of one database.
pub(super) struct SearchTree<'a> {
    nodes: &'a [u8],
    record_size: u16,
    node_count: u32,
    ip_version: u16,
}

/// A node or a record, and the network it stands for.
#[derive(Clone, Copy)]
struct Place {
    value: u32,
    first: u128,
    depth: u8,
}

impl<'a> SearchTree<'a> {
    /// Takes the whole file: the tree is at its start.
    pub(super) fn new(file: &'a [u8], metadata: &Metadata) -> Self {
        Self {
            nodes: file,
            record_size: metadata.record_size,
            node_count: metadata.node_count,
            ip_version: metadata.ip_version,
        }
    }

    /// Visits all networks in the order of their addresses and without gaps: those of `0.0.0.0/0`, then those of `::/0`.
    pub(super) fn walk<E: From<SearchTreeError>>(
        &self,
        mut visit: impl FnMut(Leaf) -> Result<(), E>,
    ) -> Result<(), E> {
        self.walk_v4(|leaf, _| visit(leaf))?;
        self.walk_v6(|leaf, _| visit(leaf))
    }

    /// Visits those of `0.0.0.0/0`, each with its first address as a number.
    pub(super) fn walk_v4<E: From<SearchTreeError>>(
        &self,
        mut visit: impl FnMut(Leaf, u32) -> Result<(), E>,
    ) -> Result<(), E> {
        let root = Place { value: self.ipv4_root()?, first: 0, depth: IPV4_DEPTH };
        self.walk_below(
            root,
            |_| false,
            |place, record| {
                let first = u32::try_from(place.first).unwrap_or(u32::MAX);
                let length = place.depth - IPV4_DEPTH;
                visit(Leaf { first: Ipv4Addr::from_bits(first).into(), length, record }, first)
            },
        )
    }

    /// Visits those of `::/0`. `::/96` is IPv4 and so are its aliases (IPv4-mapped, 6to4, Teredo): an IPv6 client there
    /// has no record.
    pub(super) fn walk_v6<E: From<SearchTreeError>>(
        &self,
        mut visit: impl FnMut(Leaf, u128) -> Result<(), E>,
    ) -> Result<(), E> {
        let ipv4_root = self.ipv4_root()?;
        let mut visit = |first: u128, length: u8, record: Option<u32>| {
            visit(Leaf { first: Ipv6Addr::from_bits(first).into(), length, record }, first)
        };
        if self.ip_version == 4 {
            return visit(0, 0, None);
        }
        let is_ipv4 = |place: Place| {
            let alias = place.value == ipv4_root && place.value < self.node_count && place.depth > 0;
            alias || (place.first == 0 && place.depth == IPV4_DEPTH)
        };
        let root = Place { value: 0, first: 0, depth: 0 };
        self.walk_below(root, is_ipv4, |Place { first, depth, .. }, record| {
            if first == 0 && depth < IPV4_DEPTH && record.is_some() {
                // One record for a network around ::/96: what is left of it begins behind.
                visit(0, IPV4_DEPTH, None)?;
                return visit(1 << (BITS - IPV4_DEPTH), depth, record);
            }
            visit(first, depth, record)
        })
    }

    /// The node or record at `::/96`, or the record of a network around it.
    fn ipv4_root(&self) -> Result<u32, SearchTreeError> {
        let mut value = 0;
        if self.ip_version == 6 {
            for _ in 0..IPV4_DEPTH {
                if value >= self.node_count {
                    break;
                }
                [value, _] = self.children(value)?;
            }
        }
        Ok(value)
    }

    /// Visits the leaves under one place in the order of their addresses; where `hidden` says so, as if there were no
    /// record.
    fn walk_below<E: From<SearchTreeError>>(
        &self,
        root: Place,
        hidden: impl Fn(Place) -> bool,
        mut visit: impl FnMut(Place, Option<u32>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut budget = u64::from(self.node_count) * MAX_VISITS;
        let mut pending = vec![root];
        while let Some(place) = pending.pop() {
            let Place { value, first, depth } = place;
            if hidden(place) {
                visit(place, None)?;
                continue;
            }
            if value >= self.node_count {
                visit(place, (value > self.node_count).then_some(value))?;
                continue;
            }
            if depth == BITS {
                return Err(SearchTreeError::TooDeep.into());
            }
            budget = budget.checked_sub(1).ok_or(SearchTreeError::NotATree(self.node_count))?;
            let [zero, one] = self.children(value)?;
            pending.push(Place { value: one, first: first | 1 << (BITS - 1 - depth), depth: depth + 1 });
            pending.push(Place { value: zero, first, depth: depth + 1 });
        }
        Ok(())
    }

    /// The two values of a node: for the bit 0 and the bit 1.
    fn children(&self, node: u32) -> Result<[u32; 2], SearchTreeError> {
        let bytes = || {
            let size = usize::from(self.record_size / 4);
            let start = usize::try_from(node).ok()?.checked_mul(size)?;
            self.nodes.get(start..start.checked_add(size)?)
        };
        match *bytes().unwrap_or_default() {
            [l1, l2, l3, r1, r2, r3] => Ok([[0, l1, l2, l3], [0, r1, r2, r3]].map(u32::from_be_bytes)),
            // The byte between holds the top four bits of both: first those of the left value.
            [l2, l3, l4, tops, r2, r3, r4] => {
                Ok([[tops >> 4, l2, l3, l4], [tops & 0x0f, r2, r3, r4]].map(u32::from_be_bytes))
            }
            [l1, l2, l3, l4, r1, r2, r3, r4] => {
                Ok([[l1, l2, l3, l4], [r1, r2, r3, r4]].map(u32::from_be_bytes))
            }
            _ => Err(SearchTreeError::NoSuchNode(node)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_children(record_size: u16, node: u32, expect: Option<[u32; 2]>) {
        let nodes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xbc, 12, 13, 14, 15, 16];
        let tree = SearchTree { nodes: &nodes, record_size, node_count: 2, ip_version: 4 };
        assert_eq!(tree.children(node), expect.ok_or(SearchTreeError::NoSuchNode(node)));
    }

    #[test]
    fn nodes_are_read_in_every_record_size() {
        check_children(24, 0, Some([0x01_0203, 0x04_0506]));
        check_children(24, 1, Some([0x07_0809, 0x0a_bc0c]));
        check_children(24, 2, None);
        check_children(28, 0, Some([0x001_0203, 0x405_0607]));
        check_children(28, 1, Some([0xb08_090a, 0xc0c_0d0e]));
        check_children(28, 2, None);
        check_children(32, 0, Some([0x0102_0304, 0x0506_0708]));
        check_children(32, 1, Some([0x090a_bc0c, 0x0d0e_0f10]));
        check_children(32, u32::MAX, None);
    }

    #[track_caller]
    fn check_walk(ip_version: u16, nodes: &[[u8; 2]], expect: &[&str]) {
        let bytes: Vec<u8> = nodes.iter().flat_map(|[left, right]| [0, 0, *left, 0, 0, *right]).collect();
        let node_count = u32::try_from(nodes.len()).unwrap();
        let tree = SearchTree { nodes: &bytes, record_size: 24, node_count, ip_version };
        let mut leaves = Vec::new();
        let walked = tree.walk(|Leaf { first, length, record }| {
            leaves.push(format!("{first}/{length} {}", record.unwrap_or(0)));
            Ok::<(), SearchTreeError>(())
        });
        assert_eq!(walked, Ok(()));
        assert_eq!(leaves, expect);
    }

    #[test]
    fn networks_come_in_order_and_without_gaps() {
        check_walk(4, &[[1, 20]], &["0.0.0.0/1 0", "128.0.0.0/1 20", "::/0 0"]);
        check_walk(4, &[[20, 1], [2, 21]], &["0.0.0.0/1 20", "128.0.0.0/2 0", "192.0.0.0/2 21", "::/0 0"]);
        check_walk(6, &[[20, 21]], &["0.0.0.0/0 20", "::/96 0", "::1:0:0/1 20", "8000::/1 21"]);
        check_walk(6, &[[1, 21]], &["0.0.0.0/0 0", "::/1 0", "8000::/1 21"]);
    }
}
