//! Devicetree source as Zephyr's build flattens it (`zephyr.dts`): text to a tree, and the questions
//! one asks a tree.

mod access;
mod interrupts;
mod parse;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

pub use access::{NodeRef, Region};
pub use interrupts::Interrupt;

/// A parsed devicetree.
#[derive(Debug, Clone)]
pub struct Devicetree {
    /// The root first, then in the order of the source.
    nodes: Vec<Node>,
    labels: BTreeMap<String, usize>,
    phandles: BTreeMap<u64, usize>,
}

#[derive(Debug, Clone)]
struct Node {
    name: String,
    /// Bytes of its path, and of what separates it from the names below.
    path_length: usize,
    labels: Vec<String>,
    parent: Option<usize>,
    children: Vec<usize>,
    /// The same by name.
    by_name: HashMap<String, usize>,
    properties: BTreeMap<String, Vec<Value>>,
}

/// One of the comma-separated values of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `< 0x1 &uart0 >`
    Cells(Vec<Cell>),
    /// `"okay"`
    Text(String),
    /// `[ E5 20 ]`
    Bytes(Vec<u8>),
    /// `&uart0` outside of angle brackets: the node's path.
    Path(Reference),
}

/// A 32-bit cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A number.
    Number(u64),
    /// A phandle, named by what it points to.
    Reference(Reference),
}

/// What a `&` points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// `&uart0`
    Label(String),
    /// `&{/soc/serial@40000000}`
    Path(String),
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => write!(f, "&{label}"),
            Self::Path(path) => write!(f, "&{{{}}}", path.escape_debug()),
        }
    }
}
