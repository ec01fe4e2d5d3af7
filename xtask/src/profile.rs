//! What each operator of a model takes: a firmware of its own that shows where operators end.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::target::{Optimize, Target};
use castiron_codegen::tflite;
use serde::Serialize;

use crate::cores::Core;
use crate::firmware::{Builder, Content};
use crate::models::Subject;
use crate::qemu;

/// An operator of the file, with those that are part of it in the program.
#[derive(Serialize)]
pub(crate) struct OperatorCost {
    /// Its index in the file.
    pub(crate) operator: usize,
    /// What it is, with its shapes.
    pub(crate) title: String,
    /// What computes it.
    pub(crate) kernels: Vec<String>,
    /// Multiply-accumulates of one run.
    pub(crate) macs: u64,
    /// Instructions of one run, the mean over the cases.
    pub(crate) instructions: u64,
}

/// Builds and runs the firmware. Operators that take nothing, as they are part of others, are left out.
pub(crate) fn measure(builder: &Builder<'_>, subject: &Subject) -> Result<Vec<OperatorCost>> {
    let name = format!("{}.traced", subject.name);
    let image = builder
        .golden(&name, &subject.model, &subject.golden, Content::Traced)
        .context("the firmware that shows operators")?;
    let run = qemu::measure(builder.core, &image)?;
    ensure!(
        run.mismatches == 0,
        "wrong values in the firmware that shows operators"
    );
    let runs = run.instructions.len().max(1) as u64;
    let mut costs = costs(builder.core, subject)?;
    for (operator, instructions) in run.operators.iter().enumerate() {
        if let Some(cost) = costs.get_mut(&operator) {
            cost.instructions = instructions / runs;
        }
    }
    Ok(costs.into_values().collect())
}

/// The operators for which there are calls, by index.
fn costs(core: Core, subject: &Subject) -> Result<BTreeMap<usize, OperatorCost>> {
    let model = tflite::read(&subject.name, &std::fs::read(&subject.model)?)?;
    let options = CompileOptions::for_target(Target::new(core.isa(), Optimize::default()));
    let program = compile::compile(&model, &options)?;
    let mut costs = BTreeMap::new();
    let entry = program.entries.first();
    let own = entry.and_then(|e| program.routines.iter().find(|r| r.graph == e.graph));
    let steps = own
        .map(|routine| &routine.steps)
        .or(entry.map(|e| &e.steps));
    for call in steps
        .map(|steps| castiron_codegen::program::calls(steps))
        .unwrap_or_default()
    {
        let cost = costs
            .entry(call.origin.operator)
            .or_insert_with(|| OperatorCost {
                operator: call.origin.operator,
                title: call.origin.title.clone(),
                kernels: Vec::new(),
                macs: 0,
                instructions: 0,
            });
        cost.kernels.push(call.kernel.name());
        cost.macs += call.macs;
    }
    Ok(costs)
}
