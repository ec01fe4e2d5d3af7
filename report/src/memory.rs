//! Memory over time: castiron's plan, and one of the file as it is.

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::passes::Passes;
use castiron_codegen::plan;

use crate::data::{Buffer, Memory, Plan, Step};

/// The first subgraph's memory. `after` is what castiron's engine makes of it.
pub(crate) fn of(
    model: &castiron_codegen::Model,
    options: &CompileOptions,
    after: Option<&plan::Plan>,
) -> Memory {
    let before = compile::plan_graph(model, 0, &as_in_the_file(options));
    Memory {
        before: before.ok().map(|(_, plan)| Plan::from(&plan)),
        after: after.map(Plan::from),
    }
}

/// Options that leave everything out that castiron does to save memory.
fn as_in_the_file(options: &CompileOptions) -> CompileOptions {
    let mut all = CompileOptions::for_target(options.target).without(Passes::ALL);
    all.custom = options.custom.clone();
    all.plan = options.plan;
    all.plan.buffers = plan::Buffers::Model;
    all.plan.alias = false;
    all.plan.in_place = false;
    all.plan.overlap = false;
    all.plan.reorder = false;
    all
}

impl From<&plan::Plan> for Plan {
    fn from(plan: &plan::Plan) -> Self {
        let last = plan.order.len() + 1;
        let mut steps = vec![
            Step {
                operators: Vec::new(),
                live_bytes: 0,
            };
            last + 1
        ];
        for operator in &plan.operators {
            if let Some(step) = steps.get_mut(operator.step) {
                let own = std::iter::once(operator.index);
                step.operators = operator.joined.iter().copied().chain(own).collect();
                step.live_bytes = operator.live_bytes;
            }
        }
        for end in [0, last] {
            steps[end].live_bytes = live_bytes(plan, end);
        }
        let buffers = plan.buffers.iter().filter(|buffer| buffer.bytes > 0);
        Self {
            peak_bytes: plan.peak_bytes,
            lower_bound_bytes: plan.lower_bound_bytes,
            peak_step: plan.peak_step,
            steps,
            buffers: buffers
                .map(|buffer| Buffer {
                    offset: buffer.offset,
                    bytes: buffer.bytes,
                    first: buffer.first,
                    last: buffer.last,
                    tensors: (buffer.tensors.iter())
                        .filter_map(|index| Some(plan.tensors.get(*index)?.name.clone()))
                        .collect(),
                })
                .collect(),
        }
    }
}

/// Bytes that are live at a step, each buffer rounded up as the planner does.
fn live_bytes(plan: &plan::Plan, step: usize) -> usize {
    let live = (plan.buffers.iter()).filter(|buffer| (buffer.first..=buffer.last).contains(&step));
    live.map(|buffer| buffer.bytes.next_multiple_of(plan.alignment))
        .sum()
}
