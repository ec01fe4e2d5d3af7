//! The state while a platform is made, and the order of the work.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Connection, Entry, Group, Note, Outcome, Place, Platform, PlatformOptions, Registration, Tag,
};
use crate::board::dts::{Devicetree, Interrupt, NodeRef, Region};
use crate::board::rules::Rules;
use crate::error::{Diagnostic, Result};

/// A platform while it is made.
pub(super) struct Builder<'t> {
    pub(super) tree: &'t Devicetree,
    pub(super) rules: &'t Rules,
    pub(super) options: &'t PlatformOptions,
    /// Compatibles of the root and of `/soc`, which rules for systems look at.
    systems: Vec<&'t str>,
    pub(super) entries: Vec<Entry>,
    pub(super) tags: Vec<Tag>,
    notes: BTreeSet<Note>,
    names: BTreeSet<String>,
    /// The entry of a node.
    pub(super) by_node: BTreeMap<usize, String>,
    /// What interrupts of a controller go to: an entry.
    pub(super) receivers: BTreeMap<usize, String>,
    /// The GIC, whose interrupts have their numbers in the second cell.
    pub(super) gic: Option<usize>,
    /// Nodes that need no further look.
    pub(super) done: BTreeSet<usize>,
    /// Types of the processors.
    pub(super) cpu_types: Vec<String>,
}

pub(super) fn build(
    tree: &Devicetree,
    rules: &Rules,
    options: &PlatformOptions,
) -> Result<Platform> {
    let root = tree.root();
    let soc = tree.at("/soc");
    let systems = root
        .compatibles()
        .chain(soc.into_iter().flat_map(NodeRef::compatibles));
    let mut builder = Builder {
        tree,
        rules,
        options,
        systems: systems.collect(),
        entries: Vec::new(),
        tags: Vec::new(),
        notes: BTreeSet::new(),
        names: ["sysbus", "machine", "emulation", "none", "new", "empty"]
            .map(str::to_owned)
            .into(),
        by_node: BTreeMap::new(),
        receivers: BTreeMap::new(),
        gic: None,
        done: BTreeSet::new(),
        cpu_types: Vec::new(),
    };
    builder.processors();
    if builder.entries.is_empty() {
        let found: Vec<&str> = tree
            .at("/cpus")
            .into_iter()
            .flat_map(NodeRef::children)
            .filter_map(|cpu| cpu.compatibles().next())
            .collect();
        let diagnostic =
            Diagnostic::new("the devicetree has no processor that Renode can simulate")
                .expected("a node below /cpus that a rule stands for")
                .found(if found.is_empty() {
                    "none".to_owned()
                } else {
                    found.join(", ")
                })
                .help("add a rule for the processor with --rules; docs/boards.md shows how");
        return Err(diagnostic.into());
    }
    builder.memories();
    builder.check_chosen_memories()?;
    builder.controllers();
    builder.devices();
    builder.leds_and_buttons();
    builder.pins();
    builder.on_buses();
    builder.in_processors();
    builder.extras();
    Ok(builder.finish())
}

impl<'t> Builder<'t> {
    /// Whether a rule for systems holds: a compatible begins as the rule says.
    pub(super) fn is_system(&self, patterns: &[String]) -> bool {
        patterns.is_empty()
            || patterns
                .iter()
                .any(|p| self.systems.iter().any(|s| s.starts_with(p.as_str())))
    }

    /// A name for an entry, unique and made of what Renode takes in a name.
    pub(super) fn name(&mut self, node: NodeRef<'_>) -> String {
        let wanted = node
            .labels()
            .first()
            .map_or(node.base_name(), String::as_str);
        self.unique(wanted)
    }

    pub(super) fn unique(&mut self, wanted: &str) -> String {
        let mut name: String = (wanted.chars())
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            name.insert(0, 'x');
        }
        let mut number = 2;
        let mut candidate = name.clone();
        while !self.names.insert(candidate.clone()) {
            candidate = format!("{name}x{number}");
            number += 1;
        }
        candidate
    }

    /// Wires a numbered output of an entry, beside what it may go to already.
    pub(super) fn connect(&mut self, entry: &str, output: u64, to: String) {
        let output = output.to_string();
        let Some(entry) = self.entries.iter_mut().find(|other| other.name == entry) else {
            return;
        };
        match entry.connections.iter_mut().find(|c| c.output == output) {
            Some(connection) => connection.to.push(to),
            None => entry.connections.push(Connection {
                output,
                to: vec![to],
            }),
        }
    }

    pub(super) fn note(&mut self, node: NodeRef<'_>, outcome: Outcome, reason: impl Into<String>) {
        self.notes.insert(Note {
            node: node.path(),
            compatible: node.compatibles().next().unwrap_or_default().to_owned(),
            outcome,
            reason: reason.into(),
        });
    }

    pub(super) fn notes(&self) -> impl Iterator<Item = &Note> {
        self.notes.iter()
    }

    pub(super) fn push(&mut self, node: NodeRef<'_>, entry: Entry) {
        self.by_node.insert(node.key(), entry.name.clone());
        self.done.insert(node.key());
        self.entries.push(entry);
    }

    /// An entry for a node, without parameters and interrupts.
    pub(super) fn entry(
        &mut self,
        node: NodeRef<'_>,
        group: Group,
        class: &str,
        at: Registration,
    ) -> Entry {
        Entry {
            name: self.name(node),
            group,
            class: class.to_owned(),
            at,
            properties: Vec::new(),
            connections: Vec::new(),
            node: Some(node.path()),
            compatible: node.compatibles().next().map(str::to_owned),
        }
    }

    /// Names a node's addresses; the reason says why it has no model.
    pub(super) fn tag(&mut self, node: NodeRef<'_>, reason: impl Into<String>) {
        let regions: Vec<Region> = node
            .registers()
            .into_iter()
            .filter(|r| r.size > 0)
            .collect();
        if regions.is_empty() {
            self.note(node, Outcome::Dropped, reason);
            return;
        }
        self.note(node, Outcome::Tagged, reason);
        let label = node
            .labels()
            .first()
            .map_or(node.base_name(), String::as_str);
        for region in regions {
            self.tags.push(Tag {
                region,
                name: label.to_owned(),
                value: None,
            });
        }
    }

    /// Where an interrupt goes in Renode, or why it goes nowhere.
    pub(super) fn receiver(&self, interrupt: &Interrupt<'_>) -> Result<String, String> {
        let controller = interrupt.controller;
        if self.gic == Some(controller.key()) {
            return self.gic_input(interrupt, 0);
        }
        let Some(name) = self.receivers.get(&controller.key()) else {
            let what = controller.compatibles().next().unwrap_or(controller.name());
            return Err(format!("its interrupt controller, {what}, has no model"));
        };
        match interrupt.cells.first() {
            Some(number) if *number < 0xfff => Ok(format!("{name}@{number}")),
            _ => Err("its interrupt has no number".to_owned()),
        }
    }

    fn finish(mut self) -> Platform {
        let console = self.console();
        self.entries.sort_by_key(|entry| {
            let address = match &entry.at {
                Registration::Address(address) => *address,
                Registration::Range(region) => region.address,
                Registration::PerProcessor { address, .. } => *address,
                Registration::Places(places) => match places.first() {
                    Some(Place::Part { region, .. }) => region.address,
                    _ => 0,
                },
                Registration::Bus | Registration::On { .. } => 0,
            };
            (entry.group, address, entry.name.clone())
        });
        let root = self.tree.root();
        let board = root.text("model").or_else(|| root.compatibles().next());
        Platform {
            board: board.unwrap_or("unnamed board").to_owned(),
            renode: self.rules.types.renode.clone(),
            entries: self.entries,
            tags: nested(self.tags),
            notes: self.notes.into_iter().collect(),
            console: console.entry,
            console_is_chosen: console.missing.is_none(),
            console_is_usb: console.is_usb,
            console_missing: console.missing,
        }
    }
}

/// Tags as Renode takes them: of two that overlap one lies in the other and comes later.
fn nested(mut tags: Vec<Tag>) -> Vec<Tag> {
    let partial = |a: &Tag, b: &Tag| {
        a.region.overlaps(&b.region)
            && !a.region.contains(&b.region)
            && !b.region.contains(&a.region)
    };
    tags.sort();
    'again: loop {
        for first in 0..tags.len() {
            for second in first + 1..tags.len() {
                let equal = tags[first].region == tags[second].region;
                if equal || partial(&tags[first], &tags[second]) {
                    let other = tags.remove(second);
                    let tag = &mut tags[first];
                    let end = tag.region.end().max(other.region.end());
                    tag.region.address = tag.region.address.min(other.region.address);
                    tag.region.size = end - tag.region.address;
                    if !tag.name.split(" / ").any(|name| name == other.name) {
                        tag.name = format!("{} / {}", tag.name, other.name);
                    }
                    continue 'again;
                }
            }
        }
        break;
    }
    tags.sort_by(|a, b| {
        let key = |tag: &Tag| (tag.region.address, u64::MAX - tag.region.size);
        key(a).cmp(&key(b))
    });
    tags
}
