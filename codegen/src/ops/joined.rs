//! Consecutive movements as one: what is moved to a tensor that only the next movement reads need not be there.

use super::movement::Move;
use super::walk::{Copy, Joint, Loop, Walk, joint};
use super::{Site, family};
use crate::error::Diagnostic;
use crate::graph::{Graph, Operator, Options, TensorId};
use crate::program::{Choosing, Purpose};
use crate::sorted;

/// Whether an operator only moves elements, and some of them to other places.
pub fn moves_elements(graph: &Graph, index: usize) -> bool {
    let site = Site::new(graph, index);
    let is_whole = |only: &Move| {
        let (x, y) = (site.input(only.input), site.output(only.output));
        let [x, y] = [x, y].map(|tensor| tensor.map_or(0, |tensor| tensor.elements()));
        x == y && Copy::new(&only.x, &only.y).is_some_and(|copy| copy.is_whole(y))
    };
    match all_moves(&site) {
        Ok(Some(moves)) => !matches!(&moves[..], [only] if is_whole(only)),
        _ => false,
    }
}

/// The input of an operator that only moves one input's elements to all of its one output. `None` of others, and of those that
/// are refused.
pub(crate) fn moved_input(graph: &Graph, index: usize) -> Option<TensorId> {
    let site = Site::new(graph, index);
    let moves = all_moves(&site).ok()??;
    let ([only], [y]) = (&moves[..], &site.operator.outputs[..]) else {
        return None;
    };
    let choosing = &mut Choosing::new(graph, Purpose::Folding);
    family(&site.operator.kind)?.choose(&site, choosing).ok()?;
    order(&only.x, &only.y, graph.tensor(*y).elements())?;
    site.input_id(only.input).ok()
}

/// What an operator moves, joined or not.
fn all_moves(site: &Site<'_>) -> Result<Option<Vec<Move>>, Diagnostic> {
    match (site.options(), family(&site.operator.kind)) {
        (Options::Joined(all), _) => moves(site, all).map(Some),
        (_, Some(family)) => family.moves(site),
        (_, None) => Ok(None),
    }
}

/// One operator for several: the movements `before`, each of which reads the one before it, and the one at `index`, which reads
/// the last of them. `None` if no kernel does it at once.
pub(crate) fn join(
    graph: &Graph,
    index: usize,
    before: Vec<Operator>,
    source: TensorId,
) -> Option<Operator> {
    let last = &graph.operators[index];
    let read = *before.last()?.outputs.first()?;
    let mut operator = last.clone();
    for input in operator.inputs.iter_mut().filter(|id| **id == Some(read)) {
        *input = Some(source);
    }
    let mut all = before;
    all.push(last.clone());
    operator.options = Options::Joined(all);
    let site = Site {
        graph,
        index,
        operator: &operator,
    };
    let choosing = &mut Choosing::new(graph, Purpose::Folding);
    let chosen = family(&last.kind)?.choose(&site, choosing);
    chosen.is_ok().then_some(operator)
}

/// The moves of an operator that [`join`] made.
pub(super) fn moves(site: &Site<'_>, all: &[Operator]) -> Result<Vec<Move>, Diagnostic> {
    let apart = || Diagnostic::fault("it joined operators that do not belong together");
    let (last, before) = all.split_last().ok_or_else(apart)?;
    let moves_of = |operator| -> Result<Vec<Move>, Diagnostic> {
        let site = Site { operator, ..*site };
        let family = family(&operator.kind).ok_or_else(apart)?;
        family.moves(&site)?.ok_or_else(apart)
    };
    let mut so_far: Option<Walk> = None;
    for operator in before {
        let [only] = &moves_of(operator)?[..] else {
            return Err(apart());
        };
        let (x, y) = match &so_far {
            None => (only.x.clone(), only.y.clone()),
            Some(source) => through(&only.x, &only.y, source).ok_or_else(apart)?,
        };
        let id = operator.outputs.first().ok_or_else(apart)?;
        let elements = site.graph.tensor(*id).elements();
        so_far = Some(order(&x, &y, elements).ok_or_else(apart)?);
    }
    let read = before.last().and_then(|operator| operator.outputs.first());
    let moves = moves_of(last)?.into_iter().map(|own| {
        match (last.inputs.get(own.input).copied().flatten(), &so_far) {
            (id, Some(source)) if id.as_ref() == read => {
                let (x, y) = through(&own.x, &own.y, source).ok_or_else(apart)?;
                Ok(Move { x, y, ..own })
            }
            _ => Ok(own),
        }
    });
    moves.collect()
}

/// The walk through an input that goes along its output from the first element to the last; `None` if the two walks do not reach
/// all of the output.
pub fn order(x: &Walk, y: &Walk, elements: usize) -> Option<Walk> {
    if elements == 0 {
        return None;
    }
    let (mut start, mut y_start) = (x.start, y.start);
    let mut loops = forwards(joint([x, y])?, [&mut start, &mut y_start], 1);
    sorted::by_key(&mut loops, |l| std::cmp::Reverse(l.steps[1]));
    let mut step = 1;
    for this in loops.iter().rev() {
        if this.steps[1] != step {
            return None;
        }
        step *= this.count as isize;
    }
    (y_start == 0 && step == elements as isize).then(|| Walk {
        start,
        loops: (loops.iter())
            .map(|l| Loop {
                count: l.count,
                step: l.steps[0],
            })
            .collect(),
    })
}

/// Loops in the direction in which one of two tensors is gone through forwards. Which way it is does not matter to a copy.
fn forwards(mut loops: Vec<Joint<2>>, mut starts: [&mut isize; 2], tensor: usize) -> Vec<Joint<2>> {
    for this in loops.iter_mut().filter(|l| l.steps[tensor] < 0) {
        for (start, step) in std::iter::zip(&mut starts, &mut this.steps) {
            **start += (this.count as isize - 1) * *step;
            *step = -*step;
        }
    }
    loops
}

/// Two walks, of which the first goes through a tensor that has the elements of another one in the order of `source`, as walks
/// through that other one. `None` if steps in the one are not steps in the other.
pub fn through(x: &Walk, y: &Walk, source: &Walk) -> Option<(Walk, Walk)> {
    let (mut x_start, mut y_start) = (x.start, y.start);
    let loops = forwards(joint([x, y])?, [&mut x_start, &mut y_start], 0);
    // A position in the tensor between is a number whose digits are rounds of the source's loops.
    let mut digits: Vec<Digit> = Vec::new();
    let mut step = 1;
    for this in source.loops.iter().rev() {
        digits.push(Digit {
            count: this.count,
            step,
            source: this.step,
            used: 0,
        });
        step *= this.count;
    }
    let mut rest = usize::try_from(x_start).ok()?;
    for digit in digits.iter_mut().rev() {
        digit.used = rest / digit.step;
        rest %= digit.step;
    }
    let mut start = source.start;
    for digit in &digits {
        start += digit.used as isize * digit.source;
    }
    let (mut x_loops, mut y_loops) = (Vec::new(), Vec::new());
    for this in loops.iter().rev() {
        let [step, mut y_step] = this.steps;
        let (mut count, mut step) = (this.count, usize::try_from(step).ok()?);
        while count > 1 {
            let digit = digits.iter_mut().rev().find(|d| d.step <= step);
            let (rounds, x_step, next) = match digit {
                // It stays where it is.
                None => (count, 0, 0),
                Some(digit) => digit.rounds(count, step)?,
            };
            x_loops.push(Loop {
                count: rounds,
                step: x_step,
            });
            y_loops.push(Loop {
                count: rounds,
                step: y_step,
            });
            count /= rounds;
            step = next;
            y_step *= rounds as isize;
        }
        if count == 0 {
            return None;
        }
    }
    // Where digits carry over, steps are not the same everywhere.
    if rest != 0 || digits.iter().any(|digit| digit.used >= digit.count) {
        return None;
    }
    x_loops.reverse();
    y_loops.reverse();
    let walk = |start, loops| Walk { start, loops };
    Some((walk(start, x_loops), walk(y_start, y_loops)))
}

/// A loop of a walk as a digit of the position in what it goes along.
struct Digit {
    /// Its rounds.
    count: usize,
    /// Elements from one round to the next.
    step: usize,
    /// The same in the source.
    source: isize,
    /// The greatest round that is met.
    used: usize,
}

impl Digit {
    /// How many rounds of a loop are in this digit, with their step in the source, and the loop's step after them.
    fn rounds(&mut self, count: usize, step: usize) -> Option<(usize, isize, usize)> {
        if !step.is_multiple_of(self.step) {
            return None;
        }
        let each = step / self.step;
        let rounds = if (count - 1).checked_mul(each)? < self.count {
            count
        } else {
            // All of this digit, and the next one goes on.
            let rounds = self.count / each.max(1);
            if !self.count.is_multiple_of(each) || rounds < 2 || !count.is_multiple_of(rounds) {
                return None;
            }
            rounds
        };
        self.used += (rounds - 1) * each;
        Some((rounds, each as isize * self.source, self.step * self.count))
    }
}
