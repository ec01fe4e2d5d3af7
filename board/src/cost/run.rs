//! What a run of a model is estimated to take, or why there is no estimate.

use serde::Serialize;

use super::{CostTable, Estimate, OperatorCost, class};
use crate::clock::Clock;
use castiron_codegen::Model;
use castiron_codegen::compile::{CompileOptions, compile_beyond_limits};
use castiron_codegen::cortex::Cortex;
use castiron_codegen::error::Result;
use castiron_codegen::program::Program;
use castiron_codegen::target::Target;

/// What is known of the processor that runs a model.
#[derive(Debug, Clone, Copy, Default)]
pub struct Processor<'a> {
    /// Its compatible in devicetrees.
    pub cpu: Option<&'a str>,
    /// Its clock.
    pub clock: Option<Clock>,
}

/// What a run is estimated to take on a processor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunCost {
    /// The processor that was measured; none where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processor: Option<String>,
    /// The instructions that kernels use.
    pub isa: &'static str,
    /// The mode of `optimize` that this is an estimate for.
    pub optimize: &'static str,
    /// Instructions.
    pub instructions: Option<u64>,
    /// How far estimates of these were off for networks that they were not made from, compiled in the same way: the median, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions_error_percent: Option<f64>,
    /// Cycles, in memory without wait states.
    pub cycles: Option<u64>,
    /// The same of cycles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycles_error_percent: Option<f64>,
    /// Where the cycles, and so the time, are another processor's: what there is to say of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycles_note: Option<String>,
    /// The time of these cycles, if the clock is known: three digits.
    pub milliseconds: Option<f64>,
    /// Why there is no estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// By operator.
    #[serde(skip)]
    pub operators: Vec<OperatorCost>,
}

impl RunCost {
    /// Of a model that is compiled for each set of instructions that there is a table for.
    ///
    /// # Errors
    /// Only if a table is at fault.
    pub fn of_all(
        model: &Model,
        options: &CompileOptions,
        clock: Option<Clock>,
    ) -> Result<Vec<Self>> {
        let each = CostTable::isas().map(|isa| {
            let mut options = options.clone();
            options.target.isa = isa;
            let processor = Processor { cpu: None, clock };
            match compile_beyond_limits(model, &options) {
                Ok(held) => Self::of_program(&held.program, options.target, processor),
                Err(_) => Ok(Self {
                    processor: CostTable::of(isa)?.map(|table| table.processor),
                    ..Self::none(options.target, "the model does not compile")
                }),
            }
        });
        each.collect()
    }

    /// Of a program that was compiled for a target.
    ///
    /// # Errors
    /// Only if the table is at fault.
    pub fn of_program(program: &Program, target: Target, processor: Processor<'_>) -> Result<Self> {
        let Some(table) = CostTable::of(target.isa)? else {
            return Ok(Self::none(
                target,
                "no kernel was measured for these instructions",
            ));
        };
        let Estimate {
            total,
            operators,
            reason,
        } = table.estimate(program);
        let milliseconds = total
            .zip(processor.clock)
            .and_then(|(total, clock)| total.milliseconds(clock.hz));
        let cycles = total.and_then(|total| total.cycles);
        let errors = table.errors.get(class(program, target));
        let instructions_error = errors.map(|errors| errors.instructions.left_out_median_percent);
        let cycles_error = errors
            .and_then(|errors| errors.cycles.as_ref())
            .map(|error| error.left_out_median_percent);
        Ok(Self {
            instructions: total.map(|total| total.instructions.round() as u64),
            instructions_error_percent: total.and(instructions_error),
            cycles: cycles.map(|cycles| cycles.round() as u64),
            cycles_error_percent: cycles.and(cycles_error),
            cycles_note: cycles.and(note(&table.processor, processor.cpu)),
            milliseconds,
            operators,
            processor: Some(table.processor),
            ..Self::none(target, reason.as_deref().unwrap_or_default())
        })
    }

    fn none(target: Target, reason: &str) -> Self {
        Self {
            processor: None,
            isa: target.isa.name(),
            optimize: target.optimize.name(),
            instructions: None,
            instructions_error_percent: None,
            cycles: None,
            cycles_error_percent: None,
            cycles_note: None,
            milliseconds: None,
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            operators: Vec::new(),
        }
    }
}

/// What there is to say where a processor runs the same instructions as the measured one, in its own number of cycles.
fn note(measured: &str, cpu: Option<&str>) -> Option<String> {
    let own = Cortex::of_compatible(cpu?)?.title();
    (own != measured)
        .then(|| format!("the cycles are a {measured}'s: those of a {own} were not measured"))
}
