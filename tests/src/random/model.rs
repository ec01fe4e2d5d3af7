//! The model in the making: tensors, constants, operators, subgraphs; and the file.

use std::ops::RangeInclusive;

use castiron_codegen::graph::{BuiltinOperator, DType};
use castiron_test_tools::file::{Model, Operator, Options, Quantization, Tensor};

use super::draw::{Draw, MOST_ELEMENTS, MOST_INPUTS, Scope};
use super::open::Open;
use super::rows::Kind;
use super::spec::{Input, Output, Spec, Value, code, elements, size, type_name};

/// The code of custom operators.
const CUSTOM: i32 = 32;

impl Draw<'_> {
    pub(super) fn scope(&mut self) -> &mut Scope {
        &mut self.scopes[self.at]
    }

    pub(super) fn tensor(&mut self, spec: &Spec, buffer: u32) -> i32 {
        let quantization = spec.scale.map(|(scale, zero_point)| Quantization {
            scales: vec![scale],
            zero_points: vec![zero_point.into()],
            ..Quantization::default()
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
        Value::given(id, spec)
    }

    /// Whether the model may have another input here.
    pub(super) fn may_have_input(&self) -> bool {
        !self.scopes[self.at].is_called && self.inputs.len() < MOST_INPUTS
    }

    /// An operator with its outputs; `None`, and nothing, if one is too large.
    pub(super) fn emit(
        &mut self,
        op: impl Into<Kind>,
        inputs: &[i32],
        outputs: Vec<Spec>,
        options: Options,
    ) -> Option<Vec<Value>> {
        let fits = |o: &Spec| (1..=MOST_ELEMENTS).contains(&o.elements()) && o.shape.len() <= 6;
        if !outputs.iter().all(fits) {
            return None;
        }
        let kind = op.into();
        let ids: Vec<i32> = outputs.iter().map(|o| self.tensor(o, 0)).collect();
        self.operator(kind, inputs, &ids, options);
        let is_known = self.is_known(kind, inputs);
        let values = std::iter::zip(ids, outputs).map(|(id, spec)| Value {
            is_known,
            ..Value::given(id, spec)
        });
        let values: Vec<Value> = values.collect();
        self.scope().values.extend(values.iter().cloned());
        Some(values)
    }

    /// Whether an operator's outputs follow from constants.
    fn is_known(&self, kind: Kind, inputs: &[i32]) -> bool {
        use BuiltinOperator::{Rank, Shape};
        let scope = &self.scopes[self.at];
        let is_of_shapes = matches!(kind, Kind::Builtin(Shape | Rank));
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
        op: impl Into<Kind>,
        inputs: &[i32],
        output: Spec,
        options: Options,
    ) -> Option<Value> {
        self.emit(op, inputs, vec![output], options)?.pop()
    }

    /// An operator, whatever its tensors.
    pub(super) fn operator(
        &mut self,
        op: impl Into<Kind>,
        inputs: &[i32],
        outputs: &[i32],
        options: Options,
    ) {
        let kind = op.into();
        let scope = &mut self.scopes[self.at];
        for value in scope.values.iter_mut().filter(|v| inputs.contains(&v.id)) {
            value.is_read = true;
        }
        let graph = &mut scope.graph;
        let tensors = |ids: &[i32]| -> Vec<String> {
            let known = ids.iter().filter_map(|id| graph.tensors.get(*id as usize));
            let text = known.map(|t| {
                let kind = if t.buffer > 0 { "constant " } else { "" };
                let blocks = t.quantization.as_ref().and_then(|q| q.blocks);
                let blocks = blocks.map_or("", |_| " in blocks");
                format!("{kind}{}{:?}{blocks}", type_name(t.dtype), t.shape)
            });
            text.collect()
        };
        let line = format!(
            "{} of {} to {}, {options:?}",
            kind.name(),
            tensors(inputs).join(", "),
            tensors(outputs).join(", ")
        );
        let (code, custom, version) = match kind {
            // Its first version is one of flex operators.
            Kind::Builtin(op @ BuiltinOperator::BroadcastTo) => (op.code(), "", 2),
            Kind::Builtin(op) => (op.code(), "", 1),
            Kind::Custom(name) => (CUSTOM, name, 1),
        };
        graph.operators.push(Operator {
            code,
            inputs: inputs.to_vec(),
            outputs: outputs.to_vec(),
            options,
            custom,
            version,
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
        let values = inputs.iter().map(|spec| {
            let id = self.tensor(spec, 0);
            Value::given(id, spec.clone())
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

    /// What was drawn. Outputs are all that nobody reads, and some of the others.
    pub(super) fn finish(mut self) -> Drawn {
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
        let is_open = self.one_in(6);
        self.model.graphs = self.scopes.into_iter().map(|scope| scope.graph).collect();
        let open = match is_open {
            true => Open::of(&mut self.model),
            false => None,
        };
        Drawn {
            file: self.model.file(),
            model: self.model,
            open,
            inputs: self.inputs,
            outputs,
            lines: self.lines,
        }
    }
}

/// What was drawn.
pub(super) struct Drawn {
    pub(super) file: Vec<u8>,
    pub(super) model: Model,
    pub(super) open: Option<Open>,
    pub(super) inputs: Vec<Input>,
    pub(super) outputs: Vec<Output>,
    pub(super) lines: Vec<String>,
}
