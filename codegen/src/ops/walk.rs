//! Movement of elements as walks: in which order an operator goes through a tensor.
//!
//! A walk is loops of signed steps over a tensor's elements. An operator that only moves elements is two of them of the same
//! counts, one through its input and one through its output, and what the kernel gets is what both have in common: runs of
//! elements that are neighbours on both sides are one block, and loops that go on where their inner ones end become one with
//! them. A reduction is one walk, some of whose loops stay within an element of the output.

use castiron_runtime::host;
use castiron_runtime::kernels::{Axis, Blocks, CopyBlocks, CopyElements, LOOPS, Reduction};

use crate::program::{Argument, Choosing, ElementType};

/// A way through a tensor: where it begins, and its loops from the outermost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    pub start: isize,
    pub loops: Vec<Loop>,
}

/// Rounds, and elements from one to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loop {
    pub count: usize,
    pub step: isize,
}

impl Walk {
    /// Through all of a tensor, element by element.
    pub fn of(shape: &[usize]) -> Self {
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
    pub fn counts(&self) -> Vec<usize> {
        self.loops.iter().map(|l| l.count).collect()
    }

    /// Goes through `count` elements of an axis only: from `first` on, each `stride` after the last.
    pub fn part(mut self, axis: usize, first: usize, count: usize, stride: isize) -> Self {
        let this = &mut self.loops[axis];
        self.start += first as isize * this.step;
        *this = Loop {
            count,
            step: this.step * stride,
        };
        self
    }

    /// Goes through an axis from its end.
    pub fn reversed(self, axis: usize) -> Self {
        match self.loops[axis].count {
            0 => self,
            count => self.part(axis, count - 1, count, -1),
        }
    }

    /// Goes through the axes in another order.
    pub fn in_order(self, order: &[usize]) -> Self {
        let loops = order.iter().map(|axis| self.loops[*axis]).collect();
        Self { loops, ..self }
    }

    /// Adds an axis that has all that is behind it `count` times.
    pub(super) fn repeated(mut self, axis: usize, count: usize) -> Self {
        self.loops.insert(axis, Loop { count, step: 0 });
        self
    }

    /// Makes two axes of one: of rows of `inner` elements. `None` where they do not come out even.
    pub fn split(mut self, axis: usize, inner: usize) -> Option<Self> {
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
    pub fn without(mut self, axes: &[usize]) -> Self {
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
    pub fn reduction(&self, reduced: &[bool]) -> Option<Reduction> {
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
pub struct Joint<const N: usize> {
    pub count: usize,
    pub steps: [isize; N],
}

/// The loops of walks of the same counts, those that go on where their inner ones end as one with them. `None` if the walks are
/// not of the same counts, those of 1 left out.
pub fn joint<const N: usize>(walks: [&Walk; N]) -> Option<Vec<Joint<N>>> {
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
pub struct Copy {
    x_start: isize,
    pub y_start: isize,
    pub loops: Vec<Joint<2>>,
    /// Elements that are neighbours on both sides.
    pub block: usize,
}

impl Copy {
    /// `None` if the walks are not of the same counts, those of 1 left out.
    pub fn new(x: &Walk, y: &Walk) -> Option<Self> {
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
    pub fn is_whole(&self, elements: usize) -> bool {
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
        let is_single = self.block == 1;
        let unit = if is_single { 1 } else { x.element.bytes() };
        let Some(blocks) = self.blocks(unit) else {
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
        if !is_single {
            choosing.call(CopyBlocks { blocks }, [x, y].map(Argument::as_bytes));
            return true;
        }
        let kernel = CopyElements { blocks };
        let arguments = [x, y].map(Argument::as_integers);
        let kernel = match arguments[0].element {
            ElementType::I64 => host::copy_elements::<i64>(kernel),
            ElementType::I32 => host::copy_elements::<i32>(kernel),
            ElementType::I16 => host::copy_elements::<i16>(kernel),
            _ => host::copy_elements::<u8>(kernel),
        };
        choosing.call(kernel, arguments);
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
