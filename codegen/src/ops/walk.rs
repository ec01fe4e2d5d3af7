//! Movement of elements as walks: in which order an operator goes through a tensor.
//!
//! A walk is loops of signed steps over a tensor's elements. An operator that only moves elements is two of them of the same
//! counts, one through its input and one through its output, and what the kernel gets is what both have in common: runs of
//! elements that are neighbours on both sides are one block, and loops that go on where their inner ones end become one with
//! them. A reduction is one walk, some of whose loops stay within an element of the output.

use castiron_runtime::kernels::{Axis, Blocks, CopyBlocks, LOOPS, Reduction};

use crate::program::{Argument, Choosing};

/// A way through a tensor: where it begins, and its loops from the outermost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Walk {
    pub(super) start: isize,
    pub(super) loops: Vec<Loop>,
}

/// Rounds, and elements from one to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Loop {
    pub(super) count: usize,
    pub(super) step: isize,
}

impl Walk {
    /// Through all of a tensor, element by element.
    pub(super) fn of(shape: &[usize]) -> Self {
        let mut step = 1;
        let mut loops: Vec<Loop> = shape
            .iter()
            .rev()
            .map(|&count| {
                let this = Loop { count, step };
                step *= count as isize;
                this
            })
            .collect();
        loops.reverse();
        Self { start: 0, loops }
    }

    /// The rounds of each loop.
    pub(super) fn counts(&self) -> Vec<usize> {
        self.loops.iter().map(|l| l.count).collect()
    }

    /// Goes through `count` elements of an axis only: from `first` on, each `stride` after the last.
    pub(super) fn part(mut self, axis: usize, first: usize, count: usize, stride: isize) -> Self {
        let this = &mut self.loops[axis];
        self.start += first as isize * this.step;
        *this = Loop {
            count,
            step: this.step * stride,
        };
        self
    }

    /// Goes through an axis from its end.
    pub(super) fn reversed(self, axis: usize) -> Self {
        match self.loops[axis].count {
            0 => self,
            count => self.part(axis, count - 1, count, -1),
        }
    }

    /// Goes through the axes in another order.
    pub(super) fn in_order(self, order: &[usize]) -> Self {
        let loops = order.iter().map(|axis| self.loops[*axis]).collect();
        Self { loops, ..self }
    }

    /// Adds an axis that has all that is behind it `count` times.
    pub(super) fn repeated(mut self, axis: usize, count: usize) -> Self {
        self.loops.insert(axis, Loop { count, step: 0 });
        self
    }

    /// Makes two axes of one: of rows of `inner` elements. `None` where they do not come out even.
    pub(super) fn split(mut self, axis: usize, inner: usize) -> Option<Self> {
        let Loop { count, step } = self.loops[axis];
        if inner == 0 || !count.is_multiple_of(inner) {
            return None;
        }
        self.loops[axis] = Loop {
            count: count / inner,
            step: step * inner as isize,
        };
        self.loops.insert(axis + 1, Loop { count: inner, step });
        Some(self)
    }

    /// Leaves out axes of one element.
    pub(super) fn without(mut self, axes: &[usize]) -> Self {
        let mut axis = 0;
        self.loops.retain(|_| {
            axis += 1;
            !axes.contains(&(axis - 1))
        });
        self
    }

    /// Goes through a tensor of a shape, of which this is all, as through a larger one: dimensions that are missing, or of one
    /// element, are repeated. `None` if the shapes do not broadcast.
    pub(super) fn broadcast(self, shape: &[usize], to: &[usize]) -> Option<Self> {
        let missing = to.len().checked_sub(shape.len())?;
        let mut walk = self;
        for (axis, wanted) in to.iter().enumerate() {
            match axis.checked_sub(missing).map(|axis| shape[axis]) {
                Some(size) if size == *wanted => continue,
                Some(1) => walk = walk.without(&[axis]),
                Some(_) => return None,
                None => {}
            }
            walk = walk.repeated(axis, *wanted);
        }
        Some(walk)
    }

    /// A reduction that goes along the walk, of some of its loops; neighbours of one kind become one. `None` if they are too
    /// many.
    pub(super) fn reduction(&self, reduced: &[bool]) -> Option<Reduction> {
        // From the innermost outwards; loops of one round are neither reduced nor kept.
        let mut axes: Vec<(bool, Axis)> = Vec::new();
        for (this, &reduced) in std::iter::zip(&self.loops, reduced).rev() {
            let (count, step) = (this.count, usize::try_from(this.step).ok()?);
            match axes.last_mut() {
                _ if count == 1 => {}
                Some((kind, axis)) if *kind == reduced && axis.count * axis.step == step => {
                    axis.count *= count;
                }
                _ => axes.push((reduced, Axis { count, step })),
            }
        }
        let (run, loops) = match &axes[..] {
            [(false, Axis { count, step: 1 }), rest @ ..] => (*count, rest),
            rest => (1, rest),
        };
        // Outer ones first; axes of one round stand in for missing ones.
        let of_kind = |kind: bool, innermost: usize| {
            let round = |step| Axis { count: 1, step };
            let axes: Vec<Axis> = loops.iter().filter(|l| l.0 == kind).map(|l| l.1).collect();
            match axes[..] {
                [] => Some([round(0), round(0), round(innermost)]),
                [inner] => Some([round(0), round(0), inner]),
                [inner, middle] => Some([round(0), middle, inner]),
                [inner, middle, outer] => Some([outer, middle, inner]),
                _ => None,
            }
        };
        Some(Reduction {
            kept: of_kind(false, 0)?,
            // Where nothing is reduced, the kernel still takes whole runs at a time.
            reduced: of_kind(true, run)?,
            run,
        })
    }
}

/// A loop through several tensors at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Joint<const N: usize> {
    pub(super) count: usize,
    pub(super) steps: [isize; N],
}

/// The loops of walks of the same counts, those that go on where their inner ones end as one with them. `None` if the walks are
/// not of the same counts, those of 1 left out.
pub(super) fn joint<const N: usize>(walks: [&Walk; N]) -> Option<Vec<Joint<N>>> {
    // Axes of one element are no loops.
    let several = walks.map(|walk| {
        let loops = walk.loops.iter().filter(|l| l.count != 1);
        loops.copied().collect::<Vec<Loop>>()
    });
    let first = several.first()?;
    let mut joint: Vec<Joint<N>> = Vec::new();
    for (i, Loop { count, .. }) in first.iter().enumerate() {
        let is_alike = |loops: &Vec<Loop>| {
            loops.len() == first.len() && loops.get(i).is_some_and(|l| l.count == *count)
        };
        if !several.iter().all(is_alike) {
            return None;
        }
        let steps = several.each_ref().map(|loops| loops[i].step);
        let rounds = *count as isize;
        match joint.last_mut() {
            Some(outer) if outer.steps == steps.map(|step| rounds * step) => {
                outer.count *= count;
                outer.steps = steps;
            }
            _ => joint.push(Joint {
                count: *count,
                steps,
            }),
        }
    }
    let is_alike = |loops: &Vec<Loop>| loops.len() == first.len();
    several.iter().all(is_alike).then_some(joint)
}

/// Two walks of the same counts as one copy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Copy {
    x_start: isize,
    y_start: isize,
    loops: Vec<Joint<2>>,
    /// Elements that are neighbours on both sides.
    block: usize,
}

impl Copy {
    /// `None` if the walks are not of the same counts, those of 1 left out.
    pub(super) fn new(x: &Walk, y: &Walk) -> Option<Self> {
        let mut loops = joint([x, y])?;
        let block = match loops.last() {
            Some(&Joint {
                count,
                steps: [1, 1],
            }) => {
                loops.pop();
                count
            }
            _ => 1,
        };
        Some(Self {
            x_start: x.start,
            y_start: y.start,
            loops,
            block,
        })
    }

    /// Whether it is all of one tensor into all of another, in the same order.
    pub(super) fn is_whole(&self, elements: usize) -> bool {
        self.x_start == 0 && self.y_start == 0 && self.loops.is_empty() && self.block == elements
    }

    /// The element of the one tensor that it begins at, if it is neighbours of it into all of the other.
    pub(super) fn part(&self, elements: usize) -> Option<usize> {
        let is_all = self.y_start == 0 && self.loops.is_empty() && self.block == elements;
        is_all.then(|| usize::try_from(self.x_start).ok())?
    }

    /// Whether nothing is copied.
    fn is_empty(&self) -> bool {
        self.block == 0 || self.loops.iter().any(|l| l.count == 0)
    }

    /// The loops that it takes.
    pub(super) fn loops(&self) -> usize {
        self.loops.len()
    }

    /// Adds what copies it; `false` if it takes more loops than kernels have.
    #[must_use]
    pub(super) fn choose(&self, choosing: &mut Choosing<'_>, x: Argument, y: Argument) -> bool {
        let Some(blocks) = self.blocks(x.element.bytes()) else {
            return false;
        };
        if self.is_empty() {
            return true;
        }
        if let Some(first) = self.part(y.len) {
            let part = Argument {
                offset: x.offset + first * x.element.bytes(),
                len: y.len,
                ..x
            };
            choosing.copy(part, y);
            return true;
        }
        choosing.call(CopyBlocks { blocks }, [x, y].map(Argument::as_bytes));
        true
    }

    /// The rounds of its shortest loop as copies of their own, where it takes a loop more than kernels have.
    pub(super) fn rounds(&self) -> Vec<Self> {
        let shortest = (self.loops.iter().enumerate()).min_by_key(|(_, this)| this.count);
        let Some((at, Joint { count, steps })) = shortest else {
            return Vec::new();
        };
        let round = |round: isize| {
            let mut loops = self.loops.clone();
            loops.remove(at);
            Self {
                x_start: self.x_start + round * steps[0],
                y_start: self.y_start + round * steps[1],
                loops,
                block: self.block,
            }
        };
        (0..*count as isize).map(round).collect()
    }

    /// The blocks of elements of so many bytes; `None` if they take more loops than kernels have.
    pub(super) fn blocks(&self, size: usize) -> Option<Blocks> {
        let unused = LOOPS.checked_sub(self.loops.len())?;
        let bytes = |elements: isize| elements * size as isize;
        let mut blocks = Blocks {
            counts: [1; LOOPS],
            x_start: bytes(self.x_start),
            x_steps: [0; LOOPS],
            y_start: bytes(self.y_start),
            y_steps: [0; LOOPS],
            block: self.block * size,
        };
        for (i, Joint { count, steps }) in (unused..).zip(&self.loops) {
            blocks.counts[i] = *count;
            [blocks.x_steps[i], blocks.y_steps[i]] = steps.map(bytes);
        }
        Some(blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(count: usize, x: isize, y: isize) -> Joint<2> {
        Joint {
            count,
            steps: [x, y],
        }
    }

    #[test]
    fn neighbours_on_both_sides_are_a_block() {
        let copy = Copy::new(&Walk::of(&[2, 3, 4]), &Walk::of(&[2, 3, 4]));
        assert!(copy.expect("alike").is_whole(24));
        let rows = Walk::of(&[2, 5, 4]).part(1, 1, 3, 1);
        let copy = Copy::new(&Walk::of(&[2, 3, 4]), &rows).expect("alike");
        assert_eq!((copy.y_start, copy.block), (4, 12));
        assert_eq!(copy.loops, [both(2, 12, 20)]);
    }

    #[test]
    fn loops_that_go_on_are_one() {
        let x = Walk::of(&[2, 1, 4, 3]).in_order(&[3, 1, 0, 2]);
        let copy = Copy::new(&x, &Walk::of(&[3, 1, 2, 4])).expect("alike");
        assert_eq!(copy.loops, [both(3, 1, 8), both(8, 3, 1)]);
        assert_eq!(copy.block, 1);
    }

    #[test]
    fn parts_begin_where_they_should() {
        let x = Walk::of(&[4, 6]).part(1, 5, 3, -2).reversed(0);
        assert_eq!(x.start, 23);
        assert_eq!(x.counts(), [4, 3]);
        assert!(Walk::of(&[4, 6]).split(1, 4).is_none());
        let blocks = Walk::of(&[4, 6]).split(1, 3).expect("even");
        assert_eq!(blocks.counts(), [4, 2, 3]);
        assert_eq!(blocks.without(&[0]).counts(), [2, 3]);
    }

    fn axis(count: usize, step: usize) -> Axis {
        Axis { count, step }
    }

    fn reduction(shape: &[usize], reduced: &[bool]) -> Option<Reduction> {
        Walk::of(shape).reduction(reduced)
    }

    #[test]
    fn neighbouring_axes_are_one() {
        let r = reduction(&[2, 5, 7, 3], &[false, true, true, false]).expect("few");
        assert_eq!(r.run, 3);
        assert_eq!(r.reduced, [axis(1, 0), axis(1, 0), axis(35, 3)]);
        assert_eq!(r.kept, [axis(1, 0), axis(1, 0), axis(2, 105)]);
    }

    #[test]
    fn a_reduced_last_axis_leaves_single_outputs() {
        let r = reduction(&[4, 1, 6], &[false, false, true]).expect("few");
        assert_eq!(r.run, 1);
        assert_eq!(r.reduced, [axis(1, 0), axis(1, 0), axis(6, 1)]);
        assert_eq!(r.kept, [axis(1, 0), axis(1, 0), axis(4, 6)]);
    }

    #[test]
    fn nothing_reduced_is_one_run() {
        let r = reduction(&[4, 6], &[false, false]).expect("few");
        assert_eq!(r.run, 24);
        assert_eq!(r.reduced[2], axis(1, 24));
        assert_eq!(r.kept, [axis(1, 0); 3]);
    }

    #[test]
    fn alternating_axes_take_three_loops_each() {
        let r = reduction(&[2, 3, 4, 5, 6], &[false, true, false, true, false]).expect("few");
        assert_eq!(r.run, 6);
        assert_eq!(r.reduced, [axis(1, 0), axis(3, 120), axis(5, 6)]);
        assert_eq!(r.kept, [axis(1, 0), axis(2, 360), axis(4, 30)]);
        let six = [true, false, true, false, true, false];
        assert!(reduction(&[2; 6], &six).is_some());
        assert!(reduction(&[2; 7], &[true, false, true, false, true, false, true]).is_none());
    }
}
