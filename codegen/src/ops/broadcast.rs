//! Operators of two tensors: which comes first, and how shapes that differ meet.

use std::cell::Cell;

use castiron_runtime::host::{HostKernel, Operand};
use castiron_runtime::kernels::{Broadcast, OUTER_DIMS, OuterDim};
use castiron_runtime::rows::Order;

use super::Site;
use super::unary::look_up;
use crate::error::Diagnostic;
use crate::graph::DType;
use crate::program::{Choosing, ElementType};

/// Which input comes first, and how the elements meet.
pub struct Operands {
    /// The position of the kernel's first operand: an activation.
    pub(super) first: usize,
    /// The position of its second operand.
    pub(super) second: usize,
    /// How the elements meet.
    pub(super) broadcast: Option<Broadcast>,
}

impl Operands {
    pub(super) fn new(site: &Site<'_>) -> Result<Self, Diagnostic> {
        let shapes = [&site.input(0)?.shape[..], &site.input(1)?.shape[..]];
        let dims = meeting_dims(shapes).ok_or_else(|| {
            site.error("the inputs' shapes do not broadcast")
                .expected("sizes that are equal, or 1 in one of the inputs")
                .found(format_args!("{:?} and {:?}", shapes[0], shapes[1]))
        })?;
        let out: Vec<usize> = dims.iter().map(|d| d.size).collect();
        site.expect_shape(site.output_id(0)?, &out)?;
        let mut dims = merged(dims);
        let constant = [0, 1].map(|i| site.input(i).is_ok_and(|t| t.is_constant()));
        // The kernel reads runs of its first operand; the constant can only be the second.
        let first_repeats = dims.last().is_some_and(|d| d.repeats[0]);
        let exchanged = (constant[0] || first_repeats) && !constant[1];
        if exchanged {
            dims.iter_mut().for_each(|d| d.repeats.reverse());
        }
        let broadcast = broadcast(&dims).map_err(|()| {
            site.error("the inputs broadcast along too many dimensions")
                .expected(format_args!("at most {OUTER_DIMS} that do not merge"))
                .found(format_args!("{:?} and {:?}", shapes[0], shapes[1]))
        })?;
        Ok(Self {
            first: usize::from(exchanged),
            second: usize::from(!exchanged),
            broadcast,
        })
    }

    pub(super) fn order(&self) -> Order {
        Order {
            exchanged: self.first == 1,
            broadcast: self.broadcast,
        }
    }

    /// Adds the kernel. Of bytes, one constant for all elements makes a table; constant bytes beside words are words.
    pub(super) fn call(
        &self,
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
        kernel: Box<dyn HostKernel>,
    ) -> Result<(), Diagnostic> {
        let first = choosing.activation(site.input_id(self.first)?)?;
        let y = choosing.activation(site.output_id(0)?)?;
        let other = site.input(self.second)?;
        if let Some(second) = other.data.as_deref()
            && first.element.bytes() == 1
            && other.elements() == 1
            && self.broadcast.is_none()
        {
            look_up(choosing, first, &table(&*kernel, second)?, y);
            return Ok(());
        }
        let second = match (first.element, other.dtype) {
            (ElementType::I16, DType::Int8) => {
                let bytes = site.constant_i8(self.second, "the second input")?;
                choosing.constant(&bytes.into_iter().map(i16::from).collect::<Vec<i16>>())
            }
            _ => choosing.tensor(site.input_id(self.second)?)?,
        };
        choosing.call(kernel, [first, second, y]);
        Ok(())
    }
}

/// What a kernel makes of every byte and a constant.
fn table(kernel: &dyn HostKernel, second: &[u8]) -> Result<[i8; 256], Diagnostic> {
    let mut bytes: [u8; 256] = std::array::from_fn(|byte| byte as u8);
    let cells = Cell::from_mut(&mut bytes[..]).as_slice_of_cells();
    let operands = [
        Operand::Arena(cells),
        Operand::Constant(second),
        Operand::Arena(cells),
    ];
    let called = kernel.call(&operands);
    called.map_err(|mismatch| Diagnostic::new(mismatch.to_string()))?;
    Ok(bytes.map(|byte| byte as i8))
}

/// One dimension of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeetingDim {
    pub size: usize,
    /// Whether each input has one element along it, which serves for all.
    pub repeats: [bool; 2],
}

/// The output's dimensions by NumPy's rule: shapes are aligned at their ends.
pub fn meeting_dims(shapes: [&[usize]; 2]) -> Option<Vec<MeetingDim>> {
    let rank = shapes[0].len().max(shapes[1].len());
    let size = |shape: &[usize], i: usize| {
        let missing = rank - shape.len();
        if i < missing { 1 } else { shape[i - missing] }
    };
    (0..rank)
        .map(|i| match (size(shapes[0], i), size(shapes[1], i)) {
            (a, b) if a == b => Some((a, [false; 2])),
            (1, b) => Some((b, [true, false])),
            (a, 1) => Some((a, [false, true])),
            _ => None,
        })
        .map(|dim| dim.map(|(size, repeats)| MeetingDim { size, repeats }))
        .collect()
}

/// As few dimensions as describe the same meeting: those of size 1 vanish, neighbours that repeat
/// alike become one.
pub fn merged(dims: Vec<MeetingDim>) -> Vec<MeetingDim> {
    let mut merged: Vec<MeetingDim> = Vec::new();
    for dim in dims.into_iter().filter(|d| d.size != 1) {
        match merged.last_mut() {
            Some(last) if last.repeats == dim.repeats => last.size *= dim.size,
            _ => merged.push(dim),
        }
    }
    merged
}

/// How two operands of these outer dimensions meet, of which each element has so many inside; and the dimensions of the output.
pub(super) fn outer(
    shapes: [&[usize]; 2],
    inside: [usize; 2],
) -> Option<([OuterDim; OUTER_DIMS], Vec<usize>)> {
    let dims = meeting_dims(shapes)?;
    let sizes = dims.iter().map(|dim| dim.size).collect();
    Some((outer_dims(&merged(dims), inside)?, sizes))
}

/// Dimensions, the outermost first, as kernels walk them.
fn outer_dims(dims: &[MeetingDim], mut strides: [usize; 2]) -> Option<[OuterDim; OUTER_DIMS]> {
    let unused = OuterDim {
        count: 1,
        first: 0,
        second: 0,
    };
    let mut walk = [unused; OUTER_DIMS];
    if dims.len() > walk.len() {
        return None;
    }
    for (walked, dim) in walk.iter_mut().zip(dims.iter().rev()) {
        let [first, second] = [0, 1].map(|i| if dim.repeats[i] { 0 } else { strides[i] });
        *walked = OuterDim {
            count: dim.size,
            first,
            second,
        };
        for (stride, repeats) in strides.iter_mut().zip(dim.repeats) {
            *stride *= if repeats { 1 } else { dim.size };
        }
    }
    Some(walk)
}

/// How the kernel walks merged dimensions; `None` where one run does.
#[allow(
    clippy::result_unit_err,
    reason = "the caller says what is wrong with which operator"
)]
pub fn broadcast(dims: &[MeetingDim]) -> Result<Option<Broadcast>, ()> {
    let (run, second_run, outer) = match dims.split_last() {
        None => return Ok(None),
        Some((inner, [])) if !inner.repeats[0] => return Ok(None),
        // A constant that is larger than the activation.
        Some((inner, outer)) if inner.repeats[0] => (1, inner.size, outer),
        Some((inner, outer)) if inner.repeats[1] => (inner.size, 1, outer),
        Some((inner, outer)) => (inner.size, inner.size, outer),
    };
    Ok(Some(Broadcast {
        run,
        second_run,
        outer: outer_dims(outer, [run, second_run]).ok_or(())?,
    }))
}
