//! What a board is in Renode: a platform description before it is text.

mod attached;
mod builder;
mod console;
mod controllers;
mod cpus;
mod devices;
mod gic;
#[doc(hidden)]
pub mod isa;
mod memories;
mod pins;
mod values;

use serde::Serialize;

use super::dts::{Devicetree, Region};
use super::rules::Rules;
use castiron_codegen::error::Result;

/// A platform description.
#[derive(Debug, Clone, Serialize)]
pub struct Platform {
    /// What the devicetree calls the board.
    pub board: String,
    /// The version of Renode it is for.
    pub renode: String,
    /// Everything that has a model, in the order in which it is written.
    pub entries: Vec<Entry>,
    /// What has a name and no model, by address.
    pub tags: Vec<Tag>,
    /// What differs from the devicetree, by path.
    pub notes: Vec<Note>,
    /// The entry that Zephyr's console prints to.
    pub console: Option<String>,
    /// Whether the console is what the devicetree chose; otherwise it stands in for it.
    pub console_is_chosen: bool,
    /// Whether it is a USB device, whose other end shows what it prints.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub console_is_usb: bool,
    /// Why there is no console, or another than the devicetree chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_missing: Option<String>,
}

/// Something that has a model.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Its name in Renode.
    pub name: String,
    /// Which part of the description it belongs to.
    pub group: Group,
    /// The class.
    pub class: String,
    /// Where it is attached.
    pub at: Registration,
    /// Constructor parameters.
    pub properties: Vec<(String, Value)>,
    /// Its interrupt outputs.
    pub connections: Vec<Connection>,
    /// The node it stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The compatible that the rule was found by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatible: Option<String>,
}

/// A part of a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Processors.
    Processors,
    /// Interrupt controllers.
    Controllers,
    /// RAM and flash.
    Memories,
    /// Devices in memory.
    Devices,
    /// Devices on other devices.
    Attached,
}

/// Where something is attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// On the bus, without an address.
    Bus,
    /// At an address; the class knows its size.
    Address(u64),
    /// At a range of addresses.
    Range(Region),
    /// At an address that only one processor sees.
    PerProcessor {
        /// The address.
        address: u64,
        /// The processor's entry.
        processor: String,
    },
    /// At several places, each of another kind.
    Places(Vec<Place>),
    /// On another entry, by number if that has several places.
    On {
        /// The other entry.
        parent: String,
        /// Pin, chip select or address.
        place: Option<u64>,
    },
}

/// One of the places of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A part of its registers.
    Part {
        /// The range.
        region: Region,
        /// What Renode calls the part.
        name: &'static str,
    },
    /// The part of a GIC's registers that belongs to a processor.
    Redistributor {
        /// The address.
        address: u64,
        /// The processor's entry.
        processor: String,
    },
}

/// The value of a constructor parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A boolean.
    Flag(bool),
    /// A number that is read as a decimal.
    Number(u64),
    /// A number that is read as hexadecimal, such as a size.
    Hex(u64),
    /// A text.
    Text(String),
    /// The name of an entry, or what else stands without quotes.
    Raw(String),
}

/// An interrupt output and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// The output: a name or a number.
    pub output: String,
    /// Where it goes, as `nvic0@5`.
    pub to: Vec<String>,
}

/// A range of addresses that has a name, so that accesses can be told apart in the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Tag {
    /// The range.
    pub region: Region,
    /// The name.
    pub name: String,
    /// What it reads as, if it is not 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
}

/// A difference from the devicetree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Note {
    /// The node.
    pub node: String,
    /// Its first compatible.
    pub compatible: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why.
    pub reason: String,
}

/// What became of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its model differs.
    Approximated,
    /// Its addresses have a name and no model.
    Tagged,
    /// Nothing stands for it.
    Dropped,
}

impl Outcome {
    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Approximated => "approximated",
            Self::Tagged => "tagged",
            Self::Dropped => "dropped",
        }
    }
}

/// What the devicetree does not say.
#[derive(Debug, Clone, Default)]
pub struct PlatformOptions {
    /// The frequency of the processor's clock in Hz.
    pub clock: Option<u64>,
}

impl Platform {
    /// The platform of a devicetree.
    ///
    /// # Errors
    /// If the devicetree has no processor that has a model.
    pub fn new(tree: &Devicetree, rules: &Rules, options: &PlatformOptions) -> Result<Self> {
        builder::build(tree, rules, options)
    }
}
