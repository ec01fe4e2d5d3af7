//! What a run of a model is estimated to take, or why there is no estimate.

use serde::Serialize;

use super::{CostTable, Estimate, OperatorCost};
use crate::clock::Clock;
use castiron_codegen::Model;
use castiron_codegen::compile::{CompileOptions, compile};
use castiron_codegen::error::Result;
use castiron_codegen::program::Program;
use castiron_codegen::target::{Isa, Optimize, Target};

/// What a run is estimated to take on a processor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunCost {
    /// The processor that was measured; none where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processor: Option<String>,
    /// The instructions that kernels use.
    pub isa: &'static str,
    /// Instructions.
    pub instructions: Option<u64>,
    /// How far estimates of these were off for networks that they were not made from: the median, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions_error_percent: Option<f64>,
    /// Cycles, in memory without wait states.
    pub cycles: Option<u64>,
    /// The same of cycles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycles_error_percent: Option<f64>,
    /// The time of these cycles, if the clock is known.
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
            match compile(model, &options) {
                Ok(program) => Self::of_program(&program, options.target, clock),
                Err(_) => Ok(Self {
                    processor: CostTable::of(isa)?.map(|table| table.processor),
                    ..Self::none(isa, "the model does not compile")
                }),
            }
        });
        each.collect()
    }

    /// Of a program that was compiled for a target.
    ///
    /// # Errors
    /// Only if the table is at fault.
    pub fn of_program(program: &Program, target: Target, clock: Option<Clock>) -> Result<Self> {
        let isa = target.isa;
        let Some(table) = CostTable::of(isa)? else {
            return Ok(Self::none(
                isa,
                "no kernel was measured for these instructions",
            ));
        };
        if target.optimize != Optimize::Balanced {
            return Ok(Self {
                processor: Some(table.processor),
                ..Self::none(isa, "kernels were measured with optimize = balanced alone")
            });
        }
        let Estimate {
            total,
            operators,
            reason,
        } = table.estimate(program);
        let milliseconds = total
            .zip(clock)
            .and_then(|(total, clock)| total.milliseconds(clock.hz));
        let cycles = total.and_then(|total| total.cycles);
        Ok(Self {
            processor: Some(table.processor),
            instructions: total.map(|total| total.instructions.round() as u64),
            instructions_error_percent: total.map(|_| table.instructions.left_out_median_percent),
            cycles: cycles.map(|cycles| cycles.round() as u64),
            cycles_error_percent: cycles
                .and(table.cycles.map(|error| error.left_out_median_percent)),
            milliseconds,
            operators,
            ..Self::none(isa, reason.as_deref().unwrap_or_default())
        })
    }

    fn none(isa: Isa, reason: &str) -> Self {
        Self {
            processor: None,
            isa: isa.name(),
            instructions: None,
            instructions_error_percent: None,
            cycles: None,
            cycles_error_percent: None,
            milliseconds: None,
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            operators: Vec::new(),
        }
    }
}
