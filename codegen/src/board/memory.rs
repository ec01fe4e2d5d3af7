//! What a devicetree says about memory, processor and console.

use serde::Serialize;

use super::cpu;
use super::dts::{Devicetree, NodeRef, Region};
use crate::error::{Diagnostic, Result};

/// Memories that Kenning counts as RAM beside `zephyr,sram`, if they are memory regions.
const FURTHER_RAM: [&str; 7] = [
    "mmio-sram",
    "arm,dtcm",
    "nxp,imx-dtcm",
    "nordic,nrf-ccm",
    "st,stm32-ccm",
    "arc,dccm",
    "xlnx,zynq-ocm",
];

/// What is less is a chip select, not an address in memory.
const LEAST_ADDRESS: u64 = 0x1_0000;

/// What a devicetree says about a board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// What the devicetree calls the board.
    pub name: String,
    /// The first processor's first compatible.
    pub cpu: Option<String>,
    /// The system, such as `max32690`: from `/soc` or the root.
    pub soc: Option<String>,
    /// Flash and RAM.
    pub memory: BoardMemory,
    /// The label of Zephyr's console.
    pub console: Option<String>,
    /// Its baud rate.
    pub baud_rate: Option<u64>,
}

/// How much flash and RAM there is, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BoardMemory {
    /// `zephyr,flash`.
    pub flash: Option<u64>,
    /// `zephyr,sram`: the RAM that a build links to.
    pub sram: Option<u64>,
    /// `zephyr,sram` and the further memory regions that Kenning counts.
    pub ram: Option<u64>,
}

/// What a devicetree says about the board.
pub fn facts(tree: &Devicetree) -> Facts {
    let root = tree.root();
    let name = root.text("model").or_else(|| root.compatibles().next());
    let console = tree
        .chosen("zephyr,console")
        .or_else(|| tree.chosen("zephyr,shell-uart"));
    Facts {
        name: name.unwrap_or("unnamed board").to_owned(),
        cpu: cpu::first(tree)
            .and_then(|cpu| cpu.compatibles().next())
            .map(str::to_owned),
        soc: soc(tree),
        memory: BoardMemory::of(tree),
        console: console.map(|node| {
            node.labels()
                .first()
                .map_or(node.name(), String::as_str)
                .to_owned()
        }),
        baud_rate: console.and_then(|node| node.number("current-speed")),
    }
}

impl BoardMemory {
    fn of(tree: &Devicetree) -> Self {
        let sram = tree.chosen("zephyr,sram");
        let sram_bytes = sram.and_then(size_of);
        let further = tree.nodes().into_iter().filter(|node| {
            Some(*node) != sram
                && node.is_enabled()
                && node.base_name() == "memory"
                && node.is_compatible("zephyr,memory-region")
                && FURTHER_RAM
                    .iter()
                    .any(|compatible| node.is_compatible(compatible))
        });
        let further: u64 = further.filter_map(size_of).fold(0, u64::saturating_add);
        Self {
            flash: tree.chosen("zephyr,flash").and_then(size_of),
            sram: sram_bytes,
            ram: sram_bytes.map(|bytes| bytes.saturating_add(further)),
        }
    }
}

/// The node that a build takes its RAM from, and where it is.
///
/// # Errors
/// If the devicetree chooses none, or one without a size.
pub fn sram(tree: &Devicetree) -> Result<(NodeRef<'_>, Region)> {
    let Some(node) = tree.chosen("zephyr,sram") else {
        let chosen = tree
            .at("/chosen")
            .and_then(|node| node.property("zephyr,sram"));
        return Err(no_sram(match chosen {
            Some(_) => "a zephyr,sram that names no node",
            None => "no zephyr,sram",
        })
        .into());
    };
    let region = node.registers().into_iter().find(|region| region.size > 0);
    let region = region.ok_or_else(|| no_sram(&format!("{} without a size", node.path())))?;
    Ok((node, region))
}

/// That a devicetree says nothing of SRAM.
pub(super) fn no_sram(found: &str) -> Diagnostic {
    Diagnostic::new("the devicetree says nothing of the board's SRAM")
        .expected("zephyr,sram in /chosen, naming a node with a size")
        .found(found)
        .help("give the zephyr.dts of a build for the board, or choose zephyr,sram in an overlay")
}

fn size_of(node: NodeRef<'_>) -> Option<u64> {
    // On a bus, as a flash chip is, `reg` has no size.
    if node.parent().is_some_and(NodeRef::is_bus_without_sizes) {
        return chip_size(node);
    }
    node.registers()
        .first()
        .map(|region| region.size)
        .filter(|size| *size > 0)
}

/// The size of a flash chip: `size` is in bits.
fn chip_size(node: NodeRef<'_>) -> Option<u64> {
    node.number("size")
        .map(|bits| bits / 8)
        .filter(|bytes| *bytes > 0)
}

/// Where a flash chip's content is in memory: in the window of its controller.
pub(super) fn window(node: NodeRef<'_>) -> Option<Region> {
    if !node.parent().is_some_and(NodeRef::is_bus_without_sizes) {
        return node
            .registers()
            .first()
            .copied()
            .filter(|region| region.size > 0);
    }
    // Some name an address and a size where the bus has chip selects.
    if let [address, size] = node.local_registers()[..]
        && node.name().ends_with(&format!("@{:x}", address.address))
        && address.address >= LEAST_ADDRESS
    {
        return Some(Region {
            address: address.address,
            size: size.address,
        });
    }
    let window = *node.parent()?.registers().get(1)?;
    let size = chip_size(node).unwrap_or(window.size);
    Some(Region {
        address: window.address,
        size: size.min(window.size),
    })
}

fn soc(tree: &Devicetree) -> Option<String> {
    let soc = tree.at("/soc")?;
    let mut names = soc
        .compatibles()
        .filter(|name| !name.starts_with("simple-bus"));
    let name = names.next()?;
    Some(
        name.split_once(',')
            .map_or(name, |(_, model)| model)
            .to_owned(),
    )
}
