//! An overlay that gives a build more SRAM than the board has, for simulation.

use std::fmt::Write;

use super::dts::{Devicetree, Region};
use super::memory;
use castiron_codegen::error::{Diagnostic, Result};

/// The overlay's text, and memories that the enlarged SRAM runs into.
#[derive(Debug, Clone)]
pub struct MemoryOverlay {
    /// Devicetree source to build with.
    pub text: String,
    /// Bytes that the devicetree has.
    pub before: u64,
    /// Bytes that the overlay asks for.
    pub after: u64,
}

/// An overlay that sets the size of `zephyr,sram`.
///
/// # Errors
/// If the devicetree has no SRAM, or the size does not fit where it is.
pub fn memory_overlay(tree: &Devicetree, sram_kb: u64) -> Result<MemoryOverlay> {
    let (node, region) = memory::sram(tree)?;
    let bytes = sram_kb.checked_mul(1024).filter(|bytes| *bytes > 0);
    let end = bytes.and_then(|bytes| region.address.checked_add(bytes));
    let (Some(bytes), Some(_)) = (bytes, end) else {
        let diagnostic = Diagnostic::new("SRAM cannot have this size")
            .found(format!("{sram_kb} KB"))
            .help("use 4096, for example");
        return Err(diagnostic.into());
    };
    if bytes <= region.size {
        let diagnostic = Diagnostic::new("the board already has this much SRAM")
            .expected(format!("more than {} KB", region.size / 1024))
            .found(format!("{sram_kb} KB"))
            .help("omit the overlay, or ask for more");
        return Err(diagnostic.into());
    }
    let wanted = Region {
        address: region.address,
        size: bytes,
    };
    let device = tree.nodes().into_iter().find(|other| {
        let own = other.with_ancestors().any(|above| above == node);
        !own && other.is_enabled()
            && other
                .registers()
                .iter()
                .any(|r| wanted.overlaps(r) && !r.overlaps(&region))
    });
    if let Some(device) = device {
        let first = device
            .registers()
            .iter()
            .map(|r| r.address)
            .filter(|a| *a >= region.end())
            .min();
        let room = first.map_or(0, |first| (first - region.address) / 1024);
        let diagnostic = Diagnostic::new("the enlarged SRAM would overlap something else")
            .expected(format!("at most {room} KB"))
            .found(format!("{sram_kb} KB, over {}", device.path()))
            .help(format!("use at most --sram-kb {room}"));
        return Err(diagnostic.into());
    }
    let reference = match node.labels().first() {
        Some(label) => format!("&{label}"),
        None => format!("&{{{}}}", node.path()),
    };
    // The node's own address, in as many cells as its parent asks for.
    let local = node.local_registers().first().copied().unwrap_or_default();
    let cells = node.cells("reg").len();
    let mut text = String::from(
        "/* More SRAM than the board has, for simulation. Written by castiron memory-overlay. */\n",
    );
    let reg = match cells {
        2 => format!("{:#x} {bytes:#x}", local.address),
        3 => format!(
            "{:#x} {:#x} {bytes:#x}",
            local.address >> 32,
            local.address & 0xffff_ffff
        ),
        _ => format!(
            "{:#x} {:#x} {:#x} {:#x}",
            local.address >> 32,
            local.address & 0xffff_ffff,
            bytes >> 32,
            bytes & 0xffff_ffff
        ),
    };
    // Writing to a string cannot fail.
    writeln!(text, "{reference} {{\n\treg = < {reg} >;\n}};").ok();
    Ok(MemoryOverlay {
        text,
        before: region.size,
        after: bytes,
    })
}
