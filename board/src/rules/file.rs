//! A file of rules.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::super::likely::likely;
use super::types::ClassText;
use castiron_codegen::error::{Diagnostic, Result};

/// Bytes of a file of rules. All that castiron has together are a tenth of it.
const MOST_BYTES: usize = 1 << 18;

pub(super) const FORMAT: &str = "docs/boards.md has the format of rules";

/// What a file of rules has, and all files joined.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuleFile {
    /// Processors.
    pub cpu: Vec<CpuRule>,
    /// Interrupt controllers.
    pub controller: Vec<ControllerRule>,
    /// RAM and flash.
    pub memory: Vec<MemoryRule>,
    /// Everything else that has a model.
    pub device: Vec<DeviceRule>,
    /// What is left out without a tag.
    pub ignore: Vec<IgnoreRule>,
    /// What no devicetree has.
    pub extra: Vec<ExtraRule>,
    /// How pins raise interrupts.
    pub pins: Vec<PinsRule>,
    /// Where the frequency of the processor stands.
    pub clock: Vec<ClockRule>,
    /// Classes of a user's own Renode.
    pub class: BTreeMap<String, ClassText>,
}

/// A processor.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CpuRule {
    /// Compatibles it holds for.
    #[serde(deserialize_with = "one_or_many")]
    pub compatible: Vec<String>,
    /// It holds only for these systems, as in [`DeviceRule::soc`].
    #[serde(default, deserialize_with = "one_or_many")]
    pub soc: Vec<String>,
    /// The class.
    pub class: String,
    /// The class if the instruction set is of 64 bits.
    pub class64: Option<String>,
    /// `cpuType`, or `isa` to make it from the devicetree's instruction set.
    #[serde(rename = "type")]
    pub kind: String,
    /// The first Renode that has the type.
    pub since: Option<String>,
    /// Further constructor parameters.
    #[serde(default)]
    pub properties: BTreeMap<String, PropertyRule>,
    /// In what the model differs from the hardware.
    pub why: Option<String>,
}

/// An interrupt controller.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ControllerRule {
    /// Compatibles it holds for.
    #[serde(deserialize_with = "one_or_many")]
    pub compatible: Vec<String>,
    /// How it is wired.
    pub kind: ControllerKind,
    /// The class, if it is not part of the processor.
    pub class: Option<String>,
    /// Further constructor parameters.
    #[serde(default)]
    pub properties: BTreeMap<String, PropertyRule>,
}

/// How an interrupt controller is wired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControllerKind {
    /// Cortex-M's.
    Nvic,
    /// RISC-V's for devices.
    Plic,
    /// RISC-V's for timer and software interrupts.
    Clint,
    /// RISC-V's timer, alone or as a part of a CLINT.
    MachineTimer,
    /// Interrupts go to the processor itself.
    Cpu,
    /// That of Cortex-A and Cortex-R.
    Gic,
}

/// RAM or flash.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MemoryRule {
    /// Compatibles it holds for.
    #[serde(deserialize_with = "one_or_many")]
    pub compatible: Vec<String>,
}

/// A device and the class that stands for it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeviceRule {
    /// Compatibles it holds for.
    #[serde(deserialize_with = "one_or_many")]
    pub compatible: Vec<String>,
    /// It holds only if a compatible of the root or of `/soc` begins so.
    #[serde(default, deserialize_with = "one_or_many")]
    pub soc: Vec<String>,
    /// It holds only for nodes whose properties have these numbers.
    #[serde(default)]
    pub when: BTreeMap<String, u64>,
    /// The class.
    pub class: String,
    /// It is a device on this kind of bus instead of one in memory: `i2c` or `spi`; `cpu` for what
    /// each processor has.
    pub bus: Option<String>,
    /// Constructor parameters.
    #[serde(default)]
    pub properties: BTreeMap<String, PropertyRule>,
    /// The outputs of the class for the node's interrupts.
    #[serde(default)]
    pub interrupts: InterruptRule,
    /// What the class's registers begin at, from the node's address.
    #[serde(default)]
    pub offset: i64,
    /// Register the node's range of addresses although the class knows its size.
    #[serde(default)]
    pub range: bool,
    /// Take it although the devicetree switches it off.
    #[serde(default)]
    pub even_disabled: bool,
    /// In what the model differs from the hardware.
    pub why: Option<String>,
}

/// How a node's interrupts meet the outputs of the class.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(
    untagged,
    expecting = "no interrupts; expected names, a list, \"numbered\", \"line-ranges\" or \"none\""
)]
pub enum InterruptRule {
    /// The first interrupt is `IRQ`, if the class has it.
    #[default]
    Default,
    /// `numbered`: the outputs are 0, 1, …; `line-ranges`: each interrupt is that of several, which
    /// the property of this name lists; `none`: they are not wired.
    Word(InterruptWord),
    /// In order; an empty text skips one.
    InOrder(Vec<String>),
    /// By the names that the node gives its interrupts.
    ByName(BTreeMap<String, String>),
}

/// See [`InterruptRule::Word`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterruptWord {
    /// The class has numbered outputs.
    Numbered,
    /// So it has, and several of them raise one interrupt.
    LineRanges,
    /// The interrupts are not wired.
    None,
}

/// The value of a constructor parameter.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "no value of a property; expected true, a number, a text, or one of raw, node, \
                 label, property, clock, size and systick with what belongs to it"
)]
pub enum PropertyRule {
    /// A boolean.
    Flag(bool),
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
    /// A value as Renode reads it, such as a member of an enumeration.
    Raw {
        /// The value.
        raw: String,
    },
    /// The model of the first node with this compatible.
    Node {
        /// The compatible.
        node: String,
    },
    /// The model of the node with this label; nothing without one.
    Label {
        /// The label.
        label: String,
    },
    /// A number of the devicetree.
    Property {
        /// The property of the node.
        property: String,
        /// What holds if the node does not have it.
        default: u64,
    },
    /// The frequency of the node's clock.
    Clock {
        /// Always true.
        clock: bool,
        /// What holds if the devicetree does not say.
        default: u64,
    },
    /// The size of the node's registers.
    Size {
        /// Always true.
        size: bool,
    },
    /// The frequency of the processor.
    Systick {
        /// Always true.
        systick: bool,
    },
}

/// What is left out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IgnoreRule {
    /// Compatibles it holds for.
    #[serde(deserialize_with = "one_or_many")]
    pub compatible: Vec<String>,
    /// The reason.
    pub why: String,
}

/// What no devicetree has.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtraRule {
    /// It comes with processors of these types; with all if there is none.
    #[serde(default, deserialize_with = "one_or_many")]
    pub cpu: Vec<String>,
    /// It comes with these systems, as in [`DeviceRule::soc`]; with all if there is none.
    #[serde(default, deserialize_with = "one_or_many")]
    pub soc: Vec<String>,
    /// Its name in Renode.
    pub name: String,
    /// The class; a tag without.
    pub class: Option<String>,
    /// Where it is.
    pub address: u64,
    /// Its size.
    pub size: u64,
    /// What a tag reads as.
    pub value: Option<u64>,
    /// Constructor parameters.
    #[serde(default)]
    pub properties: BTreeMap<String, PropertyRule>,
}

/// How pins raise interrupts through a controller with a line for each number of a pin.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PinsRule {
    /// The ports, by compatible: a numbered output for each of their pins.
    pub of: String,
    /// The controller, by compatible.
    pub to: String,
    /// It holds only for these systems, as in [`DeviceRule::soc`].
    #[serde(default, deserialize_with = "one_or_many")]
    pub soc: Vec<String>,
    /// What is between the two and chooses a port for each line.
    pub selector: Option<SelectorRule>,
    /// The controller itself chooses: it has inputs for each port.
    #[serde(default)]
    pub by_port: bool,
    /// In what the model differs from the hardware.
    pub why: Option<String>,
}

/// See [`PinsRule::selector`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectorRule {
    /// Its name in Renode.
    pub name: String,
    /// Its class, which has inputs for each port and an output for each line.
    pub class: String,
    /// Where it is.
    pub address: u64,
}

/// Where the frequency of the processor stands, if its node does not have it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockRule {
    /// It stands in a property of the first node with one of these compatibles.
    #[serde(default, deserialize_with = "one_or_many")]
    pub compatible: Vec<String>,
    /// The property.
    pub property: Option<String>,
    /// It is known for these systems, as in [`DeviceRule::soc`].
    #[serde(default, deserialize_with = "one_or_many")]
    pub soc: Vec<String>,
    /// The frequency.
    pub frequency: Option<u64>,
}

impl RuleFile {
    /// Reads a file of rules.
    ///
    /// # Errors
    /// If it is no TOML, or has what no rule has, with line and column; or is longer than rules are.
    pub fn read(text: &str) -> Result<Self> {
        if text.len() > MOST_BYTES {
            return Err(Diagnostic::new("the file of rules is too long")
                .expected(format!("at most {MOST_BYTES} bytes"))
                .found(format!("{} bytes", text.len()))
                .help(format!("check that this is the right file; {FORMAT}"))
                .into());
        }
        toml::from_str(text).map_err(|e| rules_error(&e, text).into())
    }

    /// These rules, then others.
    pub(super) fn before(mut self, others: Self) -> Self {
        self.cpu.extend(others.cpu);
        self.controller.extend(others.controller);
        self.memory.extend(others.memory);
        self.device.extend(others.device);
        self.ignore.extend(others.ignore);
        self.extra.extend(others.extra);
        self.pins.extend(others.pins);
        self.clock.extend(others.clock);
        self
    }

    /// The names of all classes.
    pub(super) fn classes(&self) -> impl Iterator<Item = &str> {
        let cpus = self
            .cpu
            .iter()
            .flat_map(|r| [Some(&r.class), r.class64.as_ref()]);
        let controllers = self.controller.iter().map(|r| r.class.as_ref());
        let devices = self.device.iter().map(|r| Some(&r.class));
        let extras = self.extra.iter().map(|r| r.class.as_ref());
        let selectors = self.pins.iter().map(|r| r.selector.as_ref());
        let selectors = selectors.map(|selector| selector.map(|s| &s.class));
        let all = cpus.chain(controllers).chain(devices).chain(extras);
        let all = all.chain(selectors);
        all.flatten().map(String::as_str)
    }
}

/// What is wrong with a TOML file, and where.
pub(super) fn rules_error(error: &toml::de::Error, text: &str) -> Diagnostic {
    let message = error.message();
    let diagnostic = Diagnostic::new(format!("these are not rules: {message}"));
    // The message quotes what is not known, then what is.
    let mut quoted = message.split('`').skip(1).step_by(2);
    let close = match quoted.next() {
        Some(unknown) if message.starts_with("unknown ") => likely(unknown, quoted),
        _ => Vec::new(),
    };
    let diagnostic = diagnostic.help(match close[..] {
        [] => format!("correct it; {FORMAT}"),
        [name, ..] => format!("did you mean {name}? {FORMAT}"),
    });
    let Some(span) = error.span() else {
        return diagnostic;
    };
    let before = text.get(..span.start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    diagnostic.at_line(line, before[start..].chars().count() + 1)
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a text or a list of texts")]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}
