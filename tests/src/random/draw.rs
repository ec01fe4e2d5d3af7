//! Bytes become decisions: numbers, shapes, quantisations, and what operators read.

use std::ops::RangeInclusive;

use arbitrary::Unstructured;
use castiron_codegen::graph::DType;
use castiron_test_tools::file::{Graph, Model};
use fastrand::Rng;

use super::rows::{MOVED, SELDOM_MOVED};
use super::spec::{Input, Spec, Value};
use super::weights;

/// The most elements of a tensor.
pub(super) const MOST_ELEMENTS: usize = 768;
/// The most inputs of a model that a rule asks for; behind them come constants.
pub(super) const MOST_INPUTS: usize = 5;

/// A subgraph in the making.
#[derive(Default)]
pub(super) struct Scope {
    pub(super) graph: Graph,
    pub(super) values: Vec<Value>,
    /// Tensors of other subgraphs come in as these alone.
    pub(super) is_called: bool,
}

/// A model in the making.
pub(super) struct Draw<'a> {
    bytes: Unstructured<'a>,
    pub(super) random: Rng,
    pub(super) model: Model,
    pub(super) scopes: Vec<Scope>,
    /// The scope that is drawn.
    pub(super) at: usize,
    pub(super) inputs: Vec<Input>,
    /// Whether floats meet weights of fewer bits, which few engines have.
    pub(super) is_hybrid: bool,
    /// Whether the model is of one operator and for its types, of which all are as frequent then.
    pub(super) is_alone: bool,
    /// The number of variables so far.
    pub(super) variables: usize,
    /// The value that an operator reads, if it can.
    pub(super) preferred: Option<i32>,
    /// Each operator with its types, for people.
    pub(super) lines: Vec<String>,
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
            is_hybrid: false,
            is_alone: false,
            variables: 0,
            preferred: None,
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

    /// A new value: an input, or a constant where there are enough of them.
    pub(super) fn fresh(&mut self, spec: Spec) -> Value {
        let range = spec.range();
        let value = if self.may_have_input() && !self.one_in(3) {
            self.input(spec, range)
        } else if spec.dtype == DType::Float32 && self.is_hybrid && self.coin() {
            Value::constant(weights::reals(self, &spec.shape, 0), spec)
        } else {
            Value::constant(self.constant(&spec, range), spec)
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
        if let Some(value) = found.iter().find(|v| Some(v.id) == self.preferred) {
            return Some(value.clone());
        }
        if found.is_empty() || self.one_in(8) {
            return None;
        }
        let back = self.between(0..=found.len() - 1);
        let back = back.min(self.between(0..=found.len() - 1));
        Some(found[found.len() - 1 - back].clone())
    }

    /// Types of what an operator moves.
    pub(super) fn moved(&mut self) -> &'static [DType] {
        let often = if self.is_alone { 3 } else { 12 };
        match self.one_in(often) {
            true => SELDOM_MOVED,
            false => MOVED,
        }
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
        let of = |v: &Value| ranks.contains(&v.shape.len()) && fits(v);
        let preferred = self.preferred;
        let is_preferred = |v: &Value| Some(v.id) == preferred && types.contains(&v.dtype);
        if preferred.is_some()
            && let Some(value) = self.find(|v| is_preferred(v) && of(v))
        {
            return value;
        }
        // Types are chosen first, or those that many operators have would be the only ones.
        let dtype = self.choose(types);
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
}
