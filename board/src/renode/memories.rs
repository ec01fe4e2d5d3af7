//! RAM and flash.

use super::builder::Builder;
use super::{Entry, Group, Outcome, Registration, Value};
use crate::dts::{NodeRef, Region};
use crate::memory::{self, CHOSEN, Memory};
use castiron_codegen::error::Result;

/// Renode maps memory in pages; what is no whole number of them is an array.
const PAGE: u64 = 0x400;
const LEAST_MAPPED: u64 = 0x1000;

const NO_WINDOW: &str = "its controller does not show its content in memory";

impl<'t> Builder<'t> {
    /// Emits RAM and flash.
    pub(super) fn memories(&mut self) {
        let chosen = CHOSEN.iter().filter_map(|name| self.tree.chosen(name));
        let chosen: Vec<NodeRef<'t>> = chosen.collect();
        let mut found: Vec<(Region, NodeRef<'t>)> = Vec::new();
        for node in self.tree.nodes() {
            // What a build links to is there even where no driver writes to it.
            let chosen = chosen.contains(&node);
            if self.done.contains(&node.key()) || !(chosen || node.is_enabled()) {
                continue;
            }
            let above = node.with_ancestors().skip(1);
            let ignored = { above }.find_map(|node| self.ignore_rule(node));
            if let (Some(rule), true) = (ignored, node.has("compatible")) {
                self.done.insert(node.key());
                self.note(node, Outcome::Dropped, &rule.why);
                continue;
            }
            if !(chosen || self.is_memory(node)) {
                continue;
            }
            let memory = Memory::of(node);
            match memory.and_then(|memory| memory.region.ok_or(NO_WINDOW)) {
                Ok(region) => found.push((region, node)),
                Err(reason) => {
                    self.done.insert(node.key());
                    self.note(node, Outcome::Dropped, reason);
                }
            }
        }
        // The larger first where two begin at the same place.
        found.sort_by_key(|(region, node)| (region.address, u64::MAX - region.size, node.key()));
        let mut merged: Vec<(Region, Vec<NodeRef<'t>>)> = Vec::new();
        for (region, node) in found {
            match merged.last_mut() {
                Some((last, nodes)) if last.overlaps(&region) => {
                    last.size = last.end().max(region.end()) - last.address;
                    nodes.push(node);
                }
                _ => merged.push((region, vec![node])),
            }
        }
        for (region, nodes) in merged {
            self.memory(region, &nodes);
        }
    }

    /// Whether a rule says that a node is a memory.
    fn is_memory(&self, node: NodeRef<'t>) -> bool {
        let rules = &self.rules.all.memory;
        node.text("device_type") == Some("memory")
            || node.compatibles().any(|name| {
                rules
                    .iter()
                    .any(|rule| rule.compatible.iter().any(|c| c == name))
            })
    }

    /// Fails unless the platform has every memory that the build links to: without one, firmware
    /// would begin in nothing.
    pub(super) fn check_chosen_memories(&self) -> Result<()> {
        for name in CHOSEN {
            let reason = match memory::chosen(self.tree, name) {
                None => continue,
                Some(Err(reason)) => reason,
                Some(Ok(node)) if self.by_node.contains_key(&node.key()) => continue,
                Some(Ok(node)) => match Memory::of(node) {
                    Ok(memory) if memory.region.is_none() => NO_WINDOW,
                    Ok(_) => "a rule leaves it out",
                    Err(reason) => reason,
                },
            };
            return Err(memory::no_memory(self.tree, name, reason).into());
        }
        Ok(())
    }

    fn memory(&mut self, region: Region, nodes: &[NodeRef<'t>]) {
        let Some((first, others)) = nodes.split_first() else {
            return;
        };
        let mapped = region.size >= LEAST_MAPPED && region.size.is_multiple_of(PAGE);
        let class = match mapped {
            true => "Memory.MappedMemory",
            false => "Memory.ArrayMemory",
        };
        let entry = self.entry(
            *first,
            Group::Memories,
            class,
            Registration::Address(region.address),
        );
        let name = entry.name.clone();
        self.push(
            *first,
            Entry {
                properties: vec![("size".to_owned(), Value::Hex(region.size))],
                ..entry
            },
        );
        for other in others {
            self.by_node.insert(other.key(), name.clone());
            self.done.insert(other.key());
            let reason = format!("shares addresses with {name}, which holds them all");
            self.note(*other, Outcome::Approximated, reason);
        }
    }

    /// The ranges of all memories: in order, none in another.
    pub(super) fn memory_regions(&self) -> Vec<Region> {
        let memories = self
            .entries
            .iter()
            .filter(|entry| entry.group == Group::Memories);
        let regions = memories.filter_map(|entry| match (&entry.at, entry.properties.first()) {
            (Registration::Address(address), Some((_, Value::Hex(size)))) => Some(Region {
                address: *address,
                size: *size,
            }),
            _ => None,
        });
        let mut regions: Vec<Region> = regions.collect();
        regions.sort();
        regions
    }
}
