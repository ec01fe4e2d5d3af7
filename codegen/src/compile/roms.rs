//! Weights in several memories: which constants lie in which.
//!
//! The memories lie one behind the other in the pool of constants, so that whatever follows sees one pool, as ever: only who writes it down has to
//! know where one ends. All constants are packed before anything is linked, those that are read most for each byte into the fastest memory that
//! has room; linking finds them where they are.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use castiron_runtime::ALIGNMENT;

use super::chosen::{Chosen, operations};
use crate::error::Diagnostic;
use crate::plan::TargetMemory;
use crate::program::{ConstantPool, ElementType, WeightPart};
use crate::sorted;

/// Constants of one place.
struct Block {
    /// Of all that read it, the one that asks for the most alignment.
    element: ElementType,
    bytes: Arc<[u8]>,
    /// How often a byte of it is read in a run, roughly.
    reads: u64,
}

/// All constants in their memories, and what of the pool is whose.
///
/// # Errors
/// If they do not fit.
pub(super) fn packed(
    chosen: &[Chosen<'_>],
    roms: &[TargetMemory],
) -> Result<(ConstantPool, Vec<WeightPart>), Diagnostic> {
    let blocks = blocks(chosen);
    let places = places(&blocks, roms);
    let mut pool = ConstantPool::default();
    let mut parts = Vec::new();
    for (at, rom) in roms.iter().enumerate() {
        let offset = pool.align(ALIGNMENT);
        for (block, place) in blocks.iter().zip(&places) {
            match place {
                Some(place) if *place == at => drop(pool.pack(block.element, block.bytes.clone())),
                Some(_) => {}
                None => return Err(too_small(&blocks, roms)),
            }
        }
        parts.push(WeightPart {
            rom: rom.clone(),
            offset,
            bytes: pool.len() - offset,
        });
    }
    Ok((pool, parts))
}

/// Gives what linking has packed besides to the memory that is last in the pool.
///
/// # Errors
/// If it has no room.
pub(super) fn close(parts: &mut [WeightPart], end: usize) -> Result<(), Diagnostic> {
    let last = parts.iter_mut().rfind(|part| part.bytes > 0);
    match last {
        Some(part) => {
            part.bytes = end - part.offset;
            match part.bytes <= part.rom.bytes {
                true => Ok(()),
                false => Err(misfit(
                    std::slice::from_ref(&part.rom),
                    part.bytes,
                    &part.rom,
                )),
            }
        }
        None => Ok(()),
    }
}

/// The constants of all operators, and those that are outputs, equal ones once, in the order in which they are given places.
fn blocks(chosen: &[Chosen<'_>]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut known: HashMap<Arc<[u8]>, usize> = HashMap::new();
    let mut add = |element: ElementType, bytes: &Arc<[u8]>, reads: u64| {
        let at = *known.entry(bytes.clone()).or_insert_with(|| {
            blocks.push(Block {
                element,
                bytes: bytes.clone(),
                reads: 0,
            });
            blocks.len() - 1
        });
        let block = &mut blocks[at];
        block.reads = block.reads.saturating_add(reads);
        if element.bytes() > block.element.bytes() {
            block.element = element;
        }
    };
    for chosen in chosen {
        let work = operations(&chosen.graph);
        for (choice, work) in chosen.choices.iter().zip(work) {
            let constants = &choice.constants;
            let reads = work.div_ceil(weight_bytes(constants).max(1) as u64).max(1);
            for (element, bytes) in constants {
                add(*element, bytes, reads);
            }
        }
        for id in &chosen.graph.outputs {
            let tensor = chosen.graph.tensor(*id);
            if let (Some(element), Some(data)) = (ElementType::of(tensor.dtype), &tensor.data) {
                add(element, data, 1);
            }
        }
    }
    // The estimate is rough. Of those that are read alike, as often but for a factor of two, small ones find room more often.
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    sorted::positions_by_key(&mut order, |at| {
        (
            Reverse(blocks[at].reads.max(1).ilog2()),
            blocks[at].bytes.len(),
        )
    });
    let mut blocks: Vec<Option<Block>> = blocks.into_iter().map(Some).collect();
    let sorted = order.iter().filter_map(|at| blocks[*at].take());
    sorted.collect()
}

/// Bytes of an operator's weights, each of which it reads for one of its operations. Beside them it has what it reads as often, in wider elements: a
/// bias and factors for each channel.
fn weight_bytes(constants: &[(ElementType, Arc<[u8]>)]) -> usize {
    let narrowest = constants.iter().map(|(element, _)| element.bytes()).min();
    let weights = constants
        .iter()
        .filter(|(element, _)| Some(element.bytes()) == narrowest);
    weights.map(|(_, bytes)| bytes.len()).sum()
}

/// The memory of each block: the fastest that has room.
fn places(blocks: &[Block], roms: &[TargetMemory]) -> Vec<Option<usize>> {
    let mut fastest: Vec<usize> = (0..roms.len()).collect();
    sorted::positions_by_key(&mut fastest, |rom| roms[rom].speed);
    let mut used = vec![0usize; roms.len()];
    let places = blocks.iter().map(|block| {
        let end = |used: usize| {
            let start = used.next_multiple_of(ConstantPool::alignment(block.element));
            start + block.bytes.len()
        };
        let mut memories = fastest.iter().copied();
        let rom = memories.find(|rom| end(used[*rom]) <= roms[*rom].bytes)?;
        used[rom] = end(used[rom]);
        Some(rom)
    });
    places.collect()
}

/// That blocks do not fit, with what the largest memory would have to have.
fn too_small(blocks: &[Block], roms: &[TargetMemory]) -> Diagnostic {
    let largest = (0..roms.len()).max_by_key(|rom| roms[*rom].bytes);
    let largest = largest.unwrap_or(0);
    let mut larger = roms.to_vec();
    larger[largest].bytes = usize::MAX / 4;
    let places = places(blocks, &larger);
    let of_largest = blocks.iter().zip(places);
    let of_largest = of_largest.filter(|(_, place)| *place == Some(largest));
    let bytes = of_largest.fold(0usize, |used, (block, _)| {
        let start = used.next_multiple_of(ConstantPool::alignment(block.element));
        start + block.bytes.len()
    });
    misfit(roms, bytes, &roms[largest])
}

fn misfit(roms: &[TargetMemory], bytes: usize, of: &TargetMemory) -> Diagnostic {
    let list = roms
        .iter()
        .map(|rom| format!("{} bytes of {}", rom.bytes, rom.name));
    Diagnostic::new("the weights do not fit the memories for them")
        .expected(format_args!(
            "at most {}",
            list.collect::<Vec<_>>().join(", ")
        ))
        .found(format_args!(
            "with {bytes} bytes of {} they would fit",
            of.name
        ))
        .help("let the model have more of a memory, or add one, as qspi=8M:slow:rom")
}
