//! Questions about nodes and their properties.

use serde::Serialize;

use super::parse::find_path;
use super::{Cell, Devicetree, Node, Reference, Value};

/// A node of a tree.
#[derive(Debug, Clone, Copy)]
pub struct NodeRef<'t> {
    pub(super) tree: &'t Devicetree,
    pub(super) index: usize,
}

/// A range of addresses as the processor sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Region {
    /// First address.
    pub address: u64,
    /// Bytes; 0 where the bus has no sizes.
    pub size: u64,
}

impl Region {
    /// The address behind the last.
    pub fn end(&self) -> u64 {
        self.address.saturating_add(self.size)
    }

    /// Whether `other` lies within.
    pub fn contains(&self, other: &Self) -> bool {
        self.address <= other.address && other.end() <= self.end()
    }

    /// Whether the two have an address in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.address < other.end() && other.address < self.end()
    }
}

impl PartialEq for NodeRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && std::ptr::eq(self.tree, other.tree)
    }
}

impl Devicetree {
    /// The root node.
    pub fn root(&self) -> NodeRef<'_> {
        NodeRef {
            tree: self,
            index: 0,
        }
    }

    /// All nodes that are part of the tree, parents before children, in the order of the source.
    pub fn nodes(&self) -> Vec<NodeRef<'_>> {
        let mut nodes = Vec::new();
        let mut stack = vec![self.root()];
        while let Some(node) = stack.pop() {
            nodes.push(node);
            let children: Vec<_> = node.children().collect();
            stack.extend(children.into_iter().rev());
        }
        nodes
    }

    /// The node at an absolute path.
    pub fn at(&self, path: &str) -> Option<NodeRef<'_>> {
        find_path(&self.nodes, path).map(|index| NodeRef { tree: self, index })
    }

    /// The node of a label.
    pub fn labelled(&self, label: &str) -> Option<NodeRef<'_>> {
        let index = *self.labels.get(label)?;
        Some(NodeRef { tree: self, index })
    }

    /// What `/chosen` says for a name.
    pub fn chosen(&self, name: &str) -> Option<NodeRef<'_>> {
        let chosen = self.at("/chosen")?;
        chosen.path_property(name).or_else(|| {
            // Linux's stdout-path may name an alias.
            let alias = chosen.text(name)?.split(':').next()?;
            self.alias(alias)
        })
    }

    /// What `/aliases` says for a name.
    pub fn alias(&self, name: &str) -> Option<NodeRef<'_>> {
        self.at("/aliases")?.path_property(name)
    }

    pub(super) fn target(&self, reference: &Reference) -> Option<NodeRef<'_>> {
        match reference {
            Reference::Label(label) => self.labelled(label),
            Reference::Path(path) => self.at(path),
        }
    }

    pub(super) fn target_of(&self, cell: &Cell) -> Option<NodeRef<'_>> {
        match cell {
            Cell::Reference(reference) => self.target(reference),
            Cell::Number(phandle) => {
                let index = *self.phandles.get(phandle)?;
                Some(NodeRef { tree: self, index })
            }
        }
    }
}

impl<'t> NodeRef<'t> {
    fn node(self) -> &'t Node {
        &self.tree.nodes[self.index]
    }

    /// The tree it is part of.
    pub fn tree(self) -> &'t Devicetree {
        self.tree
    }

    /// What tells it from the other nodes of its tree.
    pub fn key(self) -> usize {
        self.index
    }

    /// Its name with the unit address, `serial@40000000`.
    pub fn name(self) -> &'t str {
        &self.node().name
    }

    /// Its name without the unit address.
    pub fn base_name(self) -> &'t str {
        let name = self.name();
        name.split_once('@').map_or(name, |(base, _)| base)
    }

    /// Its labels, as many as it has.
    pub fn labels(self) -> &'t [String] {
        &self.node().labels
    }

    /// Its absolute path.
    pub fn path(self) -> String {
        let mut names: Vec<&str> = self.with_ancestors().map(NodeRef::name).collect();
        names.pop();
        names
            .iter()
            .rev()
            .fold(String::new(), |path, name| path + "/" + name)
    }

    /// The node above it.
    pub fn parent(self) -> Option<Self> {
        let index = self.node().parent?;
        Some(Self { index, ..self })
    }

    /// The node itself, then its parent, up to the root.
    pub fn with_ancestors(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |node| node.parent())
    }

    /// The nodes below it.
    pub fn children(self) -> impl Iterator<Item = Self> {
        let children = self.node().children.iter();
        children.map(move |index| Self {
            index: *index,
            ..self
        })
    }

    /// The values of a property; empty for one that is only there.
    pub fn property(self, name: &str) -> Option<&'t [Value]> {
        self.node().properties.get(name).map(Vec::as_slice)
    }

    /// Whether it has the property.
    pub fn has(self, name: &str) -> bool {
        self.property(name).is_some()
    }

    /// All cells of a property.
    pub fn cells(self, name: &str) -> Vec<&'t Cell> {
        let values = self.property(name).unwrap_or_default();
        let cells = values.iter().filter_map(|value| match value {
            Value::Cells(cells) => Some(cells),
            _ => None,
        });
        cells.flatten().collect()
    }

    /// The first number of a property.
    pub fn number(self, name: &str) -> Option<u64> {
        match self.cells(name).first()? {
            Cell::Number(number) => Some(*number),
            Cell::Reference(_) => None,
        }
    }

    /// The texts of a property.
    pub fn texts(self, name: &str) -> impl Iterator<Item = &'t str> {
        let values = self.property(name).unwrap_or_default();
        values.iter().filter_map(|value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The first text of a property.
    pub fn text(self, name: &str) -> Option<&'t str> {
        self.texts(name).next()
    }

    /// Its compatibles, the most special first.
    pub fn compatibles(self) -> impl Iterator<Item = &'t str> {
        self.texts("compatible")
    }

    /// Whether one of its compatibles is this.
    pub fn is_compatible(self, with: &str) -> bool {
        self.compatibles().any(|compatible| compatible == with)
    }

    /// Whether neither it nor a node above is switched off.
    pub fn is_enabled(self) -> bool {
        self.with_ancestors().all(|node| {
            let status = node.text("status");
            status.is_none_or(|status| matches!(status, "okay" | "ok"))
        })
    }

    /// The node that the first cell of a property points to.
    pub fn reference(self, name: &str) -> Option<Self> {
        match self.property(name)?.first()? {
            Value::Cells(cells) => self.tree.target_of(cells.first()?),
            Value::Path(reference) => self.tree.target(reference),
            Value::Text(_) | Value::Bytes(_) => None,
        }
    }

    /// The node that a property of `/chosen` or `/aliases` names, by reference or by path.
    fn path_property(self, name: &str) -> Option<Self> {
        match self.property(name)?.first()? {
            Value::Path(reference) => self.tree.target(reference),
            Value::Text(path) => {
                // `stdout-path` may have options behind a colon.
                let path = path.split(':').next().unwrap_or_default();
                self.tree.at(path).filter(|_| path.starts_with('/'))
            }
            Value::Cells(cells) => self.tree.target_of(cells.first()?),
            Value::Bytes(_) => None,
        }
    }

    /// A property of this node that numbers cells, such as `#address-cells`.
    fn cell_count(self, name: &str, default: usize) -> usize {
        // More than four cells make no number that fits; what claims more is misread on purpose.
        let count = self.number(name).and_then(|n| usize::try_from(n).ok());
        count.unwrap_or(default).min(16)
    }

    /// Whether addresses of its children are places on a bus such as I2C, not in memory.
    pub fn is_bus_without_sizes(self) -> bool {
        self.has("#size-cells") && self.cell_count("#size-cells", 1) == 0
    }

    /// `reg`, as its parent counts: not translated.
    pub fn local_registers(self) -> Vec<Region> {
        let Some(parent) = self.parent() else {
            return Vec::new();
        };
        let address = parent.cell_count("#address-cells", 2);
        let size = parent.cell_count("#size-cells", 1);
        if address + size == 0 {
            return Vec::new();
        }
        let cells = self.cells("reg");
        let entries = cells.chunks_exact(address + size);
        entries
            .filter_map(|entry| {
                Some(Region {
                    address: join(&entry[..address])?,
                    size: join(&entry[address..])?,
                })
            })
            .collect()
    }

    /// `reg` as the processor sees it: translated through the `ranges` of the nodes above. As in
    /// Zephyr, addresses below a node without `ranges`, or beyond them, are the processor's own.
    pub fn registers(self) -> Vec<Region> {
        let registers = self.local_registers().into_iter();
        registers
            .map(|region| Region {
                address: self.translate(region.address),
                ..region
            })
            .collect()
    }

    fn translate(self, mut address: u64) -> u64 {
        for bus in self.with_ancestors().skip(1) {
            let Some(above) = bus.parent() else { break };
            if !bus.has("ranges") {
                break;
            }
            let ranges = bus.cells("ranges");
            if ranges.is_empty() {
                continue;
            }
            let child = bus.cell_count("#address-cells", 2);
            let parent = above.cell_count("#address-cells", 2);
            let size = bus.cell_count("#size-cells", 1);
            if child + parent + size == 0 {
                break;
            }
            let mut entries = ranges.chunks_exact(child + parent + size);
            let translated = entries.find_map(|entry| {
                // Buses with chip selects put them in front of the address, in cells of their own.
                let from = join(&entry[..child])?;
                let to = join(&entry[child..child + parent])?;
                let size = join(&entry[child + parent..])?;
                let offset = address.checked_sub(from)?;
                (offset < size).then(|| to.checked_add(offset))?
            });
            match translated {
                Some(translated) => address = translated,
                None => break,
            }
        }
        address
    }
}

/// A number of up to two cells; leading cells have to be 0.
fn join(cells: &[&Cell]) -> Option<u64> {
    let mut number: u64 = 0;
    for cell in cells {
        let Cell::Number(low) = cell else {
            return None;
        };
        let low = u32::try_from(*low).ok()?;
        if number > u64::from(u32::MAX) {
            return None;
        }
        number = number << 32 | u64::from(low);
    }
    Some(number)
}
