//! Element-wise operators behind each other as one: what lies between two of them need not be in memory.
//!
//! Each operator's family chooses its kernel as ever, and the kernels become steps of one loop. Where size comes first, they are
//! called one after another, in the output's memory.

use castiron_runtime::host::{self, Access, CHAIN_OPERANDS, HostKernel, Step};
use castiron_runtime::kernels::Broadcast;

use super::{Site, family};
use crate::error::Diagnostic;
use crate::graph::{Graph, Operator, Options, TensorId};
use crate::plan::OutputMemory;
use crate::program::{Action, Argument, Call, Choice, Choosing, ElementType, Place, Purpose};
use crate::target::Optimize;

/// One operator for several element-wise ones, each of which reads the one before it; the last is the one at `index`. `None` if
/// no kernel computes them at once.
pub(crate) fn chain(graph: &Graph, index: usize, all: Vec<Operator>) -> Option<Operator> {
    let mut operator = all.last()?.clone();
    let first = links(graph, index, &all)?.first()?.tensor;
    let between: Vec<TensorId> = all.iter().flat_map(|o| o.outputs.clone()).collect();
    let mut inputs = vec![Some(first)];
    for input in all.iter().flat_map(|operator| &operator.inputs).flatten() {
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

/// The length of rows that all links have in common.
fn row(links: &[Link]) -> Option<usize> {
    let elements = links.first()?.elements;
    let mut row = None;
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
    let links = links(site.graph, site.index, all).ok_or_else(apart)?;
    let row = row(&links).ok_or_else(apart)?;
    let x = choosing.activation(site.input_id(0)?)?;
    let y = choosing.activation(site.output_id(0)?)?;
    // The first step reads elements before it writes them; another one may read what was written.
    let reads = |link: &Link| link.other().is_some_and(|other| other.place == x.place);
    if !links.iter().any(reads) {
        choosing.outputs([OutputMemory::InPlace(vec![0])].into_iter());
    }
    if choosing.target().optimize == Optimize::Size {
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
    let kernel = of_type(x.element, row, steps).ok_or_else(apart)?;
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
        let arguments = call.arguments.into_iter().enumerate();
        let arguments: Vec<Argument> = arguments
            .map(|(position, argument)| match position {
                _ if position == inputs || at > 0 && position == link.value => y,
                _ => choosing.adopt(&link.choice, argument),
            })
            .collect();
        choosing.call(call.kernel, arguments);
    }
    Ok(())
}

fn of_type(
    element: ElementType,
    row: usize,
    steps: Vec<(Step, Access, bool)>,
) -> Option<Box<dyn HostKernel>> {
    match element {
        ElementType::F32 => host::chain::<f32>(row, steps),
        ElementType::I8 => host::chain::<i8>(row, steps),
        ElementType::U8 => host::chain::<u8>(row, steps),
        ElementType::I16 => host::chain::<i16>(row, steps),
        ElementType::I32 => host::chain::<i32>(row, steps),
        _ => None,
    }
}
