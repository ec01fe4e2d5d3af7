//! Arm's Generic Interrupt Controller, and the timers that its processors have.

use super::builder::Builder;
use super::{Connection, Entry, Group, Outcome, Place, Registration, Value};
use crate::dts::{Interrupt, NodeRef, Region};
use crate::rules::{ControllerKind, ControllerRule, DeviceRule, InterruptRule};

/// Interrupts of a processor's own begin behind those that processors raise at each other.
const FIRST_PRIVATE: u64 = 16;
/// Bytes of a processor's part of the registers.
const REDISTRIBUTOR_BYTES: u64 = 0x2_0000;
/// Outputs for each processor, the first two of which are its IRQ and FIQ.
const OUTPUTS: usize = 4;

impl<'t> Builder<'t> {
    /// The GIC's name, for processors that are made with it; `None` without one.
    pub(super) fn gic_of_processors(&mut self) -> Option<String> {
        let node = self.tree.nodes().into_iter().find(|node| {
            let rule = self.controller_rule(*node);
            let is_gic = rule.is_some_and(|rule| rule.kind == ControllerKind::Gic);
            is_gic && node.is_enabled() && node.registers().len() > 1
        })?;
        if let Some(name) = self.receivers.get(&node.key()) {
            return Some(name.clone());
        }
        let name = self.unique("gic");
        self.gic = Some(node.key());
        self.receivers.insert(node.key(), name.clone());
        Some(name)
    }

    /// Emits the GIC that processors were made with.
    pub(super) fn gic(&mut self, node: NodeRef<'t>, rule: &'t ControllerRule, class: &str) {
        let name = self.receivers.get(&node.key()).cloned();
        let registers = node.registers();
        let (Some(name), [distributor, second, ..]) = (name, &registers[..]) else {
            self.tag(node, "no processor with a model takes its interrupts");
            return;
        };
        let processors = self.processor_names();
        let mut places = vec![Place::Part {
            region: *distributor,
            name: "distributor",
        }];
        let is_third = rule.properties.values().any(|value| {
            let value = self.value(node, value);
            matches!(value, Ok(Value::Raw(version)) if version.ends_with("GICv3"))
        });
        match is_third {
            false => places.push(Place::Part {
                region: *second,
                name: "cpuInterface",
            }),
            true => places.extend(redistributors(*second, &processors)),
        }
        let mut connections = Vec::new();
        if !self.rules.types.gic_connects_itself {
            for (index, processor) in processors.iter().enumerate() {
                connections.extend((0..2).map(|line| Connection {
                    output: (OUTPUTS * index + line).to_string(),
                    to: vec![format!("{processor}@{line}")],
                }));
            }
        }
        let values = rule.properties.iter();
        let properties = values
            .filter_map(|(name, value)| Some((name.clone(), self.value(node, value).ok()?)))
            .collect();
        let entry = Entry {
            name,
            group: Group::Controllers,
            class: class.to_owned(),
            at: Registration::Places(places),
            properties,
            connections,
            node: Some(node.path()),
            compatible: node.compatibles().next().map(str::to_owned),
        };
        self.push(node, entry);
    }

    /// The GIC's input for an interrupt: shared ones by their number, private ones by processor.
    pub(super) fn gic_input(
        &self,
        interrupt: &Interrupt<'_>,
        processor: usize,
    ) -> Result<String, String> {
        let name = self.receivers.get(&interrupt.controller.key());
        match (name, &interrupt.cells[..]) {
            (Some(name), [0, number, ..]) => Ok(format!("{name}@{number}")),
            (Some(name), [1, number, ..]) => {
                let number = FIRST_PRIVATE.saturating_add(*number);
                Ok(format!("{name}#{processor}@{number}"))
            }
            _ => Err("its interrupt has no number".to_owned()),
        }
    }

    /// Emits what each processor has, such as its timer.
    pub(super) fn in_processors(&mut self) {
        for node in self.tree.nodes() {
            if self.done.contains(&node.key()) || !node.is_enabled() {
                continue;
            }
            match self.device_rule(node, Some("cpu")) {
                Ok(Some(rule)) => self.in_each_processor(node, rule),
                Ok(None) => {}
                Err(reason) => self.note(node, Outcome::Dropped, reason),
            }
        }
    }

    fn in_each_processor(&mut self, node: NodeRef<'t>, rule: &'t DeviceRule) {
        let InterruptRule::InOrder(outputs) = &rule.interrupts else {
            return;
        };
        let what = rule.class.rsplit('.').next().unwrap_or_default();
        let mut reason = Some(format!("no processor takes {}", rule.class));
        for (index, processor) in self.processor_names().iter().enumerate() {
            if !self.attaches(processor, what) {
                continue;
            }
            let mut connections = Vec::new();
            for (interrupt, output) in node.interrupts().iter().zip(outputs) {
                if output.is_empty() {
                    continue;
                }
                match self.gic_input(interrupt, index) {
                    Ok(to) => connections.push(Connection {
                        output: output.clone(),
                        to: vec![to],
                    }),
                    Err(reason) => self.note(node, Outcome::Approximated, reason),
                }
            }
            let values = rule.properties.iter();
            let properties: Result<Vec<(String, Value)>, String> = values
                .map(|(name, value)| Ok((name.clone(), self.value(node, value)?)))
                .collect();
            let properties = match properties {
                Ok(properties) => properties,
                Err(why) => {
                    reason = Some(why);
                    break;
                }
            };
            let at = Registration::On {
                parent: processor.clone(),
                place: None,
            };
            let entry = self.entry(node, Group::Attached, &rule.class, at);
            let entry = Entry {
                properties,
                connections,
                ..entry
            };
            self.push(node, entry);
            reason = None;
        }
        match reason {
            Some(reason) => self.note(node, Outcome::Dropped, reason),
            None => self.about_rule(node, rule),
        }
    }

    fn attaches(&self, entry: &str, what: &str) -> bool {
        let mut entries = self.entries.iter();
        let class = entries
            .find(|other| other.name == entry)
            .and_then(|entry| self.rules.types.class(&entry.class));
        class.is_some_and(|class| class.attaches.iter().any(|a| a == what))
    }

    fn processor_names(&self) -> Vec<String> {
        let entries = self.entries.iter();
        let processors = entries.filter(|entry| entry.group == Group::Processors);
        processors.map(|entry| entry.name.clone()).collect()
    }
}

fn redistributors(region: Region, processors: &[String]) -> impl Iterator<Item = Place> {
    let addresses = (0..).map(move |index: u64| {
        let offset = index.saturating_mul(REDISTRIBUTOR_BYTES);
        region.address.saturating_add(offset)
    });
    let processors = processors.iter().cloned();
    let places = addresses.zip(processors);
    places.map(|(address, processor)| Place::Redistributor { address, processor })
}
