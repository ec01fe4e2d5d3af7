//! Processors.

use super::builder::Builder;
use super::isa::Isa;
use super::{Connection, Entry, Group, Outcome, Registration, Value};
use crate::cpu;
use crate::dts::NodeRef;
use crate::rules::CpuRule;

const SECOND: &str = "firmware of a second processor is not part of this build";

impl<'t> Builder<'t> {
    /// Emits the processors that are switched on.
    pub(super) fn processors(&mut self) {
        for node in cpu::cpus(self.tree) {
            self.done.insert(node.key());
            let rule = node.compatibles().find_map(|compatible| {
                let mut rules = self.rules.all.cpu.iter();
                rules.find(|r| {
                    r.compatible.iter().any(|c| c == compatible)
                        && self.is_system(&r.soc)
                        && self.is_known(r)
                })
            });
            match rule {
                None => self.note(
                    node,
                    Outcome::Dropped,
                    "no rule has a model of the processor",
                ),
                Some(rule) => match rule.class.as_str() {
                    "CPU.CortexM" => self.cortex_m(node, rule),
                    "CPU.Xtensa" => self.xtensa(node, rule),
                    class if class.starts_with("CPU.ARM") => self.with_gic(node, rule),
                    _ => self.risc_v(node, rule),
                },
            }
        }
    }

    /// Whether the Renode that is written for has the rule's type.
    fn is_known(&self, rule: &CpuRule) -> bool {
        let version = |text: &str| -> Vec<u32> {
            text.split('.')
                .map(|part| part.parse().unwrap_or(0))
                .collect()
        };
        let since = rule.since.as_deref().unwrap_or_default();
        version(since) <= version(&self.rules.types.renode)
    }

    fn cortex_m(&mut self, node: NodeRef<'t>, rule: &CpuRule) {
        let nvic = cpu::nvic(self.tree).filter(|nvic| cpu::belongs(*nvic, node));
        let Some(nvic) = nvic else {
            self.note(node, Outcome::Dropped, "its NVIC is not in the devicetree");
            return;
        };
        if self.receivers.contains_key(&nvic.key()) {
            self.note(node, Outcome::Dropped, SECOND);
            return;
        }
        let cpu = self.cpu_entry(node, &rule.class);
        let name = cpu.name.clone();
        let controller = self.unique("nvic0");
        self.cpu_types.push(rule.kind.clone());
        let mut properties = vec![
            ("cpuType".to_owned(), Value::Text(rule.kind.clone())),
            ("nvic".to_owned(), Value::Raw(controller.clone())),
        ];
        self.extend(&mut properties, node, rule);
        self.push(node, Entry { properties, ..cpu });
        let mut properties = Vec::new();
        if let Some(bits) = nvic.number("arm,num-irq-priority-bits").filter(|b| *b <= 8) {
            // Priorities are left-aligned in eight bits.
            let mask = 0xff & !((1 << (8 - bits)) - 1);
            properties.push(("priorityMask".to_owned(), Value::Hex(mask)));
        }
        let frequency = self.clock(nvic);
        properties.push(("systickFrequency".to_owned(), Value::Number(frequency)));
        let entry = Entry {
            name: controller.clone(),
            group: Group::Controllers,
            class: "IRQControllers.NVIC".to_owned(),
            at: Registration::PerProcessor {
                // The model begins with SysTick; the node with the NVIC's own registers.
                address: 0xe000_e000,
                processor: name.clone(),
            },
            properties,
            connections: vec![Connection {
                output: "IRQ".to_owned(),
                to: vec![format!("{name}@0")],
            }],
            node: Some(nvic.path()),
            compatible: nvic.compatibles().next().map(str::to_owned),
        };
        self.receivers.insert(nvic.key(), controller);
        self.push(nvic, entry);
    }

    /// A Cortex-A or Cortex-R: the first, since the others wait for it to start them, which Renode's
    /// do not.
    fn with_gic(&mut self, node: NodeRef<'t>, rule: &CpuRule) {
        if !self.cpu_types.is_empty() {
            self.note(node, Outcome::Dropped, SECOND);
            return;
        }
        let Some(gic) = self.gic_of_processors() else {
            let reason = "the devicetree has no interrupt controller that a rule has a model of";
            self.note(node, Outcome::Dropped, reason);
            return;
        };
        let cpu = self.cpu_entry(node, &rule.class);
        self.cpu_types.push(rule.kind.clone());
        let mut properties = vec![
            ("cpuType".to_owned(), Value::Text(rule.kind.clone())),
            ("cpuId".to_owned(), Value::Number(number_of(node))),
            ("genericInterruptController".to_owned(), Value::Raw(gic)),
        ];
        self.extend(&mut properties, node, rule);
        self.push(node, Entry { properties, ..cpu });
    }

    fn xtensa(&mut self, node: NodeRef<'t>, rule: &CpuRule) {
        if !self.cpu_types.is_empty() {
            self.note(node, Outcome::Dropped, SECOND);
            return;
        }
        let cpu = self.cpu_entry(node, &rule.class);
        self.cpu_types.push(rule.kind.clone());
        let frequency = self.clock(node);
        let mut properties = vec![
            ("cpuType".to_owned(), Value::Text(rule.kind.clone())),
            ("frequency".to_owned(), Value::Number(frequency)),
        ];
        self.extend(&mut properties, node, rule);
        self.push(node, Entry { properties, ..cpu });
    }

    fn risc_v(&mut self, node: NodeRef<'t>, rule: &CpuRule) {
        let isa = self.isa(node);
        let class = match &rule.class64 {
            Some(class64) if isa.starts_with("rv64") => class64,
            _ => &rule.class,
        };
        let cpu = self.cpu_entry(node, class);
        let kind = match rule.kind.as_str() {
            "isa" => isa,
            kind => kind.to_owned(),
        };
        self.cpu_types.push(kind.clone());
        let mut properties = vec![
            ("cpuType".to_owned(), Value::Text(kind)),
            ("hartId".to_owned(), Value::Number(number_of(node))),
        ];
        self.extend(&mut properties, node, rule);
        let name = cpu.name.clone();
        self.push(node, Entry { properties, ..cpu });
        let controllers = node
            .children()
            .filter(|child| child.has("interrupt-controller"));
        for controller in controllers {
            self.receivers.insert(controller.key(), name.clone());
            self.done.insert(controller.key());
        }
    }

    /// Further parameters of the rule, and what it says about the model.
    fn extend(&mut self, properties: &mut Vec<(String, Value)>, node: NodeRef<'t>, rule: &CpuRule) {
        for (name, value) in &rule.properties {
            if let Ok(value) = self.value(node, value) {
                properties.push((name.clone(), value));
            }
        }
        if let Some(why) = &rule.why {
            self.note(node, Outcome::Approximated, why);
        }
    }

    fn cpu_entry(&mut self, node: NodeRef<'t>, class: &str) -> Entry {
        let index = self.cpu_types.len();
        let name = self.unique(&format!("cpu{index}"));
        Entry {
            name,
            group: Group::Processors,
            class: class.to_owned(),
            at: Registration::Bus,
            properties: Vec::new(),
            connections: Vec::new(),
            node: Some(node.path()),
            compatible: node.compatibles().next().map(str::to_owned),
        }
    }

    /// The instruction set as Renode reads it: what it does not know is left out, and what every
    /// one of its processors has is named.
    fn isa(&mut self, node: NodeRef<'t>) -> String {
        let text = cpu::riscv_isa(node).unwrap_or_else(|| {
            let reason = "the devicetree does not say which instructions it has; rv32imac";
            self.note(node, Outcome::Approximated, reason);
            "rv32imac".to_owned()
        });
        let isa = Isa::known(&text, &self.rules.types);
        for extension in isa.unknown {
            let reason = format!("Renode does not know the extension {extension}");
            self.note(node, Outcome::Approximated, reason);
        }
        isa.text
    }
}

/// What a processor is called in its system: a hart, or an affinity.
fn number_of(cpu: NodeRef<'_>) -> u64 {
    let registers = cpu.local_registers();
    registers.first().map_or(0, |region| region.address)
}
