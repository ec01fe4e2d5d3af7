//! Interrupt controllers of RISC-V. Cortex-M's come with their processor; `gic` has that of larger
//! ones.

use std::collections::BTreeMap;

use super::builder::Builder;
use super::{Connection, Group, Outcome, Registration, Value};
use crate::dts::{NodeRef, Region};
use crate::rules::{ControllerKind, ControllerRule};

/// What Renode's PLIC can have at most.
const MOST_SOURCES: u64 = 1023;
/// For timers whose frequency the devicetree does not give.
const USUAL_TIMER: u64 = 1_000_000;
/// Where a CLINT has its compare registers and its time.
const MTIMECMP: u64 = 0x4000;
const MTIME: u64 = 0xbff8;
const CLINT_BYTES: u64 = 0x10000;

impl<'t> Builder<'t> {
    /// The rule of a controller.
    pub(super) fn controller_rule(&self, node: NodeRef<'_>) -> Option<&'t ControllerRule> {
        node.compatibles().find_map(|compatible| {
            let mut rules = self.rules.all.controller.iter();
            rules.find(|rule| rule.compatible.iter().any(|c| c == compatible))
        })
    }

    /// Emits the interrupt controllers that are switched on.
    pub(super) fn controllers(&mut self) {
        let mut found = Vec::new();
        for node in self.tree.nodes() {
            if self.done.contains(&node.key()) || !node.is_enabled() {
                continue;
            }
            if let Some(rule) = self.controller_rule(node) {
                found.push((node, rule));
            }
        }
        // A CLINT before a timer that may be a part of it.
        found.sort_by_key(|(_, rule)| rule.kind == ControllerKind::MachineTimer);
        for (node, rule) in found {
            let class = rule.class.as_deref().unwrap_or_default();
            match rule.kind {
                ControllerKind::Nvic => {
                    self.done.insert(node.key());
                    self.note(node, Outcome::Dropped, "its processor has no model");
                }
                ControllerKind::Cpu => self.inside_cpu(node),
                ControllerKind::Gic => self.gic(node, rule, class),
                ControllerKind::Plic => self.plic(node, class),
                ControllerKind::Clint => {
                    if let Some(region) = node.registers().first().copied() {
                        self.clint(node, class, region);
                    }
                }
                ControllerKind::MachineTimer => self.machine_timer(node, class),
            }
        }
    }

    /// A controller outside of `/cpus` that is part of the processor's model.
    fn inside_cpu(&mut self, node: NodeRef<'t>) {
        self.done.insert(node.key());
        self.note(node, Outcome::Dropped, "is part of the processor's model");
        let cpu = self
            .entries
            .iter()
            .find(|entry| entry.group == Group::Processors);
        if let Some(name) = cpu.map(|cpu| cpu.name.clone()) {
            self.receivers.insert(node.key(), name);
        }
    }

    fn plic(&mut self, node: NodeRef<'t>, class: &str) {
        let Some(region) = node.registers().first().copied() else {
            self.tag(node, "it has no address");
            return;
        };
        let mut entry = self.entry(node, Group::Controllers, class, Registration::Range(region));
        let interrupts = node.interrupts();
        for (context, interrupt) in interrupts.iter().enumerate() {
            // Contexts of processors without a model, or of modes that nobody uses, stay open.
            if let Ok(to) = self.receiver(interrupt) {
                entry.connections.push(Connection {
                    output: context.to_string(),
                    to: vec![to],
                });
            }
        }
        // The source of number 0 does not exist, and the devicetree does not count it.
        let sources = node.number("riscv,ndev").unwrap_or(MOST_SOURCES - 1);
        let sources = sources.saturating_add(1).min(MOST_SOURCES);
        entry.properties = vec![
            ("numberOfSources".to_owned(), Value::Number(sources)),
            (
                "numberOfContexts".to_owned(),
                Value::Number(interrupts.len().max(1) as u64),
            ),
            ("prioritiesEnabled".to_owned(), Value::Flag(true)),
        ];
        self.receivers.insert(node.key(), entry.name.clone());
        self.push(node, entry);
    }

    fn clint(&mut self, node: NodeRef<'t>, class: &str, region: Region) {
        let mut entry = self.entry(
            node,
            Group::Controllers,
            class,
            Registration::Address(region.address),
        );
        let harts = self.harts();
        let mut connections = BTreeMap::new();
        for interrupt in node.interrupts() {
            let Ok(to) = self.receiver(&interrupt) else {
                continue;
            };
            let Some((cpu, number)) = to.split_once('@') else {
                continue;
            };
            let hart = harts.get(cpu).copied().unwrap_or(0);
            // Two outputs for each hart: software and timer.
            let output = match number {
                "3" => hart * 2,
                "7" => hart * 2 + 1,
                _ => continue,
            };
            connections.insert(output, to);
        }
        let connections = connections.into_iter().map(|(output, to)| Connection {
            output: output.to_string(),
            to: vec![to],
        });
        entry.connections = connections.collect();
        let frequency = node.number("clock-frequency").or_else(|| self.timebase());
        let frequency = frequency.or(self.options.clock);
        if frequency.is_none() {
            let reason = "the devicetree does not say how fast the timer counts: 1 MHz";
            self.note(node, Outcome::Approximated, reason);
        }
        let targets = harts.values().max().map_or(1, |most| most + 1);
        entry.properties = vec![
            (
                "frequency".to_owned(),
                Value::Number(frequency.unwrap_or(USUAL_TIMER)),
            ),
            ("numberOfTargets".to_owned(), Value::Number(targets)),
        ];
        let name = entry.name.clone();
        for cpu in self
            .entries
            .iter_mut()
            .filter(|entry| entry.group == Group::Processors)
        {
            cpu.properties
                .push(("timeProvider".to_owned(), Value::Raw(name.clone())));
        }
        self.push(node, entry);
    }

    /// A timer that lies in memory as a CLINT's does is one; any other has no model.
    fn machine_timer(&mut self, node: NodeRef<'t>, class: &str) {
        let registers = node.registers();
        let providers = self.entries.iter().filter(|entry| entry.class == class);
        let within = providers.filter_map(|entry| match entry.at {
            Registration::Address(address) => Some(Region {
                address,
                size: CLINT_BYTES,
            }),
            _ => None,
        });
        let mut within = within;
        if within.any(|clint| registers.iter().all(|region| clint.contains(region))) {
            self.done.insert(node.key());
            self.note(node, Outcome::Dropped, "is part of the CLINT's model");
            return;
        }
        let base = match registers[..] {
            [time, compare] if time.address.wrapping_sub(compare.address) == MTIME - MTIMECMP => {
                compare.address.checked_sub(MTIMECMP)
            }
            _ => None,
        };
        match base {
            Some(address) => {
                self.note(node, Outcome::Approximated, "a CLINT stands in for it");
                let size = CLINT_BYTES;
                self.clint(node, class, Region { address, size });
            }
            None => {
                self.done.insert(node.key());
                self.tag(node, "Renode's RISC-V timer has its registers elsewhere");
            }
        }
    }

    fn timebase(&self) -> Option<u64> {
        let cpus = self.tree.at("/cpus")?;
        let mut nodes = std::iter::once(cpus).chain(cpus.children());
        nodes.find_map(|node| node.number("timebase-frequency"))
    }

    /// The hart of each processor's entry.
    fn harts(&self) -> BTreeMap<String, u64> {
        let cpus = self
            .entries
            .iter()
            .filter(|entry| entry.group == Group::Processors);
        let harts = cpus.filter_map(|cpu| {
            let mut properties = cpu.properties.iter();
            properties.find_map(|(name, value)| match value {
                Value::Number(hart) if name == "hartId" => Some((cpu.name.clone(), *hart)),
                _ => None,
            })
        });
        harts.collect()
    }
}
