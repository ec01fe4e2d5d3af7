//! Operators of a stream that compute rows patch by patch.
//!
//! What such operators have between them is as large as a patch. Rows and columns that several patches need are computed for each, so that
//! less memory is more work. To the stream they are one operator: it reads as many rows at once as the first one needs for a row of the last
//! one's output.

use std::ops::Range;

use castiron_runtime::kernels::Patch;

use super::image::MOST_ROWS;
use super::lines::ALIGNMENT;
use super::rowwise::{Kind, Rowwise};
use crate::graph::Patched;
use crate::program::Again;

/// What runs as one stage of a stream, or as two if it is an average.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    /// How it runs row by row.
    pub(crate) rowwise: Rowwise,
    /// The operators that it is.
    pub(crate) operators: Range<usize>,
    /// How it computes a row, if patch by patch.
    pub(super) patches: Option<Patches>,
}

/// How a row is computed patch by patch.
#[derive(Debug, Clone)]
pub(super) struct Patches {
    /// Patches of a row.
    pub(super) strips: usize,
    /// By operator: what it reads, at a place in all their memory.
    pub(super) read: Vec<Patch>,
    /// By operator: rows and columns of what it writes.
    pub(super) made: Vec<[usize; 2]>,
    /// By operator: what it computes of its output.
    pub(super) again: Vec<Again>,
    /// Bytes of memory for all patches, as far as they are there at one time.
    pub(super) bytes: usize,
}

impl Unit {
    /// Bytes of memory for its patches.
    pub(crate) fn patches_bytes(&self) -> usize {
        self.patches.as_ref().map_or(0, |patches| patches.bytes)
    }

    /// How much of its output each of its operators computes.
    pub(crate) fn again(&self) -> Vec<Again> {
        match &self.patches {
            Some(patches) => patches.again.clone(),
            None => vec![Again::ONCE; self.operators.len()],
        }
    }
}

/// The units of operators of which some run patch by patch; `None` if these cannot.
pub(crate) fn units(operators: &[Rowwise], patched: &[Patched]) -> Option<Vec<Unit>> {
    let mut units = Vec::new();
    let mut patched = patched.iter().peekable();
    let mut at = 0;
    while let Some(operator) = operators.get(at) {
        let of_patches = patched.next_if(|patched| patched.first == at);
        let unit = match of_patches {
            Some(own) => unit(operators, own)?,
            None => Unit {
                rowwise: operator.clone(),
                operators: at..at + 1,
                patches: None,
            },
        };
        at = unit.operators.end;
        units.push(unit);
    }
    patched.next().is_none().then_some(units)
}

/// The unit of operators that run patch by patch; `None` if they cannot.
pub(crate) fn unit(all: &[Rowwise], patched: &Patched) -> Option<Unit> {
    let range = patched.first..patched.first.checked_add(patched.count)?;
    let operators = all.get(range.clone())?;
    let (first, last) = (operators.first()?, operators.last()?);
    let columns = last.columns();
    let is_even = patched.strips > 0 && columns.is_multiple_of(patched.strips);
    if !is_even || !is_chain(operators) {
        return None;
    }
    let width = columns / patched.strips;
    // Of what the operator at hand writes, as seen from its image.
    let (mut size, mut stride, mut before) = ([1, width], [1, width], [0, 0]);
    let (mut read, mut made, mut again) = (Vec::new(), Vec::new(), Vec::new());
    let turns = (last.turns() as u64).saturating_mul(patched.strips as u64);
    for operator in operators.iter().rev() {
        let across = operator.across?;
        made.push(size);
        if let Kind::Row(_) = operator.kind {
            let pixels = |[rows, columns]: [usize; 2]| (rows as u64).saturating_mul(columns as u64);
            again.push(Again {
                computed: turns.saturating_mul(pixels(size)),
                pixels: pixels([operator.made, across.made]),
            });
            let window = [operator.window, across.window];
            let strides = [operator.stride, across.stride];
            let padded = [operator.top, across.left];
            for axis in 0..2 {
                let of_image =
                    |at: usize, more: usize| at.checked_mul(strides[axis])?.checked_add(more);
                size[axis] = of_image(size[axis] - 1, window[axis])?;
                stride[axis] = of_image(stride[axis], 0)?;
                before[axis] = of_image(before[axis], padded[axis])?;
            }
            // What is larger than its image saves nothing.
            if size[0] > MOST_ROWS || size[1] > across.columns {
                return None;
            }
        } else {
            again.push(Again::ONCE);
        }
        read.push(Patch {
            start: 0,
            size,
            pixel: operator.row_bytes / across.columns,
            image: [operator.rows, across.columns],
            stride,
            before,
            padding: operator.padding,
        });
    }
    read.reverse();
    made.reverse();
    again.reverse();
    let bytes = place(&mut read);
    let below = (last.turns() - 1).checked_mul(stride[0])?;
    let below = below
        .checked_add(size[0])
        .filter(|below| *below <= MOST_ROWS)?;
    let rowwise = Rowwise {
        inputs: first.inputs.clone(),
        output: last.output,
        window: size[0],
        stride: stride[0],
        top: before[0],
        padding: first.padding,
        pads: before[0] > 0 || below - before[0] > first.rows,
        rows: first.rows,
        row_bytes: first.row_bytes,
        made: last.made,
        at_once: 1,
        made_bytes: last.made_bytes,
        kind: last.kind.clone(),
        axes: [first.axes[0], last.axes[1]],
        across: None,
    };
    // How often an average is given a row follows from its image.
    let is_plain = matches!(last.kind, Kind::Row(_)) || (size[0], stride[0]) == (1, 1);
    is_plain.then_some(Unit {
        rowwise,
        operators: range,
        patches: Some(Patches {
            strips: patched.strips,
            read,
            made,
            again,
            bytes,
        }),
    })
}

/// Whether each operator reads what the one before it writes, and nothing else of the stream, and only the last one is an average. The first one
/// is a convolution, which knows what lies outside of its image.
pub(crate) fn is_chain(operators: &[Rowwise]) -> bool {
    let follows = |pair: &[Rowwise]| {
        pair[1].inputs == [pair[0].output] && matches!(pair[0].kind, Kind::Row(_))
    };
    let convolves = operators.first().is_some_and(Rowwise::is_convolution);
    let computes = |operator: &Rowwise| !matches!(operator.kind, Kind::View);
    convolves && operators.windows(2).all(follows) && operators.iter().all(computes)
}

/// Places patches: of two that follow each other one lies at the beginning, and one at the end. Returns the bytes of all.
fn place(patches: &mut [Patch]) -> usize {
    let bytes = |patch: &Patch| {
        let pixels = patch.size[0] * patch.size[1];
        (pixels * patch.pixel).next_multiple_of(ALIGNMENT)
    };
    let pairs = patches
        .windows(2)
        .map(|pair| bytes(&pair[0]) + bytes(&pair[1]));
    let single = patches.first().map_or(0, bytes);
    let all = pairs.fold(single, usize::max);
    for patch in patches.iter_mut().skip(1).step_by(2) {
        patch.start = all - bytes(patch);
    }
    all
}
