//! A model in the making: bytes become decisions, decisions become tensors and operators.

use std::ops::RangeInclusive;

use arbitrary::Unstructured;
use castiron_codegen::graph::{BuiltinOperator, DType};
use castiron_test_tools::file::{Graph, Model, Operator, Options, Quantization, Tensor};
use fastrand::Rng;

/// The most elements of a tensor.
const MOST_ELEMENTS: usize = 768;
/// The most inputs of a model that a rule asks for; behind them come constants.
const MOST_INPUTS: usize = 5;
/// Floats of a magnitude that is no longer estimated: nothing computes with them any more.
const MOST_PEAK: f32 = 1.0e4;
/// Floats of inputs and constants lie within this.
pub(super) const FLOATS: f32 = 4.0;

/// What is known of a tensor without its place.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    /// Of quantised integers.
    pub(super) scale: Option<(f32, i32)>,
    /// Of floats: a bound of magnitudes; infinite where numbers may be infinite, or none.
    pub(super) peak: f32,
    /// Of floats: how far two right kernels may be apart.
    pub(super) error: f32,
}

/// A tensor that operators may read.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) id: i32,
    pub(super) spec: Spec,
    is_constant: bool,
    /// Whether it follows from constants, so that a pass may make a constant of it.
    is_known: bool,
    is_read: bool,
}

impl std::ops::Deref for Value {
    type Target = Spec;

    fn deref(&self) -> &Spec {
        &self.spec
    }
}

impl Value {
    /// One that only the operator reads that it is made for.
    pub(super) fn constant(id: i32, spec: Spec) -> Self {
        Self {
            id,
            spec,
            is_constant: true,
            is_known: true,
            is_read: false,
        }
    }
}

impl Spec {
    pub(super) fn of(dtype: DType, shape: &[usize]) -> Self {
        Self {
            dtype,
            shape: shape.to_vec(),
            scale: None,
            peak: FLOATS,
            error: 0.0,
        }
    }

    pub(super) fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The same numbers in another shape.
    pub(super) fn shaped(&self, shape: &[usize]) -> Self {
        Self {
            shape: shape.to_vec(),
            ..self.clone()
        }
    }

    /// With another quantisation.
    pub(super) fn scaled(self, scale: Option<(f32, i32)>) -> Self {
        Self { scale, ..self }
    }

    /// With another estimate, where there are floats.
    pub(super) fn within(self, peak: f32, error: f32) -> Self {
        if self.dtype != DType::Float32 {
            return self;
        }
        let is_tame = peak < MOST_PEAK;
        Self {
            peak: if is_tame { peak } else { f32::INFINITY },
            error,
            ..self
        }
    }

    /// Floats of which nothing is known.
    pub(super) fn wild(self) -> Self {
        self.within(f32::INFINITY, 0.0)
    }

    /// Whether numbers are finite, and not large; and words symmetric, without which operators but those that move them refuse them.
    pub(super) fn is_tame(&self) -> bool {
        let is_odd = self.dtype == DType::Int16 && self.scale.is_some_and(|(_, zero)| zero != 0);
        self.peak.is_finite() && !is_odd
    }

    /// Whether any right kernel gives the same bits.
    pub(super) fn is_exact(&self) -> bool {
        self.error == 0.0 && self.is_tame()
    }

    /// The values that stored ones lie in: of quantised types all, of others few.
    pub(super) fn range(&self) -> RangeInclusive<i64> {
        match self.dtype {
            DType::Int8 => -128..=127,
            DType::Uint8 => 0..=255,
            DType::Int16 => -32768..=32767,
            DType::Bool => 0..=1,
            _ => -100..=100,
        }
    }
}

/// An input of the model, and what its elements may be.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) dtype: DType,
    pub(super) elements: usize,
    pub(super) range: RangeInclusive<i64>,
}

/// A subgraph in the making.
#[derive(Default)]
struct Scope {
    graph: Graph,
    values: Vec<Value>,
    /// Tensors of other subgraphs come in as these alone.
    is_called: bool,
}

/// A model in the making.
pub(super) struct Draw<'a> {
    bytes: Unstructured<'a>,
    random: Rng,
    model: Model,
    scopes: Vec<Scope>,
    at: usize,
    pub(super) inputs: Vec<Input>,
    /// The number of variables so far.
    pub(super) variables: usize,
    /// Each operator with its types, for people.
    pub(super) lines: Vec<String>,
}

/// What becomes of a model's output.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) peak: f32,
    pub(super) error: f32,
}

impl<'a> Draw<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut bytes = Unstructured::new(bytes);
        let seed = bytes.int_in_range(0..=u32::MAX).unwrap_or(0);
        Self {
            bytes,
            random: Rng::with_seed(seed.into()),
            model: Model::default(),
            scopes: vec![Scope::default()],
            at: 0,
            inputs: Vec::new(),
            variables: 0,
            lines: Vec::new(),
        }
    }

    // Decisions.

    pub(super) fn between(&mut self, range: RangeInclusive<usize>) -> usize {
        let (first, last) = (*range.start() as u32, *range.end() as u32);
        match self.bytes.int_in_range(first..=last.max(first)) {
            Ok(n) => n as usize,
            Err(_) => *range.start(),
        }
    }

    pub(super) fn integer(&mut self, range: RangeInclusive<i32>) -> i32 {
        let first = *range.start();
        self.bytes.int_in_range(range).unwrap_or(first)
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.between(1..=n) == n
    }

    pub(super) fn coin(&mut self) -> bool {
        self.one_in(2)
    }

    pub(super) fn choose<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.between(0..=list.len() - 1)]
    }

    /// A number of 2 to this, and a fraction.
    pub(super) fn power_of_two(&mut self, exponents: RangeInclusive<i32>) -> f32 {
        let exponent = self.integer(exponents);
        let fraction = self.between(0..=255) as f32 / 256.0;
        (1.0 + fraction) * (exponent as f32).exp2()
    }

    /// Whether no bytes are left, so that all that follows is decided.
    pub(super) fn is_over(&self) -> bool {
        self.bytes.is_empty()
    }

    // Shapes and quantisations.

    pub(super) fn shape(&mut self, ranks: RangeInclusive<usize>) -> Vec<usize> {
        let rank = self.between(ranks);
        let most = [24, 24, 16, 9, 6, 4, 3][rank.min(6)];
        (0..rank)
            .map(|_| {
                if self.one_in(5) {
                    1
                } else {
                    self.between(1..=most)
                }
            })
            .collect()
    }

    /// A batch of images.
    pub(super) fn image(&mut self) -> Vec<usize> {
        let batch = if self.one_in(5) { 2 } else { 1 };
        let [h, w] = [1..=9, 1..=9].map(|sizes| self.between(sizes));
        vec![batch, h, w, self.between(1..=6)]
    }

    /// Any quantisation of a type; none of types that have none.
    pub(super) fn scale(&mut self, dtype: DType) -> Option<(f32, i32)> {
        self.scale_near(dtype, 1.0 / 16.0)
    }

    /// A quantisation whose scale is about this.
    pub(super) fn scale_near(&mut self, dtype: DType, scale: f32) -> Option<(f32, i32)> {
        let zero_point = match dtype {
            DType::Int8 => match self.between(0..=3) {
                0 => 0,
                1 => -128,
                _ => self.integer(-128..=127),
            },
            DType::Uint8 => match self.between(0..=3) {
                0 => 128,
                1 => 0,
                _ => self.integer(0..=255),
            },
            DType::Int16 => 0,
            _ => return None,
        };
        let about = self.power_of_two(-2..=1);
        let words = if dtype == DType::Int16 {
            1.0 / 128.0
        } else {
            1.0
        };
        Some((scale * about * words, zero_point))
    }

    // Values.

    fn scope(&mut self) -> &mut Scope {
        &mut self.scopes[self.at]
    }

    pub(super) fn tensor(&mut self, spec: &Spec, buffer: u32) -> i32 {
        let quantization = spec.scale.map(|(scale, zero_point)| Quantization {
            scales: vec![scale],
            zero_points: vec![zero_point.into()],
            dimension: 0,
        });
        self.add(Tensor {
            shape: spec.shape.iter().map(|n| *n as i32).collect(),
            dtype: code(spec.dtype),
            buffer,
            quantization,
            ..Tensor::default()
        })
    }

    pub(super) fn add(&mut self, tensor: Tensor) -> i32 {
        let tensors = &mut self.scope().graph.tensors;
        let name = format!("t{}", tensors.len());
        tensors.push(Tensor { name, ..tensor });
        tensors.len() as i32 - 1
    }

    pub(super) fn buffer(&mut self, bytes: Vec<u8>) -> u32 {
        self.model.buffers.push(bytes);
        self.model.buffers.len() as u32
    }

    /// Bytes of integers in a range; the bits of `flip` are others in each byte.
    pub(super) fn data(&mut self, spec: &Spec, range: RangeInclusive<i64>, flip: u8) -> Vec<u8> {
        let mut bytes = elements(&mut self.random, spec.dtype, spec.elements(), &range);
        bytes.iter_mut().for_each(|byte| *byte ^= flip);
        bytes
    }

    /// A constant that no other operator reads.
    pub(super) fn constant(&mut self, spec: &Spec, values: RangeInclusive<i64>) -> i32 {
        let bytes = elements(&mut self.random, spec.dtype, spec.elements(), &values);
        let buffer = self.buffer(bytes);
        self.tensor(spec, buffer)
    }

    /// Integers of a constant.
    pub(super) fn integers(&mut self, dtype: DType, shape: &[usize], values: &[i64]) -> i32 {
        let bytes = values.iter().flat_map(|v| {
            let bytes = v.to_le_bytes();
            bytes[..size(dtype)].to_vec()
        });
        let bytes = bytes.collect();
        let buffer = self.buffer(bytes);
        self.tensor(&Spec::of(dtype, shape), buffer)
    }

    /// A list of int32, constant.
    pub(super) fn list(&mut self, values: &[i64]) -> i32 {
        self.integers(DType::Int32, &[values.len()], values)
    }

    /// A list of usize, constant.
    pub(super) fn sizes(&mut self, values: &[usize]) -> i32 {
        self.list(&values.iter().map(|n| *n as i64).collect::<Vec<_>>())
    }

    /// One int32, constant.
    pub(super) fn scalar(&mut self, value: i64) -> i32 {
        self.integers(DType::Int32, &[], &[value])
    }

    /// An input of the model.
    pub(super) fn input(&mut self, spec: Spec, range: RangeInclusive<i64>) -> Value {
        let id = self.tensor(&spec, 0);
        self.inputs.push(Input {
            dtype: spec.dtype,
            elements: spec.elements(),
            range,
        });
        self.scope().graph.inputs.push(id);
        Value {
            id,
            spec,
            is_constant: false,
            is_known: false,
            is_read: false,
        }
    }

    /// Whether the model may have another input here.
    pub(super) fn may_have_input(&self) -> bool {
        !self.scopes[self.at].is_called && self.inputs.len() < MOST_INPUTS
    }

    /// A new value: an input, or a constant where there are enough of them.
    pub(super) fn fresh(&mut self, spec: Spec) -> Value {
        let range = spec.range();
        let value = if self.may_have_input() && !self.one_in(3) {
            self.input(spec, range)
        } else {
            Value {
                id: self.constant(&spec, range),
                spec,
                is_constant: true,
                is_known: true,
                is_read: false,
            }
        };
        self.scope().values.push(value.clone());
        value
    }

    /// A new value of a type and shape.
    pub(super) fn fresh_of(&mut self, dtype: DType, shape: &[usize]) -> Value {
        let scale = self.scale(dtype);
        self.fresh(Spec::of(dtype, shape).scaled(scale))
    }

    /// A value that is there and fits, of the later ones rather than of the first.
    pub(super) fn find(&mut self, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        let all = self.scope().values.iter().filter(|v| fits(v));
        let found: Vec<Value> = all.cloned().collect();
        if found.is_empty() || self.one_in(8) {
            return None;
        }
        let back = self.between(0..=found.len() - 1);
        let back = back.min(self.between(0..=found.len() - 1));
        Some(found[found.len() - 1 - back].clone())
    }

    /// A value of one of these types and so many dimensions, there or new, with which can be computed.
    pub(super) fn any(&mut self, types: &[DType], ranks: RangeInclusive<usize>) -> Value {
        self.any_that(types, ranks, |v| v.is_tame())
    }

    /// The same, of floats that are exact.
    pub(super) fn any_exact(&mut self, types: &[DType], ranks: RangeInclusive<usize>) -> Value {
        self.any_that(types, ranks, |v| v.is_exact())
    }

    /// The same, of floats whatever they are.
    pub(super) fn any_at_all(&mut self, types: &[DType], ranks: RangeInclusive<usize>) -> Value {
        self.any_that(types, ranks, |_| true)
    }

    pub(super) fn any_that(
        &mut self,
        types: &[DType],
        ranks: RangeInclusive<usize>,
        fits: impl Fn(&Value) -> bool,
    ) -> Value {
        // Types are chosen first, or those that many operators have would be the only ones.
        let dtype = self.choose(types);
        let of = |v: &Value| ranks.contains(&v.shape.len()) && fits(v);
        let found = self.find(|v| v.dtype == dtype && of(v));
        let found = found.or_else(|| self.find(|v| types.contains(&v.dtype) && of(v)));
        if let Some(value) = found {
            return value;
        }
        let shape = match *ranks.start() == 4 && *ranks.end() == 4 {
            true => self.image(),
            false => self.shape(ranks),
        };
        self.fresh_of(dtype, &shape)
    }

    /// A value that is exact and no constant, whatever passes fold: of operators that take no constant there.
    pub(super) fn computed(
        &mut self,
        types: &[DType],
        ranks: RangeInclusive<usize>,
    ) -> Option<Value> {
        let dtype = self.choose(types);
        let of = |v: &Value| v.dtype == dtype && ranks.contains(&v.shape.len());
        let found = self.find(|v| of(v) && v.is_exact() && !v.is_known);
        if found.is_some() || !self.may_have_input() {
            return found;
        }
        let shape = self.shape(ranks);
        let scale = self.scale(dtype);
        let spec = Spec::of(dtype, &shape).scaled(scale);
        let range = spec.range();
        let value = self.input(spec, range);
        self.scope().values.push(value.clone());
        Some(value)
    }

    /// A value of just this type, shape and quantisation, there or new.
    pub(super) fn like(&mut self, spec: &Spec) -> Value {
        let same = |v: &Value| v.dtype == spec.dtype && v.shape == spec.shape;
        let found = self.find(|v| same(v) && v.scale == spec.scale && v.is_tame());
        found.unwrap_or_else(|| self.fresh(Spec::of(spec.dtype, &spec.shape).scaled(spec.scale)))
    }

    // Operators.

    /// An operator with its outputs; `None`, and nothing, if one is too large.
    pub(super) fn emit(
        &mut self,
        op: BuiltinOperator,
        inputs: &[i32],
        outputs: Vec<Spec>,
        options: Options,
    ) -> Option<Vec<Value>> {
        let fits = |o: &Spec| (1..=MOST_ELEMENTS).contains(&o.elements()) && o.shape.len() <= 6;
        if !outputs.iter().all(fits) {
            return None;
        }
        let ids: Vec<i32> = outputs.iter().map(|o| self.tensor(o, 0)).collect();
        self.operator(op, inputs, &ids, options);
        let is_known = self.is_known(op, inputs);
        let values = std::iter::zip(ids, outputs).map(|(id, spec)| Value {
            id,
            spec,
            is_constant: false,
            is_known,
            is_read: false,
        });
        let values: Vec<Value> = values.collect();
        self.scope().values.extend(values.iter().cloned());
        Some(values)
    }

    /// Whether an operator's outputs follow from constants.
    fn is_known(&self, op: BuiltinOperator, inputs: &[i32]) -> bool {
        let scope = &self.scopes[self.at];
        let is_of_shapes = matches!(op, BuiltinOperator::Shape | BuiltinOperator::Rank);
        let mut given = inputs.iter().filter(|id| **id >= 0);
        is_of_shapes
            || given.all(|id| {
                let tensor = scope.graph.tensors.get(*id as usize);
                let mut known = scope.values.iter().filter(|v| v.is_known);
                tensor.is_some_and(|t| t.buffer > 0) || known.any(|v| v.id == *id)
            })
    }

    /// The same of one output.
    pub(super) fn emit_one(
        &mut self,
        op: BuiltinOperator,
        inputs: &[i32],
        output: Spec,
        options: Options,
    ) -> Option<Value> {
        self.emit(op, inputs, vec![output], options)?.pop()
    }

    /// An operator, whatever its tensors.
    pub(super) fn operator(
        &mut self,
        op: BuiltinOperator,
        inputs: &[i32],
        outputs: &[i32],
        options: Options,
    ) {
        let scope = &mut self.scopes[self.at];
        for value in scope.values.iter_mut().filter(|v| inputs.contains(&v.id)) {
            value.is_read = true;
        }
        let graph = &mut scope.graph;
        let tensors = |ids: &[i32]| -> Vec<String> {
            let known = ids.iter().filter_map(|id| graph.tensors.get(*id as usize));
            let text = known.map(|t| {
                let kind = if t.buffer > 0 { "constant " } else { "" };
                format!("{kind}{}{:?}", type_name(t.dtype), t.shape)
            });
            text.collect()
        };
        let line = format!(
            "{} of {} to {}, {options:?}",
            op.name(),
            tensors(inputs).join(", "),
            tensors(outputs).join(", ")
        );
        graph.operators.push(Operator {
            code: op.code(),
            inputs: inputs.to_vec(),
            outputs: outputs.to_vec(),
            options,
            ..Operator::default()
        });
        self.lines.push(line);
    }

    /// A subgraph that others run. `fill` is given its inputs, and gives its outputs.
    pub(super) fn subgraph(
        &mut self,
        inputs: &[Spec],
        fill: impl FnOnce(&mut Self, &[Value]) -> Option<Vec<i32>>,
    ) -> Option<usize> {
        let (caller, at) = (self.at, self.scopes.len());
        self.scopes.push(Scope {
            is_called: true,
            ..Scope::default()
        });
        self.at = at;
        let values = inputs.iter().map(|spec| Value {
            id: self.tensor(spec, 0),
            spec: spec.clone(),
            is_constant: false,
            is_known: false,
            is_read: false,
        });
        let values: Vec<Value> = values.collect();
        let scope = self.scope();
        scope.graph.inputs = values.iter().map(|v| v.id).collect();
        scope.values.extend(values.iter().cloned());
        let outputs = fill(self, &values);
        self.at = caller;
        self.scopes[at].graph.outputs = outputs?;
        Some(at)
    }

    /// Whether operators are drawn for a subgraph that another one runs.
    pub(super) fn is_called(&self) -> bool {
        self.scopes[self.at].is_called
    }

    /// The file, and what its outputs are: all that nobody reads, and some of the others.
    pub(super) fn finish(mut self) -> (Vec<u8>, Vec<Input>, Vec<Output>, Vec<String>) {
        let mut outputs = Vec::new();
        let mut values = self.scopes[0].values.clone();
        let inputs = self.scopes[0].graph.inputs.clone();
        values.retain(|v| !v.is_constant && !inputs.contains(&v.id));
        for (i, value) in values.iter().enumerate() {
            // What a variable keeps is read, and a model has to give something.
            let is_last = outputs.is_empty() && i + 1 == values.len();
            if value.is_read && !is_last && !self.one_in(12) {
                continue;
            }
            let graph = &mut self.scopes[0].graph;
            graph.outputs.push(value.id);
            outputs.push(Output {
                peak: value.peak,
                error: value.error,
            });
        }
        self.model.graphs = self.scopes.into_iter().map(|scope| scope.graph).collect();
        (self.model.file(), self.inputs, outputs, self.lines)
    }
}

/// Bytes of elements, of a range if they are integers.
pub(super) fn elements(
    random: &mut Rng,
    dtype: DType,
    count: usize,
    range: &RangeInclusive<i64>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..count {
        if dtype == DType::Float32 {
            // Some are integers, and halves.
            let value = match random.u8(..4) {
                0 => (random.i32(-8..=8) as f32) / 2.0,
                _ => (random.f32() * 2.0 - 1.0) * FLOATS,
            };
            bytes.extend(value.to_le_bytes());
            continue;
        }
        let value = match random.u8(..16) {
            0 => *range.start(),
            1 => *range.end(),
            _ => random.i64(range.clone()),
        };
        bytes.extend(&value.to_le_bytes()[..size(dtype)]);
    }
    bytes
}

/// Bytes of an element.
pub(super) fn size(dtype: DType) -> usize {
    (dtype.bits() / 8).max(1)
}

/// A type's code in the schema.
pub(super) fn code(dtype: DType) -> i8 {
    CODES
        .iter()
        .find(|(of, ..)| *of == dtype)
        .map_or(0, |c| c.1)
}

fn type_name(code: i8) -> &'static str {
    CODES.iter().find(|c| c.1 == code).map_or("", |c| c.2)
}

const CODES: [(DType, i8, &str); 10] = [
    (DType::Float32, 0, "f32"),
    (DType::Float16, 1, "f16"),
    (DType::Int32, 2, "i32"),
    (DType::Uint8, 3, "u8"),
    (DType::Int64, 4, "i64"),
    (DType::Bool, 6, "bool"),
    (DType::Int16, 7, "i16"),
    (DType::Int8, 9, "i8"),
    (DType::Resource, 13, "variable"),
    (DType::Int4, 17, "i4"),
];
