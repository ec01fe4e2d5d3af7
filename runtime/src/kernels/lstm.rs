//! UNIDIRECTIONAL_SEQUENCE_LSTM: at each step, four gates are made of the input and of what is hidden; they decide what the
//! cells keep, and what becomes hidden and the output.
//!
//! A gate is the sum of two matrix products, in a number format whose outputs are the cells' type.

use core::cell::Cell;

use super::{
    Dot, Float, FullyConnected, FullyConnectedSizes, Function, Int8To16, Int16x8, Logistic,
    Numbers, Parameter, Portable, Sigmoid, Tanh, Vmla, parameters, part, split,
};
use crate::arch::memory::Element;
use crate::fixed::{Factor, requantize};

parameters! {
    /// Sizes of an LSTM.
    pub struct LstmSizes {
        /// Sequences.
        pub batches: usize,
        /// Steps of a sequence.
        pub steps: usize,
        /// Inputs of a step.
        pub inputs: usize,
        /// Outputs of a step, and cells of a sequence.
        pub units: usize,
        /// Whether a step's inputs of all sequences lie together, and not a sequence's of all steps.
        pub time_major: bool,
    }

    /// An LSTM.
    pub struct Lstm<N, C, D> {
        /// Sizes.
        pub sizes: LstmSizes,
        /// The number format of products.
        pub numbers: N,
        /// What is computed between them.
        pub cells: C,
        /// The micro-kernel.
        pub dot: D,
    }

    /// Cells of float32.
    pub struct LstmF32 {
        /// The range of cells.
        pub range: Float,
    }

    /// Cells of int16. Gates have 12 fractional bits before their function and 15 behind it.
    pub struct LstmI16 {
        /// Factor from the product of input gate and candidate to a cell.
        pub input_multiplier: i32,
        /// Its exponent.
        pub input_shift: i32,
        /// The function from a cell to what the output gate takes.
        pub tanh: Sigmoid,
        /// Factor from the product of output gate and TANH to an output.
        pub out_multiplier: i32,
        /// Its exponent.
        pub out_shift: i32,
        /// The output's zero point.
        pub out_zero_point: i32,
        /// Greatest magnitude of a cell.
        pub clip: i32,
    }
}

/// The gates, by the order of weights and biases.
pub const LSTM_GATES: usize = 4;
const INPUT: usize = 0;
const FORGET: usize = 1;
pub(super) const CANDIDATE: usize = 2;
const OUTPUT: usize = 3;

/// Vectors of a step's units that are live at once: two gates, and a product on its way into one of them.
pub const LSTM_ROOM: usize = 3;

/// What an LSTM computes between its products, which are of a number format.
pub trait LstmCells<N: Numbers>: Parameter + Copy + 'static {
    /// The type's name in [`crate::kernels`].
    const NAME: &'static str;
    /// An element of the biases.
    type Bias: Element;
    /// The format's constants of one product. Products of what is hidden may have no bias.
    fn constants<'a>(
        bias: &'a [Self::Bias],
        multiplier: &'a [i32],
        shift: &'a [i8],
    ) -> N::Constants<'a>;
    /// A gate, of its two products. The table is that of [`Sigmoid`], and none of floats.
    fn gate(table: &[u16], input: N::Y, hidden: N::Y, is_candidate: bool) -> N::Y;
    /// What a step keeps of a cell.
    fn kept(&self, cell: N::Y, forget: N::Y) -> N::Y;
    /// A cell behind a step, of what the step keeps of it.
    fn cell(&self, kept: N::Y, input: N::Y, candidate: N::Y) -> N::Y;
    /// An output.
    fn output(&self, table: &[u16], cell: N::Y, output: N::Y) -> N::X;
}

impl LstmCells<Float> for LstmF32 {
    const NAME: &'static str = "LstmF32";
    type Bias = f32;

    #[cfg_attr(debug_assertions, inline)]
    fn constants<'a>(bias: &'a [f32], _: &'a [i32], _: &'a [i8]) -> (&'a [f32],) {
        (bias,)
    }

    #[cfg_attr(debug_assertions, inline)]
    fn gate(_: &[u16], input: f32, hidden: f32, is_candidate: bool) -> f32 {
        match is_candidate {
            true => Tanh {}.of(input + hidden),
            false => Logistic {}.of(input + hidden),
        }
    }

    #[cfg_attr(debug_assertions, inline)]
    fn kept(&self, cell: f32, forget: f32) -> f32 {
        forget * cell
    }

    #[cfg_attr(debug_assertions, inline)]
    fn cell(&self, kept: f32, input: f32, candidate: f32) -> f32 {
        self.range.clamp(kept + input * candidate)
    }

    #[cfg_attr(debug_assertions, inline)]
    fn output(&self, _: &[u16], cell: f32, output: f32) -> f32 {
        let tanh: f32 = Tanh {}.of(cell);
        tanh * output
    }
}

macro_rules! quantized {
    ($($format:ty: $x:ty, $bias:ty;)*) => {$(
        impl LstmCells<$format> for LstmI16 {
            const NAME: &'static str = "LstmI16";
            type Bias = $bias;

            #[cfg_attr(debug_assertions, inline)]
            fn constants<'a>(
                bias: &'a [$bias],
                multiplier: &'a [i32],
                shift: &'a [i8],
            ) -> (&'a [$bias], &'a [i32], &'a [i8]) {
                (bias, multiplier, shift)
            }

            #[cfg_attr(debug_assertions, inline)]
            fn gate(table: &[u16], input: i16, hidden: i16, is_candidate: bool) -> i16 {
                let function = Sigmoid {
                    tanh: is_candidate,
                    multiplier: 3,
                    shift: 0,
                };
                sigmoid(function, table, input.saturating_add(hidden))
            }

            #[cfg_attr(debug_assertions, inline)]
            fn kept(&self, cell: i16, forget: i16) -> i16 {
                // 2^(−15): the gate's fractional bits.
                saturated(product(forget, cell, 1 << 30, -14))
            }

            #[cfg_attr(debug_assertions, inline)]
            fn cell(&self, kept: i16, input: i16, candidate: i16) -> i16 {
                let added = product(input, candidate, self.input_multiplier, self.input_shift);
                let sum = kept.saturating_add(saturated(added));
                i32::from(sum).min(self.clip).max(self.clip.wrapping_neg()) as i16
            }

            #[cfg_attr(debug_assertions, inline)]
            fn output(&self, table: &[u16], cell: i16, output: i16) -> $x {
                let function = Sigmoid { tanh: true, ..self.tanh };
                let tanh = sigmoid(function, table, cell);
                product(tanh, output, self.out_multiplier, self.out_shift)
                    .wrapping_add(self.out_zero_point)
                    .clamp(<$x>::MIN.into(), <$x>::MAX.into()) as $x
            }
        }
    )*};
}
quantized! {
    Int8To16: i8, i32;
    Int16x8: i16, i64;
}

#[cfg_attr(debug_assertions, inline)]
fn sigmoid(function: Sigmoid, table: &[u16], x: i16) -> i16 {
    table.first_chunk().map_or(0, |table| function.of(table, x))
}

/// The requantised product of two values of which one is not the least.
#[cfg_attr(debug_assertions, inline)]
fn product(a: i16, b: i16, multiplier: i32, shift: i32) -> i32 {
    let product = i32::from(a).wrapping_mul(b.into());
    match shift > 0 {
        true => requantize_left(product, multiplier, shift),
        // Less than 2³⁰.
        false => Factor::new(multiplier, shift.min(0)).apply(product),
    }
}

/// For scales that hardly any model has.
#[cold]
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(never))]
fn requantize_left(x: i32, multiplier: i32, shift: i32) -> i32 {
    requantize(x, multiplier, shift)
}

/// Gates, of their two products.
#[inline(always)]
pub(super) fn gates<N: Numbers, C: LstmCells<N>>(
    table: &[u16],
    gate: usize,
    y: &[Cell<N::Y>],
    hidden: &[Cell<N::Y>],
) {
    // Loops of their own, so that each knows its function.
    match gate == CANDIDATE {
        true => each::<N, C, true>(table, y, hidden),
        false => each::<N, C, false>(table, y, hidden),
    }
}

#[inline(never)]
fn each<N: Numbers, C: LstmCells<N>, const CANDIDATE: bool>(
    table: &[u16],
    y: &[Cell<N::Y>],
    hidden: &[Cell<N::Y>],
) {
    for (y, hidden) in y.iter().zip(hidden) {
        let [sum, hidden] = [y, hidden].map(Cell::get);
        y.set(C::gate(table, sum, hidden, CANDIDATE));
    }
}

#[cfg_attr(debug_assertions, inline)]
fn saturated(x: i32) -> i16 {
    x.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

impl LstmSizes {
    /// Calls `step` with the sequence and the place of every step among all, in the order of a sequence's steps.
    #[inline(always)]
    pub(super) fn walk(&self, mut step: impl FnMut(usize, usize)) {
        for batch in 0..self.batches {
            for at in 0..self.steps {
                let at = match self.time_major {
                    true => at * self.batches + batch,
                    false => batch * self.steps + at,
                };
                step(batch, at);
            }
        }
    }

    /// A gate's packed weights: those for the input, those for what is hidden.
    #[inline(always)]
    pub(super) fn of_gate<'a, N: Numbers, D: Dot<N>>(
        &self,
        gate: usize,
        weights: &'a [D::Packed],
    ) -> [&'a [D::Packed]; 2] {
        let blocks = self.units.div_ceil(D::CHANNELS);
        let packed = [self.inputs, self.units].map(|inputs| D::packed_len(inputs) * blocks);
        let both = packed[0] + packed[1];
        let (input, hidden) = split(part(weights, gate * both, both), packed[0]);
        [input, hidden]
    }
}

/// A step of one sequence. What a gate is for happens as soon as it is there, so that few are live at once: `gate` writes one of them
/// to what it is given.
#[inline(always)]
pub(super) fn step<N: Numbers, C: LstmCells<N>>(
    this: &C,
    table: &[u16],
    [hidden, y]: [&[Cell<N::X>]; 2],
    cells: &[Cell<N::Y>],
    [first, second]: [&[Cell<N::Y>]; 2],
    gate: impl Fn(usize, &[Cell<N::Y>]),
) {
    for which in [FORGET, INPUT, CANDIDATE, OUTPUT] {
        gate(which, if which == CANDIDATE { second } else { first });
        match which {
            FORGET => keep(this, cells, first),
            CANDIDATE => add(this, cells, [first, second]),
            OUTPUT => output(this, table, [cells, first], [hidden, y]),
            _ => {}
        }
    }
}

// Functions of their own, with a copy of the parameters each, so that these have registers.

#[inline(never)]
fn keep<N: Numbers, C: LstmCells<N>>(this: &C, cells: &[Cell<N::Y>], forget: &[Cell<N::Y>]) {
    let this = *this;
    for (cell, forget) in cells.iter().zip(forget) {
        cell.set(this.kept(cell.get(), forget.get()));
    }
}

#[inline(never)]
fn add<N: Numbers, C: LstmCells<N>>(
    this: &C,
    cells: &[Cell<N::Y>],
    [input, candidate]: [&[Cell<N::Y>]; 2],
) {
    let this = *this;
    for (cell, (input, candidate)) in cells.iter().zip(input.iter().zip(candidate)) {
        let [input, candidate] = [input, candidate].map(Cell::get);
        cell.set(this.cell(cell.get(), input, candidate));
    }
}

#[inline(never)]
fn output<N: Numbers, C: LstmCells<N>>(
    this: &C,
    table: &[u16],
    [cells, gates]: [&[Cell<N::Y>]; 2],
    [hidden, y]: [&[Cell<N::X>]; 2],
) {
    let this = *this;
    for ((hidden, y), (cell, gate)) in hidden.iter().zip(y).zip(cells.iter().zip(gates)) {
        let [cell, gate] = [cell, gate].map(Cell::get);
        let now = this.output(table, cell, gate);
        hidden.set(now);
        y.set(now);
    }
}

/// Constants of an LSTM.
struct Constants<'a, P, B> {
    /// Packed weights, by gate: those for the input, those for what is hidden.
    weights: &'a [P],
    /// Biases by gate: those of all input products, then those of all others, if they have any.
    bias: &'a [B],
    /// Factors by gate: that of the input product, that of the other. None of floats.
    multiplier: &'a [i32],
    /// Their exponents.
    shift: &'a [i8],
    /// See [`LstmCells::gate`].
    table: &'a [u16],
}

impl<N, C, D> Lstm<N, C, D>
where
    N: Numbers,
    C: LstmCells<N>,
    D: for<'a> Dot<N, Operands<'a> = N::Constants<'a>>,
{
    #[inline(always)]
    fn compute(
        &self,
        x: &[Cell<N::X>],
        constants: &Constants<'_, D::Packed, C::Bias>,
        [hidden, y]: [&[Cell<N::X>]; 2],
        cells: &[Cell<N::Y>],
        room: &[Cell<N::Y>],
    ) {
        let LstmSizes { inputs, units, .. } = self.sizes;
        let (first, rest) = split(room, units);
        let (second, product) = split(rest, units);
        self.sizes.walk(|batch, at| {
            let x = part(x, at * inputs, inputs);
            let hidden = part(hidden, batch * units, units);
            step(
                &self.cells,
                constants.table,
                [hidden, part(y, at * units, units)],
                part(cells, batch * units, units),
                [first, second],
                |gate, of| self.gate(gate, [x, hidden], constants, of, product),
            );
        });
    }

    /// One gate of a step.
    #[inline(always)]
    fn gate(
        &self,
        gate: usize,
        x: [&[Cell<N::X>]; 2],
        constants: &Constants<'_, D::Packed, C::Bias>,
        y: &[Cell<N::Y>],
        room: &[Cell<N::Y>],
    ) {
        let LstmSizes { inputs, units, .. } = self.sizes;
        let [of_input, of_hidden] = self.sizes.of_gate::<N, D>(gate, constants.weights);
        let products = [(x[0], inputs, of_input, y), (x[1], units, of_hidden, room)];
        for (of, (x, inputs, weights, y)) in products.into_iter().enumerate() {
            let bias = part(constants.bias, (LSTM_GATES * of + gate) * units, units);
            let multiplier = part(constants.multiplier, 2 * gate + of, 1);
            let shift = part(constants.shift, 2 * gate + of, 1);
            let product = FullyConnected {
                sizes: FullyConnectedSizes {
                    rows: 1,
                    inputs,
                    outputs: units,
                },
                numbers: self.numbers,
                dot: self.dot,
            };
            product.compute(x, weights, C::constants(bias, multiplier, shift), y);
        }
        gates::<N, C>(constants.table, gate, y, room);
    }
}

/// Declares the methods that firmware calls.
macro_rules! run {
    ($(#[$compiled:meta] $format:ident, $cells:ident: $($dot:ident<$size:literal>),*;)*) => {$($(
        impl Lstm<$format, $cells, $dot<$size>> {
            /// Computes the whole output from the input and what was kept. The second last operand is memory to work
            /// in.
            #[$compiled]
            #[allow(clippy::too_many_arguments, reason = "a kernel's operands are its arguments")]
            pub fn run(
                &self,
                x: &[Cell<<$format as Numbers>::X>],
                weights: &[<$format as Numbers>::W],
                bias: &[<$cells as LstmCells<$format>>::Bias],
                multiplier: &[i32],
                shift: &[i8],
                table: &[u16],
                hidden: &[Cell<<$format as Numbers>::X>],
                cells: &[Cell<<$format as Numbers>::Y>],
                room: &[Cell<<$format as Numbers>::Y>],
                y: &[Cell<<$format as Numbers>::X>],
            ) {
                let constants = Constants {
                    weights,
                    bias,
                    multiplier,
                    shift,
                    table,
                };
                self.compute(x, &constants, [hidden, y], cells, room);
            }
        }
    )*)*};
}
run! {
    // Compiled here: see [`Numbers`].
    #[cfg_attr(debug_assertions, inline)]
    Float, LstmF32: Portable<1>, Portable<4>, Portable<8>;
    #[cfg_attr(debug_assertions, inline)]
    Int8To16, LstmI16: Portable<1>, Portable<4>, Portable<8>;
    #[cfg_attr(debug_assertions, inline)]
    Int16x8, LstmI16: Portable<1>, Portable<4>, Portable<8>;
    // Compiled in the firmware's crate, where a model needs it: other Arm processors have none of these instructions.
    #[inline]
    Float, LstmF32: Vmla<4>, Vmla<8>;
}

#[cfg(feature = "host")]
mod host {
    use alloc::string::String;

    use super::{Constants, Dot, Lstm, LstmCells, Numbers};
    use crate::host::{HostKernel, Operand, Refused, kind, name, run_in_model, take};

    impl<N, C, D> HostKernel for Lstm<N, C, D>
    where
        N: Numbers,
        C: LstmCells<N>,
        D: for<'a> Dot<N, Operands<'a> = N::Constants<'a>>,
    {
        fn name(&self) -> String {
            name("Lstm", &[N::NAME.into()])
        }

        fn kind(&self) -> proc_macro2::TokenStream {
            kind(
                "Lstm",
                &[kind(N::NAME, &[]), kind(C::NAME, &[]), self.dot.kind()],
            )
        }

        fn folds(&self) -> bool {
            false
        }

        fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused> {
            let mismatch = Refused::Operands {
                kernel: "Lstm",
                takes: 10,
            };
            let &[
                x,
                weights,
                bias,
                multiplier,
                shift,
                table,
                hidden,
                cells,
                room,
                y,
            ] = operands
            else {
                return Err(mismatch);
            };
            let constants = Constants {
                weights: take(weights, mismatch)?,
                bias: take(bias, mismatch)?,
                multiplier: take(multiplier, mismatch)?,
                shift: take(shift, mismatch)?,
                table: take(table, mismatch)?,
            };
            let kept = [take(hidden, mismatch)?, take(y, mismatch)?];
            let (cells, room) = (take(cells, mismatch)?, take(room, mismatch)?);
            let x = take(x, mismatch)?;
            run_in_model("Lstm", || self.compute(x, &constants, kept, cells, room))
        }
    }
}
