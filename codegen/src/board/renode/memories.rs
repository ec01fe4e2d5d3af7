//! RAM and flash.

use super::builder::Builder;
use super::{Entry, Group, Outcome, Registration, Value};
use crate::board::dts::{NodeRef, Region};

/// Renode maps memory in pages; what is no whole number of them is an array.
const PAGE: u64 = 0x400;
const LEAST_MAPPED: u64 = 0x1000;

impl<'t> Builder<'t> {
    /// Emits RAM and flash.
    pub(super) fn memories(&mut self) {
        let mut found: Vec<(Region, NodeRef<'t>)> = Vec::new();
        for node in self.tree.nodes() {
            if self.done.contains(&node.key()) || !node.is_enabled() {
                continue;
            }
            let above = node.with_ancestors().skip(1);
            let ignored = { above }.find_map(|node| self.ignore_rule(node));
            if let (Some(rule), true) = (ignored, node.has("compatible")) {
                self.done.insert(node.key());
                self.note(node, Outcome::Dropped, &rule.why);
                continue;
            }
            match self.memory_region(node) {
                None => {}
                Some(Ok(region)) => found.push((region, node)),
                Some(Err(reason)) => {
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

    /// Where a node's memory is; `None` if it is no memory.
    fn memory_region(&self, node: NodeRef<'t>) -> Option<Result<Region, &'static str>> {
        let rule = node.compatibles().find_map(|compatible| {
            let mut rules = self.rules.all.memory.iter();
            rules.find(|rule| rule.compatible.iter().any(|c| c == compatible))
        });
        let chosen = ["zephyr,sram", "zephyr,flash"]
            .iter()
            .any(|name| self.tree.chosen(name).is_some_and(|chosen| chosen == node));
        let window = match rule {
            Some(rule) => rule.window,
            None if chosen || node.text("device_type") == Some("memory") => false,
            None => return None,
        };
        let region = match window {
            false => node.registers().first().copied(),
            true => super::super::memory::window(node),
        };
        Some(match region {
            Some(region) if region.size > 0 => Ok(region),
            Some(_) => Err("its size is 0"),
            None if window => Err("its controller does not show its content in memory"),
            None => Err("it has no address"),
        })
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
