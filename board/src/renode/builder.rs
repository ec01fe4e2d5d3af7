//! The state while a platform is made, and the order of the work.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{
    Connection, Entry, Group, Note, Outcome, Place, Platform, PlatformOptions, Registration, Tag,
};
use crate::dts::{Devicetree, Interrupt, NodeRef, Region};
use crate::rules::Rules;
use castiron_codegen::error::{Diagnostic, Result};
use castiron_codegen::ident::Names;

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
    names: Names,
    /// The entry of a node.
    pub(super) by_node: BTreeMap<usize, String>,
    /// Where an entry is in the list, by its name.
    places: HashMap<String, usize>,
    /// Of entries whose numbered outputs are wired, by their place in the list: each output's connection.
    wired: HashMap<usize, HashMap<String, usize>>,
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
        names: Names::without(["sysbus", "machine", "emulation", "none", "new", "empty"]),
        by_node: BTreeMap::new(),
        places: HashMap::new(),
        wired: HashMap::new(),
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
                .expected("a node below /cpus that matches a rule")
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
        self.names
            .unique_by(&name, |number| format!("{name}x{number}"))
    }

    /// Wires a numbered output of an entry, beside what it may go to already.
    pub(super) fn connect(&mut self, entry: &str, output: u64, to: String) {
        let output = output.to_string();
        let Some(&place) = self.places.get(entry) else {
            return;
        };
        let connections = &mut self.entries[place].connections;
        let wired = self.wired.entry(place).or_insert_with(|| {
            let there = connections.iter().enumerate().rev();
            there.map(|(at, c)| (c.output.clone(), at)).collect()
        });
        match wired.get(&output) {
            Some(at) => connections[*at].to.push(to),
            None => {
                wired.insert(output.clone(), connections.len());
                connections.push(Connection {
                    output,
                    to: vec![to],
                });
            }
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
        self.add(entry);
    }

    /// An entry that no node stands for.
    pub(super) fn add(&mut self, entry: Entry) {
        self.places.insert(entry.name.clone(), self.entries.len());
        self.entries.push(entry);
    }

    /// Where a node's entry is in the list.
    pub(super) fn place_of(&self, node: NodeRef<'_>) -> Option<usize> {
        self.places.get(self.by_node.get(&node.key())?).copied()
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

/// Tags as Renode takes them: of two that overlap one lies in the other and comes later. Those that
/// overlap in part, or are the same range, become one.
fn nested(mut tags: Vec<Tag>) -> Vec<Tag> {
    tags.sort_by(|a, b| {
        let key = |tag: &Tag| (tag.region.address, u64::MAX - tag.region.size);
        key(a).cmp(&key(b)).then_with(|| a.cmp(b))
    });
    let mut done: Vec<Tag> = Vec::with_capacity(tags.len());
    // Names that a tag of `done` was put together of.
    let mut names: HashMap<usize, HashSet<String>> = HashMap::new();
    // Those that the next one may lie in, each within the one before.
    let mut open: Vec<usize> = Vec::new();
    for tag in tags {
        let (begin, end) = (tag.region.address, tag.region.end());
        while open
            .pop_if(|o| done[*o].region.end() <= begin && done[*o].region != tag.region)
            .is_some()
        {}
        let outermost = open.partition_point(|o| done[*o].region.end() >= end);
        let same = open.last().filter(|o| done[**o].region == tag.region);
        let Some(&into) = open.get(outermost).or(same) else {
            open.push(done.len());
            done.push(tag);
            continue;
        };
        let merged = &mut done[into];
        merged.region.size = end.max(merged.region.end()) - merged.region.address;
        let names = names
            .entry(into)
            .or_insert_with(|| HashSet::from([merged.name.clone()]));
        if names.insert(tag.name.clone()) {
            merged.name += &format!(" / {}", tag.name);
        }
    }
    done
}
