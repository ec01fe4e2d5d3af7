//! Pins that raise interrupts through a controller: ports, what chooses among them, and its lines.

use super::builder::Builder;
use super::{Entry, Group, Outcome, Registration};
use crate::dts::NodeRef;
use crate::rules::{PinsRule, SelectorRule};

/// Pins of a port, and lines of the controller that listen to them.
const PINS: u64 = 16;

impl<'t> Builder<'t> {
    /// Wires the pins of ports to the controllers that raise interrupts for them.
    pub(super) fn pins(&mut self) {
        for node in self.tree.nodes() {
            let Some(controller) = self.by_node.get(&node.key()).cloned() else {
                continue;
            };
            let rules = self.rules.all.pins.iter();
            let mut rules = rules.filter(|rule| node.compatibles().any(|name| name == rule.to));
            if let Some(rule) = rules.find(|rule| self.holds(rule)) {
                self.wire_pins(node, &controller, rule);
            }
        }
    }

    /// Whether it is for this system, and its selector has a class and a place.
    fn holds(&self, rule: &PinsRule) -> bool {
        let fits = |selector: &SelectorRule| {
            let refused = self.rules.types.refuses(&selector.class, [], ["0"]);
            let taken = self.entries.iter().any(|entry| match &entry.at {
                Registration::Address(address) => *address == selector.address,
                Registration::Range(region) => region.address == selector.address,
                _ => false,
            });
            refused.is_none() && !taken
        };
        self.is_system(&rule.soc) && rule.selector.as_ref().is_none_or(fits)
    }

    fn wire_pins(&mut self, node: NodeRef<'t>, controller: &str, rule: &'t PinsRule) {
        let ports = self.tree.nodes().into_iter();
        let ports: Vec<(u64, String)> = ports
            .filter(|port| port.is_compatible(&rule.of))
            .filter_map(|port| Some((index(port)?, self.by_node.get(&port.key())?.clone())))
            .collect();
        let selector = rule.selector.as_ref().map(|selector| {
            let name = self.unique(&selector.name);
            self.add(Entry {
                name: name.clone(),
                group: Group::Devices,
                class: selector.class.clone(),
                at: Registration::Address(selector.address),
                properties: Vec::new(),
                connections: Vec::new(),
                node: None,
                compatible: None,
            });
            name
        });
        for (port, name) in &ports {
            for pin in 0..PINS {
                let to = match (&selector, rule.by_port) {
                    (Some(selector), _) => format!("{selector}#{port}@{pin}"),
                    (None, true) => format!("{controller}#{port}@{pin}"),
                    (None, false) => format!("{controller}@{pin}"),
                };
                self.connect(name, pin, to);
            }
        }
        for line in (0..PINS).filter(|_| !ports.is_empty()) {
            if let Some(selector) = &selector {
                self.connect(selector, line, format!("{controller}@{line}"));
            }
        }
        // Without a model of its choice, a class has no more than one input for a line.
        if let Some(why) = &rule.why {
            self.note(node, Outcome::Approximated, why);
        }
    }
}

/// Which of the ports of its controller a port is: they lie one behind the other.
fn index(port: NodeRef<'_>) -> Option<u64> {
    let own = *port.registers().first()?;
    let first = *port.parent()?.registers().first()?;
    own.address
        .checked_sub(first.address)?
        .checked_div(own.size)
}
