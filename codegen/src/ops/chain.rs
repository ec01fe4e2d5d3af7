//! Consecutive element-wise operators as one: what lies between two of them need not be in memory.
//!
//! Each operator's family chooses its kernel as ever, and the kernels become steps of one loop. Where size comes first, they are
//! called one after another, in the output's memory. A reduction at the end takes in rows as they are made: what it reads need not be in
//! memory at all.

use castiron_runtime::host::{self, Access, CHAIN_OPERANDS, Ending, HostKernel, Step};
use castiron_runtime::kernels::{Axis, Broadcast, Reduction};

use super::{Site, family, is_elementwise};
use crate::error::Diagnostic;
use crate::graph::{Graph, Operator, Options, TensorId};
use crate::plan::OutputMemory;
use crate::program::{Action, Argument, Call, Choice, Choosing, ElementType, Place, Purpose};
use crate::target::Optimize;

/// One operator for several element-wise ones, each of which reads the one before it; the last is the one at `index`, and may be a
/// reduction of rows. `None` if no kernel computes them at once.
pub(crate) fn chain(graph: &Graph, index: usize, all: Vec<Operator>) -> Option<Operator> {
    let mut operator = all.last()?.clone();
    let (elementwise, _) = parts(&all);
    let first = links(graph, index, elementwise)?.first()?.tensor;
    let between: Vec<TensorId> = all.iter().flat_map(|o| o.outputs.clone()).collect();
    let mut inputs = vec![Some(first)];
    // What a reduction reads besides are its axes.
    let others = elementwise.iter().flat_map(|operator| &operator.inputs);
    for input in others.flatten() {
        if !between.contains(input) && !inputs.contains(&Some(*input)) {
            inputs.push(Some(*input));
        }
    }
    operator.inputs = inputs;
    operator.options = Options::Chained(all.clone());
    let site = Site {
        graph,
        index,
        operator: &operator,
    };
    let chosen = choose(&site, &mut Choosing::new(graph, Purpose::Folding), &all);
    chosen.is_ok().then_some(operator)
}

/// The element-wise operators of a chain, and the reduction behind them.
fn parts(all: &[Operator]) -> (&[Operator], Option<&Operator>) {
    match all.split_last() {
        Some((last, elementwise)) if !is_elementwise(&last.kind) => (elementwise, Some(last)),
        _ => (all, None),
    }
}

/// How a reduction takes in rows of what is before it, and how long these are. `None` if it takes in anything else.
fn ending(
    graph: &Graph,
    index: usize,
    operator: &Operator,
    before: TensorId,
) -> Option<(Ending, usize)> {
    let site = Site {
        graph,
        index,
        operator,
    };
    let mut choosing = Choosing::new(graph, Purpose::Folding);
    family(&operator.kind)?.choose(&site, &mut choosing).ok()?;
    let choice = choosing.into_choice();
    let [Action::Call(call)] = &choice.actions[..] else {
        return None;
    };
    let &[x, y] = &call.arguments[..] else {
        return None;
    };
    let ending = call.kernel.ending()?;
    let several = |axes: [Axis; 3]| axes.into_iter().filter(|axis| axis.count != 1);
    let Reduction { kept, reduced, run } = ending.reduction;
    let reduced: Vec<Axis> = several(reduced).collect();
    let kept: Vec<Axis> = several(kept).collect();
    let [
        Axis {
            count: row,
            step: 1,
        },
    ] = reduced[..]
    else {
        return None;
    };
    let is_plain = match kept[..] {
        [] => true,
        [rows] => rows.step == row,
        _ => false,
    };
    let is_whole = row > 0 && x.len == row * y.len;
    let is_next = x.place == Place::Tensor(before);
    (run == 1 && is_plain && is_whole && is_next).then_some((ending, row))
}

/// An operator of a chain: its choice, and the one call that is all of it.
struct Link {
    choice: Choice,
    /// Which of the call's operands is the value so far.
    value: usize,
    /// The tensor of it.
    tensor: TensorId,
    elements: usize,
}

impl Link {
    fn call(&self) -> Option<&Call> {
        match &self.choice.actions[..] {
            [Action::Call(call)] => Some(call),
            _ => None,
        }
    }

    fn step(&self) -> Option<Step> {
        self.call()?.kernel.step()
    }

    /// The other operand, of a function of two values.
    fn other(&self) -> Option<Argument> {
        let arguments = &self.call()?.arguments;
        (arguments.len() == 3).then(|| arguments[1 - self.value])
    }

    /// How long runs are in which the other operand is one element, or as many; `None` if any length does.
    fn run(&self) -> Option<Option<Broadcast>> {
        let zip = self.step()?.zip;
        Some(zip.and_then(|zip| zip.broadcast))
    }
}

/// Operators of a chain. The first one's value is its largest input that is no constant.
fn links(graph: &Graph, index: usize, all: &[Operator]) -> Option<Vec<Link>> {
    let mut links: Vec<Link> = Vec::new();
    let mut before: Option<TensorId> = None;
    for operator in all {
        let site = Site {
            graph,
            index,
            operator,
        };
        let mut choosing = Choosing::new(graph, Purpose::Folding);
        let chosen = family(&operator.kind)?.choose(&site, &mut choosing);
        chosen.ok()?;
        let choice = choosing.into_choice();
        let y = *operator.outputs.first()?;
        let elements = graph.tensor(y).elements();
        let [Action::Call(call)] = &choice.actions[..] else {
            return None;
        };
        let (_, inputs) = call.arguments.split_last()?;
        let is_value = |argument: &Argument| match (argument.place, before) {
            (Place::Tensor(id), Some(before)) => id == before,
            (Place::Tensor(id), None) => !graph.tensor(id).is_constant(),
            _ => false,
        };
        let is_whole = |argument: &Argument| argument.len == elements && is_value(argument);
        let value = inputs.iter().position(is_whole)?;
        let Place::Tensor(tensor) = inputs[value].place else {
            return None;
        };
        // What is read as both is no chain of one value.
        if inputs.iter().filter(|argument| is_value(argument)).count() > 1 && before.is_some() {
            return None;
        }
        links.push(Link {
            choice,
            value,
            tensor,
            elements,
        });
        before = Some(y);
    }
    Some(links)
}

/// The length of rows that all links have in common, and that a reduction takes in.
fn row(links: &[Link], reduced: Option<usize>) -> Option<usize> {
    let elements = links.first()?.elements;
    let mut row = reduced;
    let mut operands = 0;
    for link in links {
        link.step()?;
        operands += usize::from(link.other().is_some());
        if let Some(broadcast) = link.run()? {
            if row.is_some_and(|row| row != broadcast.run) {
                return None;
            }
            row = Some(broadcast.run);
        }
        if link.elements != elements {
            return None;
        }
    }
    let row = row.unwrap_or(elements);
    let accesses = links.iter().all(|link| access(link, row).is_some());
    (accesses && operands <= CHAIN_OPERANDS).then_some(row)
}

/// Where a link has its other operand from.
fn access(link: &Link, row: usize) -> Option<Access> {
    let Some(other) = link.other() else {
        return Some(Access::None);
    };
    let Some(broadcast) = link.run()? else {
        return match other.len {
            len if len == link.elements => Some(Access::Along(row)),
            1 => Some(Access::Across(0)),
            _ => None,
        };
    };
    let [rows, ref others @ ..] = broadcast.outer;
    let is_plain = link.value == 0
        && rows.first == row
        && rows.count.checked_mul(row) == Some(link.elements)
        && others.iter().all(|dim| dim.count == 1);
    match (broadcast.second_run, rows.second) {
        _ if !is_plain => None,
        (1, step @ (0 | 1)) => Some(Access::Across(step)),
        (run, step) if run == row && (step == 0 || step == row) => Some(Access::Along(step)),
        _ => None,
    }
}

/// Chooses for an operator that [`chain`] made.
pub(super) fn choose(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    all: &[Operator],
) -> Result<(), Diagnostic> {
    let apart = || Diagnostic::fault("it joined operators that do not belong together");
    let (elementwise, reduction) = parts(all);
    let links = links(site.graph, site.index, elementwise).ok_or_else(apart)?;
    let before = elementwise.last().and_then(|last| last.outputs.first());
    let ending = match (reduction, before) {
        (Some(reduction), Some(before)) => {
            let ending = ending(site.graph, site.index, reduction, *before);
            Some(ending.ok_or_else(apart)?)
        }
        _ => None,
    };
    let reduced = ending.as_ref().map(|(_, row)| *row);
    let row = row(&links, reduced).ok_or_else(apart)?;
    let x = choosing.activation(site.input_id(0)?)?;
    let y = choosing.activation(site.output_id(0)?)?;
    // The first step reads elements before it writes them; another one may read what was written.
    let reads = |link: &Link| link.other().is_some_and(|other| other.place == x.place);
    if ending.is_none() && !links.iter().skip(1).any(reads) {
        choosing.outputs([OutputMemory::InPlace(vec![0])].into_iter());
    }
    if ending.is_none() && choosing.target().optimize == Optimize::Size {
        return one_by_one(choosing, links, y);
    }
    let mut operands = Vec::new();
    let mut steps = Vec::new();
    for link in &links {
        let step = link.step().ok_or_else(apart)?;
        let access = access(link, row).ok_or_else(apart)?;
        if let Some(other) = link.other() {
            operands.push(choosing.adopt(&link.choice, other));
        }
        let exchanged = step.zip.is_some_and(|zip| zip.exchanged);
        steps.push((step, access, exchanged != (link.value == 1)));
    }
    // Steps do not look at what is left.
    operands.resize(CHAIN_OPERANDS, x);
    let ending = ending.map(|(ending, _)| ending);
    let kernel = of_type(x.element, row, steps, ending).ok_or_else(apart)?;
    operands.insert(0, x);
    operands.push(y);
    choosing.call(kernel, operands);
    Ok(())
}

/// Adds the kernels' own calls.
fn one_by_one(
    choosing: &mut Choosing<'_>,
    links: Vec<Link>,
    y: Argument,
) -> Result<(), Diagnostic> {
    for (at, mut link) in links.into_iter().enumerate() {
        let Some(Action::Call(call)) = link.choice.actions.pop() else {
            return Err(Diagnostic::fault("a part of a chain is no kernel"));
        };
        let inputs = call.arguments.len().saturating_sub(1);
        let arguments = call.arguments.iter().copied().enumerate();
        let arguments: Vec<Argument> = arguments
            .map(|(position, argument)| match position {
                _ if position == inputs || at > 0 && position == link.value => y,
                _ => choosing.adopt(&link.choice, argument),
            })
            .collect();
        choosing.act(Action::Call(Call { arguments, ..call }));
    }
    Ok(())
}

fn of_type(
    element: ElementType,
    row: usize,
    steps: Vec<(Step, Access, bool)>,
    ending: Option<Ending>,
) -> Option<Box<dyn HostKernel>> {
    match element {
        ElementType::F32 => host::chain::<f32>(row, steps, ending),
        ElementType::I8 => host::chain::<i8>(row, steps, ending),
        ElementType::U8 => host::chain::<u8>(row, steps, ending),
        ElementType::I16 => host::chain::<i16>(row, steps, ending),
        ElementType::I32 => host::chain::<i32>(row, steps, ending),
        _ => None,
    }
}
