//! Values of constructor parameters, from the rule and the devicetree.

use super::builder::Builder;
use super::{Outcome, Value};
use crate::dts::NodeRef;
use crate::rules::PropertyRule;

/// For processors whose clock the devicetree does not give.
const USUAL_CLOCK: u64 = 100_000_000;

impl<'t> Builder<'t> {
    /// The value of a parameter for a node, or why there is none.
    pub(super) fn value(&self, node: NodeRef<'t>, rule: &PropertyRule) -> Result<Value, String> {
        Ok(match rule {
            PropertyRule::Flag(flag) => Value::Flag(*flag),
            PropertyRule::Number(number) => Value::Number(*number),
            PropertyRule::Text(text) => Value::Text(text.clone()),
            PropertyRule::Raw { raw } => Value::Raw(raw.clone()),
            PropertyRule::Node { node: compatible } => {
                let nodes = self.tree.nodes().into_iter();
                let mut found = nodes.filter(|node| node.is_compatible(compatible));
                let name = found.find_map(|node| self.by_node.get(&node.key()));
                match name {
                    Some(name) => Value::Raw(name.clone()),
                    None => return Err(format!("its model needs one of {compatible}")),
                }
            }
            PropertyRule::Label { label } => {
                let node = self.tree.labelled(label);
                match node.and_then(|node| self.by_node.get(&node.key())) {
                    Some(name) => Value::Raw(name.clone()),
                    None => return Err(format!("its model needs the node {label}")),
                }
            }
            PropertyRule::Property { property, default } => {
                Value::Number(node.number(property).unwrap_or(*default))
            }
            PropertyRule::Clock { default, .. } => {
                Value::Number(clock_of(node).unwrap_or(*default))
            }
            PropertyRule::Size { .. } => match node.registers().first() {
                Some(region) => Value::Hex(region.size),
                None => return Err("its registers have no size".to_owned()),
            },
            PropertyRule::Systick { .. } => {
                Value::Number(self.known_clock().unwrap_or(USUAL_CLOCK))
            }
        })
    }

    /// The frequency of the processor; assumed, which is noted, if the devicetree has none.
    pub(super) fn clock(&mut self, node: NodeRef<'t>) -> u64 {
        self.known_clock().unwrap_or_else(|| {
            let reason = format!(
                "the devicetree does not say how fast the processor's clock ticks: {} MHz",
                USUAL_CLOCK / 1_000_000
            );
            self.note(node, Outcome::Approximated, reason);
            USUAL_CLOCK
        })
    }

    fn known_clock(&self) -> Option<u64> {
        if self.options.clock.is_some() {
            return self.options.clock;
        }
        let cpus = self
            .tree
            .at("/cpus")
            .into_iter()
            .flat_map(NodeRef::children);
        let mut own = cpus.filter(|cpu| cpu.is_enabled()).filter_map(clock_of);
        own.next().or_else(|| {
            self.rules.all.clock.iter().find_map(|rule| {
                if let (Some(frequency), true) = (rule.frequency, self.is_system(&rule.soc)) {
                    return Some(frequency);
                }
                let property = rule.property.as_deref()?;
                let nodes = self
                    .tree
                    .nodes()
                    .into_iter()
                    .filter(|node| node.is_enabled());
                let mut nodes =
                    nodes.filter(|node| rule.compatible.iter().any(|c| node.is_compatible(c)));
                nodes.find_map(|node| node.number(property).or_else(|| clock_of(node)))
            })
        })
    }
}

/// The frequency of a node's clock: its own, or that of what clocks it.
fn clock_of(node: NodeRef<'_>) -> Option<u64> {
    let own = node.number("clock-frequency");
    let of = |node: NodeRef<'_>| node.number("clock-frequency");
    own.or_else(|| node.reference("clocks").and_then(of))
        .filter(|frequency| *frequency > 0)
}
