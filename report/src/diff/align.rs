//! Which operators of two subgraphs are the same ones.
//!
//! A longest common subsequence of both, first by all that tells operators apart; between those that it found, by less and
//! less. So an operator that is new makes none behind it another.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::read::{Operator, Subgraph};

/// A position in both, or in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// An operator that both have.
    Both(usize, usize),
    /// One that is gone.
    Old(usize),
    /// One that is new.
    New(usize),
}

/// What has to be the same besides what operators compute.
#[derive(Clone, Copy)]
struct Level {
    shapes: bool,
    names: bool,
    constants: bool,
}

/// The strictest first.
const LEVELS: [Level; 5] = [
    Level::of(true, true, true),
    // Converters number names: an operator that is new gives all of its kind behind it others.
    Level::of(true, false, true),
    Level::of(true, true, false),
    Level::of(true, false, false),
    Level::of(false, false, false),
];

/// What is compared of an operator at a level.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key<'a> {
    name: &'a str,
    shapes: Vec<&'a [usize]>,
    names: Vec<&'a str>,
    constants: Vec<&'a str>,
    /// Of an operator that is like no other at this level, which side it is of, and where.
    alone: Option<(bool, usize)>,
}

/// The operators of both, in an order that is that of either.
pub(super) fn align(old: &Subgraph, new: &Subgraph) -> Vec<Step> {
    let both = [old, new];
    let mut steps = Vec::new();
    let all = both.map(|graph| 0..graph.operators.len());
    refine(both, all, &LEVELS, &mut steps);
    steps
}

fn refine(
    both: [&Subgraph; 2],
    ranges: [Range<usize>; 2],
    levels: &[Level],
    steps: &mut Vec<Step>,
) {
    let [old, new] = ranges;
    let (false, Some((level, rest))) = (old.is_empty() || new.is_empty(), levels.split_first())
    else {
        steps.extend(old.map(Step::Old));
        steps.extend(new.map(Step::New));
        return;
    };
    let [before, after] = [(0, &old), (1, &new)].map(|(side, range)| {
        let keys = range.clone().map(|at| level.key(both[side], at, side == 1));
        keys.collect::<Vec<_>>()
    });
    // What is left between operators that are the same is looked at again.
    let mut left = [old.start, new.start];
    for op in capture_diff_slices(Algorithm::Myers, &before, &after) {
        let DiffOp::Equal {
            old_index,
            new_index,
            len,
        } = op
        else {
            continue;
        };
        let (from, to) = (old.start + old_index, new.start + new_index);
        refine(both, [left[0]..from, left[1]..to], rest, steps);
        steps.extend((0..len).map(|i| Step::Both(from + i, to + i)));
        left = [from + len, to + len];
    }
    refine(both, [left[0]..old.end, left[1]..new.end], rest, steps);
}

impl Level {
    const fn of(shapes: bool, names: bool, constants: bool) -> Self {
        Self {
            shapes,
            names,
            constants,
        }
    }

    fn key<'a>(self, graph: &'a Subgraph, at: usize, is_new: bool) -> Key<'a> {
        let operator: &'a Operator = &graph.operators[at];
        let outputs = || graph.outputs(operator);
        let constants: Vec<&str> = match self.constants {
            true => graph
                .constants(operator)
                .filter_map(|(_, tensor)| tensor.digest.as_deref())
                .collect(),
            false => Vec::new(),
        };
        // Without a name, an operator is known by its constants only if it has some.
        let unknown = self.constants && !self.names && constants.is_empty();
        Key {
            name: &operator.name,
            shapes: match self.shapes {
                true => outputs().map(|tensor| &tensor.shape[..]).collect(),
                false => Vec::new(),
            },
            names: match self.names {
                true => outputs().map(|tensor| &tensor.name[..]).collect(),
                false => Vec::new(),
            },
            constants,
            alone: unknown.then_some((is_new, at)),
        }
    }
}
