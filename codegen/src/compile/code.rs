//! How much code castiron's engine takes, estimated from what its kernels took where they were
//! measured.

use std::collections::BTreeMap;

use super::{CompileOptions, Limits, compile};
use crate::cortex::Cortex;
use crate::error::{Diagnostic, Result};
use crate::graph::Model;
use crate::program::Program;
use crate::target::Isa;

const CORTEX_M4: &str = include_str!("code/cortex-m4.toml");

/// What kernels took where they were measured, and how far estimates were off.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CodeTable {
    /// What was measured.
    pub measured: String,
    /// How many one-operator models, and how many networks.
    pub one_operator_models: u64,
    /// See above.
    pub networks: u64,
    /// How many of the networks were estimated within 25 percent of what was measured.
    pub networks_within_25_percent: u64,
    /// Mean difference between estimate and measurement in percent, of models that the table was
    /// not made from.
    pub mean_error_percent: u64,
    /// The greatest part of a model's code that an estimate lacked, in percent of the measurement.
    pub most_below_percent: u64,
    /// The most bytes that an estimate had too many.
    pub most_above_bytes: u64,
    /// Bytes of any model.
    base: u64,
    /// Bytes of every kernel call.
    call: u64,
    /// Bytes of a kernel that the table does not have.
    other: u64,
    /// Bytes of every kernel, once for a model.
    kernel: BTreeMap<String, u64>,
    /// What models of this project took.
    pub model: BTreeMap<String, u64>,
}

impl CodeTable {
    /// What the measured kernels are for.
    pub const ISA: Isa = Isa::DspFp;

    /// The table for Cortex-M.
    ///
    /// # Errors
    /// Only if the table is at fault.
    pub fn cortex_m() -> Result<Self> {
        let table = Self::parse(CORTEX_M4);
        table.map_err(|line| {
            Diagnostic::fault(format_args!("its table of code sizes: {line:?}")).into()
        })
    }

    /// What the table says, or a line that cannot be read. It is flat, and macros that read no TOML have it, too.
    fn parse(text: &str) -> Result<Self, &str> {
        let mut table = Self::default();
        let mut section = "";
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                section = name;
            } else if !line.is_empty() && !line.starts_with('#') {
                table.take(section, line).ok_or(line)?;
            }
        }
        Ok(table)
    }

    /// `key = value`, with quotes where a name has more than letters.
    fn take(&mut self, section: &str, line: &str) -> Option<()> {
        // No name has such a sign between spaces.
        let (key, value) = line.split_once(" = ")?;
        let plain = |text: &str| text.trim_matches('"').to_owned();
        if (section, key) == ("", "measured") {
            self.measured = plain(value);
            return Some(());
        }
        let number = value.parse().ok()?;
        let place = match (section, key) {
            ("kernel", name) => self.kernel.entry(plain(name)).or_default(),
            ("model", name) => self.model.entry(plain(name)).or_default(),
            ("", "one-operator-models") => &mut self.one_operator_models,
            ("", "networks") => &mut self.networks,
            ("", "networks-within-25-percent") => &mut self.networks_within_25_percent,
            ("", "mean-error-percent") => &mut self.mean_error_percent,
            ("", "most-below-percent") => &mut self.most_below_percent,
            ("", "most-above-bytes") => &mut self.most_above_bytes,
            ("", "base") => &mut self.base,
            ("", "call") => &mut self.call,
            ("", "other") => &mut self.other,
            _ => return None,
        };
        *place = number;
        Some(())
    }

    /// Whether the table says something about a processor, by its compatible.
    pub fn is_of(cpu: &str) -> bool {
        Cortex::of_compatible(cpu).is_some()
    }

    /// Whether a kernel was measured, or others of its functions.
    pub fn has(&self, kernel: &str) -> bool {
        self.kernel.contains_key(kernel) || self.functions(kernel).next().is_some()
    }

    /// [`estimate`](Self::estimate) of what a model takes on the processor that was measured, whatever it is compiled for.
    pub fn of_model(&self, model: &Model, options: &CompileOptions, program: &Program) -> u64 {
        if matches!(options.target.isa, Isa::Dsp | Self::ISA) {
            return self.estimate(program);
        }
        let mut measured = options.clone();
        measured.target.isa = Self::ISA;
        // This is part of comparing with them.
        measured.limits = Limits::default();
        match compile(model, &measured) {
            Ok(measured) => self.estimate(&measured),
            Err(_) => self.estimate(program),
        }
    }

    /// Bytes of code and parameters of a model for [`ISA`](Self::ISA), without its packed weights.
    pub fn estimate(&self, program: &Program) -> u64 {
        let kernels = kernels(program);
        let calls: u64 = kernels.values().sum();
        let of_kernels = kernels.keys().map(|name| self.bytes_of(name));
        self.base + calls * self.call + of_kernels.sum::<u64>()
    }

    /// Bytes of a kernel; those of a function that was not measured are the mean of its kernel's functions.
    fn bytes_of(&self, kernel: &str) -> u64 {
        if let Some(bytes) = self.kernel.get(kernel) {
            return *bytes;
        }
        let functions: Vec<u64> = self.functions(kernel).collect();
        let mean = functions
            .iter()
            .sum::<u64>()
            .checked_div(functions.len() as u64);
        mean.unwrap_or(self.other)
    }

    /// What functions took for which a kernel was measured: `Map<Neg>` is one of `Map`.
    fn functions(&self, kernel: &str) -> impl Iterator<Item = u64> {
        let outer = kernel.split_once('<').map(|(outer, _)| outer.to_owned());
        let measured = self.kernel.iter().filter(move |(name, _)| {
            let of = name.split_once('<').map(|(outer, _)| outer);
            of.is_some() && of == outer.as_deref()
        });
        measured.map(|(_, bytes)| *bytes)
    }
}

/// The kernels that a model calls, and how often.
pub fn kernels(program: &Program) -> BTreeMap<String, u64> {
    let mut kernels = BTreeMap::new();
    for call in program.calls() {
        *kernels.entry(call.kernel.name()).or_default() += 1;
    }
    kernels
}
