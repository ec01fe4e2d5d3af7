//! The RAM of a board as memories that a model may be spread over.

use castiron_codegen::error::{Diagnostic, Result};
use castiron_codegen::plan::{MemoryKind, Speed, TargetMemory};

use super::cpu;
use super::dts::{Devicetree, NodeRef, Region};
use super::memory::{self, Memory};

/// What Zephyr calls memory that its linker script has a section for.
const REGION: &str = "zephyr,memory-region";
/// Bits of `zephyr,memory-attr` that mark flash, devices and what is only protected from speculative accesses.
const NO_RAM: u64 = 0xf << 22;
/// Where a Cortex-M has memory outside of the chip, by its architecture, and where vendors map SDRAM.
const OUTSIDE: [(u64, u64); 2] = [(0x6000_0000, 0x4000_0000), (0xc000_0000, 0x2000_0000)];

/// The RAM that a devicetree describes: that of the build (`zephyr,sram`) first, and each memory region, with the section that
/// Zephyr's linker script puts there. Regions within others are left out, as is RAM at address 0, where Rust has no references, and memory that only `/chosen` names: Zephyr places
/// what goes there on addresses of four bytes.
///
/// # Errors
/// If it does not say what RAM the build has.
pub fn rams(tree: &Devicetree) -> Result<Vec<TargetMemory>> {
    let (own, region) = memory::sram(tree)?;
    let mut taken = vec![region];
    let mut rams = vec![ram(tree, own, region, None)];
    for node in tree.nodes() {
        let Some((section, region)) = section(node).zip(ram_of(node)) else {
            continue;
        };
        let is_free = taken.iter().all(|other| !other.overlaps(&region));
        if is_free && region.address > 0 {
            taken.push(region);
            rams.push(ram(tree, node, region, Some(section)));
        }
    }
    let names: Vec<String> = rams.iter().map(|ram| ram.name.clone()).collect();
    let twice = (names.iter().enumerate()).find(|(at, name)| names[..*at].contains(name));
    match twice {
        None => Ok(rams),
        Some((_, name)) => Err(
            Diagnostic::new("two memories of the devicetree have one name")
                .found(format_args!("{name:?} twice"))
                .help("give one of the nodes another label, or name memories yourself")
                .into(),
        ),
    }
}

/// Where a node's RAM is, if that is what it describes.
fn ram_of(node: NodeRef<'_>) -> Option<Region> {
    let is_ram = kind(node).is_some() || node.text("device_type") == Some("memory");
    let is_other = (node.number("zephyr,memory-attr")).is_some_and(|bits| bits & NO_RAM != 0);
    let memory = Memory::of(node).ok().filter(|_| is_ram && !is_other)?;
    memory.region.filter(|_| node.is_enabled())
}

/// The section that Zephyr's linker script has for a region: its name, in which it replaces what C's names lack.
fn section(node: NodeRef<'_>) -> Option<String> {
    let name = node.text(REGION).filter(|_| node.is_compatible(REGION))?;
    Some(name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

/// How fast RAM of a node is, by what it is compatible with or called; `None` if none of it says that it is RAM.
fn kind(node: NodeRef<'_>) -> Option<Speed> {
    let compatibles = node.compatibles().map(str::to_owned);
    let names = node.labels().iter().cloned();
    let all = compatibles
        .chain(names)
        .chain([node.base_name().to_owned()]);
    let texts: Vec<String> = all.map(|text| text.to_ascii_lowercase()).collect();
    let any = |words: &[&str]| {
        texts
            .iter()
            .any(|text| words.iter().any(|word| text.contains(word)))
    };
    if any(&["tcm", "ccm"]) {
        return Some(Speed::Fast);
    }
    if any(&["sdram", "psram", "hyperram"]) {
        return Some(Speed::Slow);
    }
    any(&["mmio-sram", "ocm"]).then_some(Speed::Normal)
}

fn ram(
    tree: &Devicetree,
    node: NodeRef<'_>,
    region: Region,
    section: Option<String>,
) -> TargetMemory {
    let is_cortex_m = cpu::first(tree).is_some_and(|cpu| cpu::cortex(cpu).is_some());
    let mut outside = OUTSIDE.iter();
    let is_outside =
        is_cortex_m && outside.any(|(from, size)| (*from..from + size).contains(&region.address));
    let speed = match (kind(node), is_outside) {
        (Some(Speed::Fast), _) => Speed::Fast,
        (_, true) => Speed::Slow,
        (speed, false) => speed.unwrap_or_default(),
    };
    TargetMemory {
        name: name(node),
        kind: MemoryKind::Ram,
        bytes: usize::try_from(region.size).unwrap_or(usize::MAX),
        speed,
        section,
    }
}

/// The node's label as a name in the generated code.
fn name(node: NodeRef<'_>) -> String {
    let label = node.labels().first();
    let label = label.map_or(node.base_name(), String::as_str);
    let label = label.to_ascii_lowercase();
    let words = label.split(|c: char| !c.is_ascii_alphanumeric());
    let mut name = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        let is_word = word.starts_with(|first: char| first.is_ascii_lowercase());
        if is_word && !name.is_empty() {
            name.push('_');
        }
        name += word;
    }
    match format!("{name}=1").parse::<TargetMemory>() {
        Ok(_) => name,
        Err(_) => format!("ram_{name}"),
    }
}
