//! What a devicetree says about memory, processor and console.

use serde::Serialize;

use super::cpu;
use super::dts::{Devicetree, NodeRef, Region};
use castiron_codegen::error::{Diagnostic, Result};

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

/// What `/chosen` says of memory: Zephyr's linker script places sections there.
pub(super) const CHOSEN: [&str; 6] = [
    "zephyr,sram",
    "zephyr,flash",
    "zephyr,dtcm",
    "zephyr,itcm",
    "zephyr,ccm",
    "zephyr,ocm",
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
    /// The instruction set of a RISC-V processor: `rv32imc_zicsr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub riscv_isa: Option<String>,
    /// The processor's clock in Hz, if its node has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_hz: Option<u64>,
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
///
/// # Errors
/// If it chooses a memory and says nothing of its size.
pub fn facts(tree: &Devicetree) -> Result<Facts> {
    let root = tree.root();
    let name = root.text("model").or_else(|| root.compatibles().next());
    let console = tree
        .chosen("zephyr,console")
        .or_else(|| tree.chosen("zephyr,shell-uart"));
    Ok(Facts {
        name: name.unwrap_or("unnamed board").to_owned(),
        cpu: cpu::first(tree)
            .and_then(|cpu| cpu.compatibles().next())
            .map(str::to_owned),
        riscv_isa: cpu::first(tree).and_then(cpu::riscv_isa),
        // Some devicetrees leave it to a later one, and write 0.
        clock_hz: cpu::first(tree)
            .and_then(|cpu| cpu.number("clock-frequency"))
            .filter(|hz| *hz > 0),
        soc: soc(tree),
        memory: BoardMemory::of(tree)?,
        console: console.map(|node| {
            node.labels()
                .first()
                .map_or(node.name(), String::as_str)
                .to_owned()
        }),
        baud_rate: console.and_then(|node| node.number("current-speed")),
    })
}

impl BoardMemory {
    fn of(tree: &Devicetree) -> Result<Self> {
        let size_of_chosen = |name: &str| match chosen(tree, name) {
            None => Ok(None),
            Some(node) => match node.and_then(Memory::of) {
                Ok(memory) => Ok(Some(memory.size)),
                Err(reason) => Err(no_memory(tree, name, reason)),
            },
        };
        let sram = tree.chosen("zephyr,sram");
        let sram_bytes = size_of_chosen("zephyr,sram")?;
        let further = tree.nodes().into_iter().filter(|node| {
            Some(*node) != sram
                && node.is_enabled()
                && node.base_name() == "memory"
                && node.is_compatible("zephyr,memory-region")
                && FURTHER_RAM
                    .iter()
                    .any(|compatible| node.is_compatible(compatible))
        });
        let further = further.filter_map(|node| Memory::of(node).ok());
        let further = further.fold(0, |sum: u64, memory| sum.saturating_add(memory.size));
        Ok(Self {
            flash: size_of_chosen("zephyr,flash")?,
            sram: sram_bytes,
            ram: sram_bytes.map(|bytes| bytes.saturating_add(further)),
        })
    }
}

/// The node that `/chosen` names for a memory; `None` if it names none.
pub(super) fn chosen<'t>(
    tree: &'t Devicetree,
    name: &str,
) -> Option<std::result::Result<NodeRef<'t>, &'static str>> {
    tree.at("/chosen")?.property(name)?;
    Some(tree.chosen(name).ok_or("it names no node"))
}

/// That a memory which the devicetree chooses is not there as a build needs it.
pub(super) fn no_memory(tree: &Devicetree, name: &str, reason: &str) -> Diagnostic {
    let node = tree.chosen(name);
    let found = node.map_or_else(String::new, |node| format!("{}: ", node.path()));
    Diagnostic::new(format!("a build cannot use the devicetree's {name}"))
        .expected(
            "a node with an address and a size, or a flash chip in the window of its controller",
        )
        .found(format!("{found}{reason}"))
        .help(format!(
            "correct the node, or choose another with {name} in an overlay"
        ))
}

/// The node that a build takes its RAM from, and where it is.
///
/// # Errors
/// If the devicetree chooses none, or one without a size.
pub fn sram(tree: &Devicetree) -> Result<(NodeRef<'_>, Region)> {
    let node = match chosen(tree, "zephyr,sram") {
        None => return Err(no_sram("no zephyr,sram").into()),
        Some(Err(_)) => return Err(no_sram("zephyr,sram that names no node").into()),
        Some(Ok(node)) => node,
    };
    let region = Memory::of(node).ok().and_then(|memory| memory.region);
    let region = region.ok_or_else(|| no_sram(&format!("{} without a size", node.path())))?;
    Ok((node, region))
}

/// That a devicetree says nothing of SRAM.
pub(super) fn no_sram(found: &str) -> Diagnostic {
    Diagnostic::new("the devicetree does not describe the board's SRAM")
        .expected("zephyr,sram in /chosen that names a node with a size")
        .found(found)
        .help("give the zephyr.dts of a build for the board, or choose zephyr,sram in an overlay")
}

/// A memory as a devicetree describes it. Whoever asks for one asks here.
pub(super) struct Memory {
    /// Where the processor sees it; `None` for a chip that its controller does not show in memory.
    pub(super) region: Option<Region>,
    /// Bytes, of a chip those that the processor sees.
    pub(super) size: u64,
}

impl Memory {
    /// The memory of a node, or why it is none.
    pub(super) fn of(node: NodeRef<'_>) -> std::result::Result<Self, &'static str> {
        let region = match node.parent() {
            Some(bus) if bus.is_bus_without_sizes() => match window(node, bus) {
                Some(region) => region,
                None => {
                    let size = chip_size(node).ok_or("neither it nor its controller has a size")?;
                    return Ok(Self { region: None, size });
                }
            },
            _ => *node.registers().first().ok_or("it has no address")?,
        };
        match region.size {
            0 => Err("its size is 0"),
            size => Ok(Self {
                region: Some(region),
                size,
            }),
        }
    }
}

/// The size of a flash chip: `size` is in bits.
fn chip_size(node: NodeRef<'_>) -> Option<u64> {
    node.number("size")
        .map(|bits| bits / 8)
        .filter(|bytes| *bytes > 0)
}

/// Where a flash chip's content is in memory: in the window of its controller.
fn window(node: NodeRef<'_>, bus: NodeRef<'_>) -> Option<Region> {
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
    let window = *bus.registers().get(1)?;
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
