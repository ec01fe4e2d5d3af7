//! What runs are estimated to take.

use castiron_board::cost::{self, Processor, RunCost};
use castiron_codegen::Model;
use castiron_codegen::compile::CompileOptions;
use castiron_codegen::error::Result;
use castiron_codegen::program::Program;

use crate::data;

/// What a model takes on the processor that it is compiled for and, if that is only supposed, on each other that was measured.
pub(crate) fn of(
    model: &Model,
    options: &CompileOptions,
    program: Option<&Program>,
    processor: Processor<'_>,
    is_supposed: bool,
) -> Result<Vec<RunCost>> {
    let Some(program) = program else {
        return Ok(Vec::new());
    };
    let own = RunCost::of_program(program, options.target, processor)?;
    let others = match is_supposed {
        true => RunCost::of_all(model, options, processor.clock)?,
        false => Vec::new(),
    };
    let isa = own.isa;
    let others = others.into_iter().filter(|other| other.isa != isa);
    Ok([own].into_iter().chain(others).collect())
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
            optimize: cost.optimize,
            instructions: cost.instructions,
            instructions_error_percent: cost.instructions_error_percent,
            cycles: cost.cycles,
            cycles_error_percent: cost.cycles_error_percent,
            cycles_note: cost.cycles_note,
            milliseconds: cost.milliseconds,
            reason: cost.reason,
        }
    }
}
