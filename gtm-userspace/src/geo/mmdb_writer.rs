//! Writes small mmdb files for tests: ordinary ones, odd layouts, and trees that no honest writer makes
//! (mmdb file format 2.0).

/// A value of the data section.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    Map(Vec<(&'static str, Value)>),
    Array(Vec<Value>),
    Text(String),
    U16(u16),
    U32(u32),
    U64(u64),
}

/// Where a bit of the address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Empty,
    Node(usize),
    Value(usize),
}

/// A database in the making.
pub(super) struct MmdbWriter {
    ip_version: u16,
    record_size: u16,
    /// Open to tests that bend the tree.
    pub(super) nodes: Vec<[Slot; 2]>,
    values: Vec<Value>,
    database_type: &'static str,
    description: &'static str,
    build_epoch: u64,
}

impl MmdbWriter {
    pub(super) fn new(ip_version: u16, record_size: u16) -> Self {
        Self {
            ip_version,
            record_size,
            nodes: vec![[Slot::Empty; 2]],
            values: Vec::new(),
            database_type: "Test",
            description: "Invented for a test",
            build_epoch: 1_700_000_000,
        }
    }

    /// Sets the metadata that readers only show.
    pub(super) fn describe(
        mut self,
        database_type: &'static str,
        description: &'static str,
        build_epoch: u64,
    ) -> Self {
        (self.database_type, self.description, self.build_epoch) = (database_type, description, build_epoch);
        self
    }

    /// Gives a network, `1.0.0.0/8` or `2400::/12`, a value; it replaces what was said of that network before.
    pub(super) fn insert(&mut self, network: &str, value: Value) {
        let slot = Slot::Value(self.values.iter().position(|known| *known == value).unwrap_or_else(|| {
            self.values.push(value);
            self.values.len() - 1
        }));
        let (first, length) = self.place(network);
        self.put(first, length, slot);
    }

    /// Lets one network lead to the node of another one.
    pub(super) fn alias(&mut self, network: &str, target: &str) {
        let (first, length) = self.place(target);
        let node = (0..length).fold(0, |node, depth| match self.nodes[node][bit(first, depth)] {
            Slot::Node(child) => child,
            Slot::Empty | Slot::Value(_) => panic!("{target} is not a node"),
        });
        let (first, length) = self.place(network);
        self.put(first, length, Slot::Node(node));
    }

    /// First address, from the top bit of the tree on, and depth of a network.
    fn place(&self, network: &str) -> (u128, u8) {
        let (first, length) = network.split_once('/').unwrap();
        let length: u8 = length.parse().unwrap();
        match (first.parse().unwrap(), self.ip_version) {
            (std::net::IpAddr::V4(first), 4) => (u128::from(u32::from(first)) << 96, length),
            (std::net::IpAddr::V4(first), _) => (u128::from(u32::from(first)), length + 96),
            (std::net::IpAddr::V6(first), _) => (u128::from(first), length),
        }
    }

    fn put(&mut self, first: u128, length: u8, slot: Slot) {
        if length == 0 {
            self.nodes = vec![[slot; 2]];
            return;
        }
        let mut node = 0;
        for depth in 0..length - 1 {
            let next = self.nodes[node][bit(first, depth)];
            node = if let Slot::Node(child) = next {
                child
            } else {
                self.nodes.push([next; 2]);
                let child = self.nodes.len() - 1;
                self.nodes[node][bit(first, depth)] = Slot::Node(child);
                child
            };
        }
        self.nodes[node][bit(first, length - 1)] = slot;
    }

    /// The file.
    pub(super) fn finish(&self) -> Vec<u8> {
        let mut data = Vec::new();
        let offsets: Vec<usize> = self
            .values
            .iter()
            .map(|value| {
                let offset = data.len();
                encode(value, &mut data);
                offset
            })
            .collect();
        let number = |slot: Slot| match slot {
            Slot::Empty => self.nodes.len(),
            Slot::Node(node) => node,
            Slot::Value(value) => self.nodes.len() + 16 + offsets[value],
        };
        let mut file = Vec::new();
        for [left, right] in &self.nodes {
            let [l1, l2, l3, l4] = u32::try_from(number(*left)).unwrap().to_be_bytes();
            let [r1, r2, r3, r4] = u32::try_from(number(*right)).unwrap().to_be_bytes();
            match self.record_size {
                24 => file.extend([l2, l3, l4, r2, r3, r4]),
                28 => file.extend([l2, l3, l4, l1 << 4 | r1, r2, r3, r4]),
                _ => file.extend([l1, l2, l3, l4, r1, r2, r3, r4]),
            }
        }
        file.extend([0; 16]);
        file.append(&mut data);
        file.extend(b"\xab\xcd\xefMaxMind.com");
        let text = |text: &str| Value::Text(text.to_owned());
        let metadata = Value::Map(vec![
            ("binary_format_major_version", Value::U16(2)),
            ("binary_format_minor_version", Value::U16(0)),
            ("build_epoch", Value::U64(self.build_epoch)),
            ("database_type", text(self.database_type)),
            ("description", Value::Map(vec![("en", text(self.description))])),
            ("ip_version", Value::U16(self.ip_version)),
            ("languages", Value::Array(vec![text("en")])),
            ("node_count", Value::U32(u32::try_from(self.nodes.len()).unwrap())),
            ("record_size", Value::U16(self.record_size)),
        ]);
        encode(&metadata, &mut file);
        file
    }
}

fn bit(first: u128, depth: u8) -> usize {
    usize::try_from(first >> (127 - depth) & 1).unwrap()
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Map(entries) => {
            control(7, entries.len(), out);
            for (key, value) in entries {
                control(2, key.len(), out);
                out.extend(key.as_bytes());
                encode(value, out);
            }
        }
        Value::Array(items) => {
            control(11, items.len(), out);
            for item in items {
                encode(item, out);
            }
        }
        Value::Text(text) => {
            control(2, text.len(), out);
            out.extend(text.as_bytes());
        }
        Value::U16(number) => {
            control(5, 2, out);
            out.extend(number.to_be_bytes());
        }
        Value::U32(number) => {
            control(6, 4, out);
            out.extend(number.to_be_bytes());
        }
        Value::U64(number) => {
            control(9, 8, out);
            out.extend(number.to_be_bytes());
        }
    }
}

/// Type and size, below 285, of a value.
fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let (kind_bits, extended) = if kind < 8 { (kind << 5, None) } else { (0, Some(kind - 7)) };
    let (size_bits, more) = if size < 29 {
        (u8::try_from(size).unwrap(), None)
    } else {
        (29, Some(u8::try_from(size - 29).unwrap()))
    };
    out.push(kind_bits | size_bits);
    out.extend(extended);
    out.extend(more);
}
