//! Devices in memory.

use std::collections::BTreeSet;

use super::builder::Builder;
use super::{Connection, Entry, Group, Outcome, Registration, Tag, Value};
use crate::dts::{Cell, Interrupt, NodeRef, Region};
use crate::rules::{DeviceRule, IgnoreRule, InterruptRule, InterruptWord, PropertyRule};

/// What no controller has more lines than.
const MOST_LINES: u64 = 64;

impl<'t> Builder<'t> {
    /// Emits devices that have a model and names the addresses of those that have none.
    pub(super) fn devices(&mut self) {
        let memories = self.memory_regions();
        let mut taken = BTreeSet::new();
        let mut chosen = Vec::new();
        let mut nodes: Vec<_> = self.tree.nodes();
        nodes
            .retain(|node| !self.done.contains(&node.key()) && node.compatibles().next().is_some());
        nodes.sort_by_key(|node| {
            (
                node.registers().first().map_or(0, |region| region.address),
                node.key(),
            )
        });
        // Names first: a parameter may refer to a device that comes later.
        for node in nodes {
            if self.ignored(node) || on_a_bus(node) {
                continue;
            }
            let rule = self.device_rule(node, None);
            let enabled = node.is_enabled();
            if !enabled
                && !rule
                    .as_ref()
                    .is_ok_and(|rule| rule.is_some_and(|r| r.even_disabled))
            {
                continue;
            }
            let region = node.registers().first().copied();
            let rule = match (rule, region) {
                (Ok(Some(rule)), Some(_)) => rule,
                (Ok(Some(_)), None) => {
                    self.note(node, Outcome::Dropped, "it has no address");
                    continue;
                }
                (Ok(None), None) => continue,
                (Ok(None), Some(_)) => {
                    self.tag(node, "no rule has a model for it");
                    continue;
                }
                (Err(reason), _) => {
                    self.tag(node, reason);
                    continue;
                }
            };
            let region = region.unwrap_or_default();
            let address = region.address.saturating_add_signed(rule.offset);
            if !address.is_multiple_of(4) {
                self.tag(node, "its address is not a multiple of 4");
            } else if overlaps_one_of(&memories, &region) {
                self.note(
                    node,
                    Outcome::Dropped,
                    "its addresses are those of a memory",
                );
            } else if !taken.insert(address) {
                self.note(node, Outcome::Dropped, "another device has its address");
            } else {
                let name = self.name(node);
                self.by_node.insert(node.key(), name.clone());
                chosen.push((node, rule, region, name));
            }
        }
        for (node, rule, region, name) in chosen {
            self.device(node, rule, region, name);
        }
    }

    /// The rule that leaves a node out.
    pub(super) fn ignore_rule(&self, node: NodeRef<'_>) -> Option<&'t IgnoreRule> {
        node.compatibles().find_map(|compatible| {
            let mut rules = self.rules.all.ignore.iter();
            rules.find(|rule| rule.compatible.iter().any(|c| c == compatible))
        })
    }

    fn ignored(&mut self, node: NodeRef<'t>) -> bool {
        let rule = self.ignore_rule(node);
        if let Some(rule) = rule
            && node.is_enabled()
        {
            self.note(node, Outcome::Dropped, &rule.why);
        }
        rule.is_some()
    }

    /// The first rule that holds for a node in this Renode; why the last one does not, if none does.
    pub(super) fn device_rule(
        &self,
        node: NodeRef<'_>,
        bus: Option<&str>,
    ) -> Result<Option<&'t DeviceRule>, String> {
        let mut refusal = None;
        for compatible in node.compatibles() {
            for rule in &self.rules.all.device {
                let mut numbers = rule.when.iter();
                let holds = rule.compatible.iter().any(|c| c == compatible)
                    && rule.bus.as_deref() == bus
                    && self.is_system(&rule.soc)
                    && numbers.all(|(name, number)| node.number(name) == Some(*number));
                if !holds {
                    continue;
                }
                let parameters = rule.properties.keys().map(String::as_str);
                let types = &self.rules.types;
                match types.refuses(&rule.class, parameters, rule.interrupts.outputs()) {
                    None => return Ok(Some(rule)),
                    Some(reason) => refusal = Some(reason),
                }
            }
        }
        refusal.map_or(Ok(None), Err)
    }

    fn device(&mut self, node: NodeRef<'t>, rule: &'t DeviceRule, region: Region, name: String) {
        let mut properties = Vec::new();
        for (parameter, value) in &rule.properties {
            match self.value(node, value) {
                Ok(value) => properties.push((parameter.clone(), value)),
                // A label is of a device that not every system has.
                Err(_) if matches!(value, PropertyRule::Label { .. }) => {}
                Err(reason) => {
                    self.by_node.remove(&node.key());
                    self.tag(node, reason);
                    return;
                }
            }
        }
        let address = region.address.saturating_add_signed(rule.offset);
        let size = region.size.saturating_add_signed(-rule.offset).max(4);
        let sized = self
            .rules
            .types
            .class(&rule.class)
            .is_some_and(|class| class.sized);
        let sized = sized && !rule.range;
        let at = match sized {
            true => Registration::Address(address),
            false => Registration::Range(Region { address, size }),
        };
        let connections = self.connections(node, rule);
        self.about_rule(node, rule);
        let entry = Entry {
            name,
            group: Group::Devices,
            class: rule.class.clone(),
            at,
            properties,
            connections,
            node: Some(node.path()),
            compatible: node.compatibles().next().map(str::to_owned),
        };
        self.push(node, entry);
    }

    /// Says what is known to differ.
    pub(super) fn about_rule(&mut self, node: NodeRef<'t>, rule: &DeviceRule) {
        if let Some(why) = &rule.why {
            self.note(node, Outcome::Approximated, why);
        }
        if self.rules.types.is_trusted(&rule.class) {
            let mut reason = format!(
                "{} is accepted unchecked: castiron does not know its parameters",
                rule.class
            );
            let known = self.rules.types.classes().map(|(name, _)| name);
            if let Some(near) = known
                .filter(|name| strsim::levenshtein(name, &rule.class) <= 2)
                .min_by_key(|name| strsim::levenshtein(name, &rule.class))
            {
                reason += &format!("; it knows those of {near}");
            }
            self.note(node, Outcome::Approximated, reason);
        }
    }

    /// Wires a node's interrupts as the rule says.
    pub(super) fn connections(&mut self, node: NodeRef<'t>, rule: &DeviceRule) -> Vec<Connection> {
        let class = self.rules.types.class(&rule.class);
        let has_irq = class.is_none_or(|class| class.outputs.iter().any(|o| o == "IRQ"));
        let mut connections: Vec<Connection> = Vec::new();
        let mut left = Vec::new();
        for (index, interrupt) in node.interrupts().iter().enumerate() {
            let outputs = outputs(node, rule, index, interrupt, has_irq);
            let number = interrupt.cells.first().copied().unwrap_or_default();
            if outputs.is_empty() {
                left.push(
                    interrupt
                        .name
                        .map_or_else(|| number.to_string(), str::to_owned),
                );
                continue;
            }
            let to = match self.receiver(interrupt) {
                Ok(to) => to,
                Err(reason) => {
                    self.note(node, Outcome::Approximated, reason);
                    continue;
                }
            };
            for output in outputs {
                match connections.iter_mut().find(|c| c.output == output) {
                    Some(connection) if connection.to.contains(&to) => {}
                    Some(connection) => connection.to.push(to.clone()),
                    None => connections.push(Connection {
                        output,
                        to: vec![to.clone()],
                    }),
                }
            }
        }
        if !left.is_empty() {
            let reason = format!(
                "{} has no output for interrupt {}",
                rule.class,
                left.join(", ")
            );
            self.note(node, Outcome::Approximated, reason);
        }
        connections
    }

    /// Emits what no devicetree has.
    pub(super) fn extras(&mut self) {
        for rule in &self.rules.all.extra {
            let cpu = rule.cpu.is_empty() || rule.cpu.iter().any(|c| self.cpu_types.contains(c));
            if !cpu || !self.is_system(&rule.soc) {
                continue;
            }
            let region = Region {
                address: rule.address,
                size: rule.size,
            };
            let Some(class) = &rule.class else {
                self.tags.push(Tag {
                    region,
                    name: rule.name.clone(),
                    value: rule.value,
                });
                continue;
            };
            let parameters = rule.properties.keys().map(String::as_str);
            if self.rules.types.refuses(class, parameters, []).is_some() {
                continue;
            }
            let root = self.tree.root();
            let values = rule.properties.iter();
            let properties: Result<Vec<(String, Value)>, String> = values
                .map(|(name, value)| Ok((name.clone(), self.value(root, value)?)))
                .collect();
            let Ok(properties) = properties else { continue };
            let sized = self
                .rules
                .types
                .class(class)
                .is_some_and(|class| class.sized);
            let name = self.unique(&rule.name);
            self.add(Entry {
                name,
                group: Group::Devices,
                class: class.clone(),
                at: match sized {
                    true => Registration::Address(region.address),
                    false => Registration::Range(region),
                },
                properties,
                connections: Vec::new(),
                node: None,
                compatible: None,
            });
        }
    }
}

/// Whether a region overlaps one of those that are in order and apart from each other.
fn overlaps_one_of(regions: &[Region], region: &Region) -> bool {
    let behind = regions.partition_point(|other| other.address < region.end());
    regions[..behind]
        .last()
        .is_some_and(|other| other.overlaps(region))
}

/// Whether a node's address is a place on I2C, SPI or the like.
fn on_a_bus(node: NodeRef<'_>) -> bool {
    node.parent().is_some_and(NodeRef::is_bus_without_sizes)
}

/// The outputs of a class for one of a node's interrupts.
fn outputs(
    node: NodeRef<'_>,
    rule: &DeviceRule,
    index: usize,
    interrupt: &Interrupt<'_>,
    has_irq: bool,
) -> Vec<String> {
    let output = match &rule.interrupts {
        InterruptRule::Default => (index == 0 && has_irq).then(|| "IRQ".to_owned()),
        InterruptRule::Word(InterruptWord::Numbered) => Some(index.to_string()),
        InterruptRule::Word(InterruptWord::LineRanges) => return lines(node, index),
        InterruptRule::Word(InterruptWord::None) => None,
        InterruptRule::InOrder(outputs) => outputs.get(index).cloned(),
        InterruptRule::ByName(outputs) => match interrupt.name {
            Some(name) => outputs.get(name).cloned(),
            // Without names there is but one to take, or the order of the hardware.
            None => outputs.get("global").cloned(),
        },
    };
    let output = output.filter(|output| !output.is_empty());
    output.into_iter().collect()
}

/// The lines that raise an interrupt: `line-ranges` has the first line and their count.
fn lines(node: NodeRef<'_>, index: usize) -> Vec<String> {
    let cells = node.cells("line-ranges");
    match cells.chunks_exact(2).nth(index) {
        Some([Cell::Number(first), Cell::Number(count)]) => {
            let count = (*count).min(MOST_LINES);
            let lines = (0..count).map(|line| first.saturating_add(line).to_string());
            lines.collect()
        }
        _ => Vec::new(),
    }
}

impl InterruptRule {
    /// The outputs that the rule names.
    pub fn outputs(&self) -> Vec<&str> {
        let named: Vec<&str> = match self {
            Self::Default | Self::Word(InterruptWord::None) => Vec::new(),
            Self::Word(InterruptWord::Numbered | InterruptWord::LineRanges) => vec!["0"],
            Self::InOrder(outputs) => outputs.iter().map(String::as_str).collect(),
            Self::ByName(outputs) => outputs.values().map(String::as_str).collect(),
        };
        named
            .into_iter()
            .filter(|output| !output.is_empty())
            .collect()
    }
}
