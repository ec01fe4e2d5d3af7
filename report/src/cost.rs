//! What runs are estimated to take.

use castiron_board::clock::Clock;
use castiron_board::cost::{self, RunCost};
use castiron_codegen::Model;
use castiron_codegen::compile::CompileOptions;
use castiron_codegen::error::Result;
use castiron_codegen::program::Program;
use castiron_codegen::target::Isa;

use crate::data;

/// What a model takes on the processor that it is compiled for or, if that is any, on each that was measured.
pub(crate) fn of(
    model: &Model,
    options: &CompileOptions,
    program: Option<&Program>,
    clock: Option<Clock>,
    is_for_board: bool,
) -> Result<Vec<RunCost>> {
    match program {
        Some(program) if is_for_board || options.target.isa != Isa::Portable => {
            Ok(vec![RunCost::of_program(program, options.target, clock)?])
        }
        Some(_) => RunCost::of_all(model, options, clock),
        None => Ok(Vec::new()),
    }
}

/// What an operator takes of each.
pub(crate) fn of_operator(
    costs: &[RunCost],
    subgraph: usize,
    operator: usize,
) -> Vec<Option<data::OperatorCost>> {
    let own = |cost: &RunCost| {
        let mut operators = cost.operators.iter();
        let own = operators.find(|own| (own.subgraph, own.operator) == (subgraph, operator))?;
        own.cost.map(data::OperatorCost::from)
    };
    costs.iter().map(own).collect()
}

impl From<cost::Cost> for data::OperatorCost {
    fn from(cost: cost::Cost) -> Self {
        Self {
            instructions: cost.instructions.round() as u64,
            cycles: cost.cycles.map(|cycles| cycles.round() as u64),
        }
    }
}

impl From<RunCost> for data::RunCost {
    fn from(cost: RunCost) -> Self {
        Self {
            processor: cost.processor,
            isa: cost.isa,
            instructions: cost.instructions,
            instructions_error_percent: cost.instructions_error_percent,
            cycles: cost.cycles,
            cycles_error_percent: cost.cycles_error_percent,
            milliseconds: cost.milliseconds,
            reason: cost.reason,
        }
    }
}
