//! How much code castiron's engine takes, estimated from what its kernels took where they were
//! measured.

use std::collections::BTreeMap;

use serde::Deserialize;

use castiron_codegen::Model;
use castiron_codegen::compile::{CompileOptions, compile};
use castiron_codegen::cortex::Cortex;
use castiron_codegen::error::{Diagnostic, Result};
use castiron_codegen::program::Program;
use castiron_codegen::target::Isa;

const CORTEX_M4: &str = include_str!("../data/code/cortex-m4.toml");

/// What kernels took where they were measured, and how far estimates were off.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
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
    #[serde(default)]
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
        toml::from_str(CORTEX_M4).map_err(|e| {
            Diagnostic::fault(format_args!("its table of code sizes: {}", e.message())).into()
        })
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
