//! UNIDIRECTIONAL_SEQUENCE_LSTM of int8 and int16.

use core::cell::Cell;

use super::parameters;
use crate::arch::armv7em::{Epilogue, GROUP, LANES, Loops, Matrix, Value};
use crate::arch::memory::copy;
use crate::kernels::lstm::{gates, step};
use crate::kernels::{Int8To16, Int16x8, LstmCells, LstmI16, LstmSizes, Numbers, part, split};

parameters! {
    /// An LSTM of int8 or int16, whose products are rows of inputs times matrices.
    pub struct DspLstm<E> {
        /// Sizes.
        pub sizes: LstmSizes,
        /// What is computed between products.
        pub cells: LstmI16,
        /// How sums become gates.
        pub epilogue: E,
    }
}

/// What is hidden, whose products are of a number format.
trait Hidden: Value {
    type Numbers: Numbers<X = Self, Y = i16>;
}

impl Hidden for i8 {
    type Numbers = Int8To16;
}

impl Hidden for i16 {
    type Numbers = Int16x8;
}

impl LstmSizes {
    /// Elements of inputs that are filled up to groups.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn filled_up(&self) -> usize {
        filled_up(self.inputs) + filled_up(self.units)
    }
}

#[allow(private_bounds, reason = "firmware names the types")]
impl<E: Epilogue<X: Hidden>> DspLstm<E>
where
    LstmI16: LstmCells<<E::X as Hidden>::Numbers>,
{
    /// Computes the whole output from the input and what was kept. Weights are those of each gate, for the input and for what is hidden, whose inputs
    /// are filled up to groups; so are those that are read, in `groups`, where they are not whole groups. `room` is memory to work in.
    #[inline(always)]
    #[allow(
        clippy::too_many_arguments,
        reason = "a kernel's operands are its arguments"
    )]
    pub fn run(
        &self,
        x: &[Cell<E::X>],
        weights: &[u32],
        table: &[u16],
        hidden: &[Cell<E::X>],
        cells: &[Cell<i16>],
        groups: &[Cell<E::X>],
        room: &[Cell<i16>],
        y: &[Cell<E::X>],
    ) {
        let lstm = Computing {
            sizes: &self.sizes,
            cells: &self.cells,
            loops: self.epilogue.loops(),
            weights,
            table,
        };
        lstm.compute(x, [hidden, y], cells, groups, room);
    }
}

/// An LSTM, whatever the epilogue: firmware has its code once for each type.
struct Computing<'a> {
    sizes: &'a LstmSizes,
    cells: &'a LstmI16,
    loops: Loops,
    weights: &'a [u32],
    table: &'a [u16],
}

impl Computing<'_> {
    #[inline(never)]
    fn compute<X: Hidden>(
        &self,
        x: &[Cell<X>],
        [hidden, y]: [&[Cell<X>]; 2],
        cells: &[Cell<i16>],
        groups: &[Cell<X>],
        room: &[Cell<i16>],
    ) where
        LstmI16: LstmCells<X::Numbers>,
    {
        let LstmSizes { inputs, units, .. } = *self.sizes;
        let (first, rest) = split(room, units);
        let (second, product) = split(rest, units);
        let (of_input, of_hidden) = split(groups, filled_up(inputs));
        self.sizes.walk(|batch, at| {
            let x = whole(part(x, at * inputs, inputs), of_input);
            let hidden = part(hidden, batch * units, units);
            let read = whole(hidden, of_hidden);
            step::<X::Numbers, LstmI16>(
                self.cells,
                self.table,
                [hidden, part(y, at * units, units)],
                part(cells, batch * units, units),
                [first, second],
                |gate, y| self.gate(gate, [x, read], y, product),
            );
        });
    }

    /// One gate of a step.
    #[inline(never)]
    fn gate<X: Hidden>(&self, gate: usize, x: [&[Cell<X>]; 2], y: &[Cell<i16>], room: &[Cell<i16>])
    where
        LstmI16: LstmCells<X::Numbers>,
    {
        let units = self.sizes.units;
        let words = x.map(|x| units.div_ceil(LANES) * self.loops.words(x.len()));
        let both = words[0] + words[1];
        let (of_input, of_hidden) = split(part(self.weights, gate * both, both), words[0]);
        for (x, weights, y) in [(x[0], of_input, y), (x[1], of_hidden, room)] {
            if let Some(matrix) = Matrix::new(self.loops, weights, x.len(), units) {
                matrix.row(x, y);
            }
        }
        gates::<X::Numbers, LstmI16>(self.table, gate, y, room);
    }
}

/// Elements of inputs that are filled up to groups; none where they are whole ones.
#[inline(always)]
fn filled_up(inputs: usize) -> usize {
    match inputs.is_multiple_of(GROUP) {
        true => 0,
        false => inputs.next_multiple_of(GROUP),
    }
}

/// Inputs, where they are whole groups or else filled up. What fills them meets weights of zero.
#[inline(always)]
fn whole<'a, X: Value>(x: &'a [Cell<X>], groups: &'a [Cell<X>]) -> &'a [Cell<X>] {
    match filled_up(x.len()) {
        0 => x,
        inputs => {
            copy(x, groups);
            part(groups, 0, inputs)
        }
    }
}
