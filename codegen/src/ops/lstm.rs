//! UNIDIRECTIONAL_SEQUENCE_LSTM: float32, with weights of float32 or int8, int8 and int16; the plain kind, as TensorFlow Lite Micro has
//! it.

use castiron_runtime::host::HostKernel;
use castiron_runtime::kernels::{
    self, AnyEpilogue, AnyLoops, AnyLoopsI16, Dot, DspLstm, Float, FullyConnectedSizes, Hybrid,
    Int8To16, Int16x8, LSTM_GATES, LSTM_ROOM, LstmCells, LstmF32, LstmHybrid, LstmI16, LstmSizes,
    Numbers, Sigmoid, Vmla,
};

use super::numbers::{dsp, folded, portable};
use super::{Family, Site, curve, quantize};
use crate::error::Diagnostic;
use crate::graph::{Activation, DType, Options, SequenceLstmOptions};
use crate::program::{Argument, Choosing, Constant, ElementType};
use crate::target::{Optimize, Target};

/// Positions of inputs. Of each kind there is one for every gate, in the order of the kernel.
const INPUT_WEIGHTS: usize = 1;
const HIDDEN_WEIGHTS: usize = 5;
const BIASES: usize = 12;
const HIDDEN: usize = 18;
const CELLS: usize = 19;

/// Fractional bits of gates before their function, and behind it.
const GATE_SCALE: f64 = 1.0 / 4096.0;
const UNIT_SCALE: f64 = 1.0 / 32768.0;

/// Exponents of cells' scales that leave TANH's factor in 32 bits.
const CELL_EXPONENTS: std::ops::RangeInclusive<i32> = -30..=1;

pub(super) struct Lstm;

impl Family for Lstm {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        plain(site)?;
        let lstm = Inner::of(site)?;
        let types = [
            site.input(0)?.dtype,
            site.input(HIDDEN_WEIGHTS)?.dtype,
            site.input(HIDDEN)?.dtype,
            site.input(CELLS)?.dtype,
            site.output(0)?.dtype,
        ];
        use DType::{Float32, Int8, Int16};
        match types {
            [Float32, Float32, Float32, Float32, Float32] => lstm.float(site, choosing),
            [Float32, Int8, Float32, Float32, Float32] => lstm.hybrid(site, choosing),
            [Int8, Int8, Int8, Int16, Int8] => lstm.int8(site, choosing),
            [Int16, Int8, Int16, Int16, Int16] => lstm.int16(site, choosing),
            _ => Err(site.unsupported_types(
                "float32, also with weights of int8; or int8 or int16 with weights of int8 and a cell state of int16",
            )),
        }
    }
}

/// Checks that the operator is the plain kind.
fn plain(site: &Site<'_>) -> Result<(), Diagnostic> {
    let refused = |found: &str| {
        site.error("this kind of LSTM is not supported")
            .expected("four gates with weights and biases, and nothing else")
            .found(found)
            .help(SequenceLstmOptions::UNROLL)
    };
    if site.optional_input(INPUT_WEIGHTS).is_none() {
        return Err(refused("no input gate (coupled input and forget gates)"));
    }
    for (positions, found) in SequenceLstmOptions::VARIANTS {
        if positions
            .into_iter()
            .any(|at| site.optional_input(at).is_some())
        {
            return Err(refused(found));
        }
    }
    Ok(())
}

/// What an LSTM is of, whatever the types.
struct Inner {
    sizes: LstmSizes,
    options: SequenceLstmOptions,
}

impl Inner {
    fn of(site: &Site<'_>) -> Result<Self, Diagnostic> {
        let options = match site.options() {
            Options::SequenceLstm(options) => *options,
            _ => SequenceLstmOptions::default(),
        };
        if options.activation != Activation::Tanh {
            return Err(site
                .error("the cells' activation is not supported")
                .expected("TANH")
                .found(format_args!("{:?}", options.activation))
                .help(SequenceLstmOptions::UNROLL));
        }
        let x = site.input(0)?;
        let &[first, second, inputs] = &x.shape[..] else {
            return Err(site
                .tensor_error(site.input_id(0)?, "the input's rank is wrong")
                .expected("3 dimensions: batch, time, inputs")
                .found(format_args!("{:?}", x.shape)));
        };
        let (batches, steps) = match options.time_major {
            true => (second, first),
            false => (first, second),
        };
        let units = site.output(0)?.shape.last().copied().unwrap_or(0);
        site.expect_shape(site.output_id(0)?, &[first, second, units])?;
        for gate in 0..LSTM_GATES {
            site.expect_shape(site.input_id(INPUT_WEIGHTS + gate)?, &[units, inputs])?;
            site.expect_shape(site.input_id(HIDDEN_WEIGHTS + gate)?, &[units, units])?;
            site.expect_shape(site.input_id(BIASES + gate)?, &[units])?;
        }
        for (position, what) in [(HIDDEN, "the hidden state"), (CELLS, "the cell state")] {
            let id = site.variable(position, what)?;
            let state = site.graph.tensor(id);
            if state.elements() != batches * units {
                return Err(site
                    .tensor_error(id, "the state's size does not fit the output")
                    .expected(format_args!("[{batches}, {units}]"))
                    .found(format_args!("{:?}", state.shape)));
            }
        }
        let sizes = LstmSizes {
            batches,
            steps,
            inputs,
            units,
            time_major: options.time_major,
        };
        Ok(Self { sizes, options })
    }

    fn float(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let read = |at| site.constant_f32(at, "weights");
        let parts = Parts {
            numbers: Float {
                min: f32::MIN,
                max: f32::MAX,
            },
            cells: self.float_cells(),
            weights: matrices(&read)?,
            biases: float_biases(site)?,
            factors: Vec::new(),
        };
        let Target { isa, optimize } = choosing.target();
        let has_loops = isa.has_fp() && optimize != Optimize::Size;
        match self.sizes.units.is_multiple_of(8) {
            _ if !has_loops => self.call(parts, ElementType::F32, site, choosing),
            true => self.call_with(parts, Vmla::<8>, ElementType::F32, site, choosing),
            false => self.call_with(parts, Vmla::<4>, ElementType::F32, site, choosing),
        }
    }

    /// Inputs, and what is hidden, are quantised at each step, by what is in them.
    fn hybrid(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let positions = POSITIONS.as_flattened().iter();
        let scales: Result<Vec<f32>, _> = positions.map(|at| site.symmetric(*at)).collect();
        let weights = matrices(&|at| site.constant_i8(at, "weights"))?;
        let bias = float_biases(site)?;
        let scales = choosing.constant(&scales?);
        portable!(choosing, |dot| self
            .hybrid_with(dot, &weights, scales, &bias, site, choosing))
    }

    fn hybrid_with<D: for<'a> Dot<Hybrid, Packed: Constant, Operands<'a> = ()>>(
        &self,
        dot: D,
        weights: &[Vec<i8>],
        scales: Argument,
        bias: &[f32],
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
    ) -> Result<(), Diagnostic> {
        let LstmSizes { inputs, units, .. } = self.sizes;
        let operands = [
            choosing.in_memory(site.input_id(0)?)?,
            choosing.constant(&self.packed::<Hybrid, D>(weights)),
            scales,
            choosing.constant(bias),
            choosing.activation(site.input_id(HIDDEN)?)?,
            choosing.activation(site.input_id(CELLS)?)?,
            choosing.scratch(ElementType::I16, inputs + units),
            choosing.scratch(ElementType::F32, 2),
            choosing.scratch(ElementType::I32, units),
            choosing.scratch(ElementType::F32, 2 * units),
            choosing.activation(site.output_id(0)?)?,
        ];
        let kernel = LstmHybrid {
            sizes: self.sizes,
            cells: self.float_cells(),
            asymmetric: self.options.asymmetric_quantize_inputs,
            dot,
        };
        choosing.call(kernel, operands);
        Ok(())
    }

    fn float_cells(&self) -> LstmF32 {
        let clip = self.clip().unwrap_or(f32::MAX);
        LstmF32 {
            range: Float {
                min: -clip,
                max: clip,
            },
        }
    }

    fn int8(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (_, x_zero_point) = site.per_tensor(site.input_id(0)?)?;
        let (_, hidden_zero_point) = site.per_tensor(site.input_id(HIDDEN)?)?;
        let weights = matrices(&|at| site.constant_i8(at, "weights"))?;
        let (mut biases, mut others) = (Vec::new(), Vec::new());
        for (gate, pair) in weights.chunks(2).enumerate() {
            let bias = site.constant_i32(BIASES + gate, "the bias")?;
            let [input, hidden] = pair else { continue };
            biases.extend(folded(input, self.sizes.inputs, x_zero_point, &bias));
            others.extend(folded(hidden, self.sizes.units, hidden_zero_point, &[]));
        }
        biases.append(&mut others);
        let parts = Parts {
            numbers: Int8To16,
            cells: self.cells(site)?,
            weights,
            biases,
            factors: factors(site)?,
        };
        if choosing.target().isa.has_dsp() && self.dsp(dsp::Format::Int8, &parts, site, choosing)? {
            return Ok(());
        }
        self.call(parts, ElementType::I16, site, choosing)
    }

    /// Adds the kernel for the DSP extension; says whether it could.
    fn dsp<N: Numbers<W = i8>>(
        &self,
        format: dsp::Format,
        parts: &Parts<N, LstmI16>,
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
    ) -> Result<bool, Diagnostic>
    where
        LstmI16: LstmCells<N, Bias: Copy + Into<i64>>,
    {
        let LstmSizes { inputs, units, .. } = self.sizes;
        let mut packed = Vec::new();
        for (at, (weights, factor)) in parts.weights.iter().zip(&parts.factors).enumerate() {
            let (gate, of) = (at / 2, at % 2);
            let inputs = [inputs, units][of];
            let first = (LSTM_GATES * of + gate) * units;
            // Products of what is hidden may have none.
            let biases = parts.biases.get(first..).unwrap_or(&[]);
            let mut starts: Vec<i64> = Vec::new();
            for bias in biases.iter().take(units) {
                starts.push((*bias).into());
            }
            starts.resize(units, 0);
            let weight = |unit: usize, i: usize| weights[unit * inputs + i];
            let Some(blocks) = dsp::to_i16(format, &starts, *factor, inputs, &weight) else {
                return Ok(false);
            };
            packed.extend(blocks);
        }
        let (element, epilogue) = match format {
            dsp::Format::Int8 => (ElementType::I8, AnyEpilogue::LongI16),
            dsp::Format::Int16 => (ElementType::I16, AnyEpilogue::OnceI16),
        };
        let loops = AnyLoops::Rows(epilogue);
        let operands = [
            choosing.in_memory(site.input_id(0)?)?,
            choosing.constant(&packed),
            choosing.constant(&curve::logistic()),
            choosing.activation(site.input_id(HIDDEN)?)?,
            choosing.activation(site.input_id(CELLS)?)?,
            choosing.scratch(element, self.sizes.filled_up()),
            choosing.scratch(ElementType::I16, LSTM_ROOM * units),
            choosing.activation(site.output_id(0)?)?,
        ];
        let (sizes, cells) = (self.sizes, parts.cells);
        match format {
            dsp::Format::Int8 => {
                let epilogue = loops;
                choosing.call(
                    DspLstm {
                        sizes,
                        cells,
                        epilogue,
                    },
                    operands,
                );
            }
            dsp::Format::Int16 => {
                let epilogue = AnyLoopsI16(loops);
                choosing.call(
                    DspLstm {
                        sizes,
                        cells,
                        epilogue,
                    },
                    operands,
                );
            }
        }
        Ok(true)
    }

    fn int16(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        site.symmetric(0)?;
        site.symmetric(HIDDEN)?;
        let mut biases = Vec::new();
        for gate in 0..LSTM_GATES {
            biases.extend(site.constant_i64(BIASES + gate, "the bias")?);
        }
        let factors = factors(site)?;
        // Sums of 64 bits are not shifted further.
        if let Some((_, shift)) = factors.iter().find(|(_, shift)| *shift > 7) {
            return Err(site
                .error("the scales of inputs and weights are too large")
                .expected("products of less than 128/4096")
                .found(format_args!("about 2^{shift}/4096"))
                .help("quantise the model again; the gates are all saturated"));
        }
        let parts = Parts {
            numbers: Int16x8 {
                min: i16::MIN.into(),
                max: i16::MAX.into(),
                narrow: false,
            },
            cells: self.cells(site)?,
            weights: matrices(&|at| site.constant_i8(at, "weights"))?,
            biases,
            factors,
        };
        if choosing.target().isa.has_dsp()
            && self.dsp(dsp::Format::Int16, &parts, site, choosing)?
        {
            return Ok(());
        }
        self.call(parts, ElementType::I16, site, choosing)
    }

    /// The bound of cells, if they have one.
    fn clip(&self) -> Option<f32> {
        Some(self.options.cell_clip).filter(|clip| *clip > 0.0)
    }

    /// What is computed between products of integers.
    fn cells(&self, site: &Site<'_>) -> Result<LstmI16, Diagnostic> {
        let scale = site.symmetric(CELLS)?;
        let (out_scale, out_zero_point) = site.per_tensor(site.input_id(HIDDEN)?)?;
        // TANH wants a power of two, and takes the nearest.
        let exponent = libm::round(libm::log2(scale.into())) as i32;
        if !CELL_EXPONENTS.contains(&exponent) {
            return Err(site
                .tensor_error(site.input_id(CELLS)?, "the cells' scale is out of range")
                .expected("a power of two from 2^-30 to 2")
                .found(scale)
                .help(
                    "quantise the model again; the converter gives this tensor a scale near 2^-11",
                ));
        }
        let (multiplier, shift) = match exponent + 12 {
            left @ 0.. => (3 << left, 0),
            right => (3, right.unsigned_abs()),
        };
        let unit = UNIT_SCALE * UNIT_SCALE;
        let (input_multiplier, input_shift) =
            quantize::requantization(site, unit / f64::from(scale))?;
        let (out_multiplier, out_shift) =
            quantize::requantization(site, unit / f64::from(out_scale))?;
        // The conversion truncates, and 32768 bounds nothing.
        let clip = self.clip().map_or(32768, |clip| {
            (f64::from(clip) / f64::from(scale)).min(32767.0) as i32
        });
        Ok(LstmI16 {
            input_multiplier,
            input_shift: input_shift.into(),
            tanh: Sigmoid {
                tanh: true,
                multiplier,
                shift,
            },
            out_multiplier,
            out_shift: out_shift.into(),
            out_zero_point,
            clip,
        })
    }

    fn call<N: Numbers<W: Constant>, C: LstmCells<N, Bias: Constant>>(
        &self,
        parts: Parts<N, C>,
        element: ElementType,
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
    ) -> Result<(), Diagnostic> {
        portable!(choosing, |dot| self
            .call_with(parts, dot, element, site, choosing))
    }

    fn call_with<N, C, D>(
        &self,
        parts: Parts<N, C>,
        dot: D,
        element: ElementType,
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
    ) -> Result<(), Diagnostic>
    where
        N: Numbers,
        C: LstmCells<N, Bias: Constant>,
        D: for<'a> Dot<N, Packed: Constant, Operands<'a> = N::Constants<'a>>,
    {
        let packed = self.packed::<N, D>(&parts.weights);
        let constants = [choosing.constant(&packed), choosing.constant(&parts.biases)];
        let kernel = kernels::Lstm {
            sizes: self.sizes,
            numbers: parts.numbers,
            cells: parts.cells,
            dot,
        };
        self.add(
            Box::new(kernel),
            constants,
            parts.factors,
            element,
            site,
            choosing,
        )
    }

    /// All weights, as kernels want them.
    fn packed<N: Numbers, D: Dot<N>>(&self, weights: &[Vec<N::W>]) -> Vec<D::Packed> {
        let LstmSizes { inputs, units, .. } = self.sizes;
        let mut packed = Vec::new();
        for (at, weights) in weights.iter().enumerate() {
            let inputs = [inputs, units][at % 2];
            let matrix = FullyConnectedSizes {
                rows: 1,
                inputs,
                outputs: units,
            };
            packed.extend(matrix.pack::<N, D>(&|unit, i| weights[unit * inputs + i]));
        }
        packed
    }

    fn add(
        &self,
        kernel: Box<dyn HostKernel>,
        [weights, biases]: [Argument; 2],
        factors: Vec<(i32, i8)>,
        element: ElementType,
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
    ) -> Result<(), Diagnostic> {
        let (multiplier, shift): (Vec<i32>, Vec<i8>) = factors.into_iter().unzip();
        let table = match element {
            ElementType::I16 => curve::logistic(),
            _ => Vec::new(),
        };
        let operands = [
            choosing.in_memory(site.input_id(0)?)?,
            weights,
            biases,
            choosing.constant(&multiplier),
            choosing.constant(&shift),
            choosing.constant(&table),
            choosing.activation(site.input_id(HIDDEN)?)?,
            choosing.activation(site.input_id(CELLS)?)?,
            choosing.scratch(element, LSTM_ROOM * self.sizes.units),
            choosing.activation(site.output_id(0)?)?,
        ];
        choosing.call(kernel, operands);
        Ok(())
    }
}

/// A kernel without its micro-kernel.
struct Parts<N: Numbers, C: LstmCells<N>> {
    numbers: N,
    cells: C,
    /// By gate: the weights of the input, those of what is hidden; row by row.
    weights: Vec<Vec<N::W>>,
    biases: Vec<C::Bias>,
    /// By gate, as the weights.
    factors: Vec<(i32, i8)>,
}

/// Where the weights are, by gate: those of the input, those of what is hidden.
const POSITIONS: [[usize; 2]; LSTM_GATES] = {
    let mut positions = [[INPUT_WEIGHTS, HIDDEN_WEIGHTS]; LSTM_GATES];
    let mut gate = 0;
    while gate < LSTM_GATES {
        positions[gate] = [INPUT_WEIGHTS + gate, HIDDEN_WEIGHTS + gate];
        gate += 1;
    }
    positions
};

fn matrices<W>(
    read: &dyn Fn(usize) -> Result<Vec<W>, Diagnostic>,
) -> Result<Vec<Vec<W>>, Diagnostic> {
    let positions = POSITIONS.as_flattened().iter();
    positions.map(|position| read(*position)).collect()
}

/// The biases of all gates.
fn float_biases(site: &Site<'_>) -> Result<Vec<f32>, Diagnostic> {
    let biases = (0..LSTM_GATES).map(|gate| site.constant_f32(BIASES + gate, "the bias"));
    Ok(biases.collect::<Result<Vec<_>, _>>()?.concat())
}

/// Factors from sums to gates.
fn factors(site: &Site<'_>) -> Result<Vec<(i32, i8)>, Diagnostic> {
    let (x_scale, _) = site.per_tensor(site.input_id(0)?)?;
    let (hidden_scale, _) = site.per_tensor(site.input_id(HIDDEN)?)?;
    let mut factors = Vec::new();
    for positions in POSITIONS {
        for (position, scale) in positions.into_iter().zip([x_scale, hidden_scale]) {
            let product = f64::from(scale) * f64::from(site.symmetric(position)?);
            factors.push(quantize::requantization(site, product / GATE_SCALE)?);
        }
    }
    Ok(factors)
}
