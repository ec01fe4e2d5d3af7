//! Drawn models of one operator with other types in place of theirs: whatever castiron compiles of them, the table of operators has to have.

use castiron_codegen::graph::DType;
use castiron_test_tools::file::{Model, Options, Quantization, Tensor};

use super::Sample;
use super::spec::{CODES, code};
use super::weights::half;

/// The input that picks the kernel of a product beside the data: its weights.
const WEIGHTS: usize = 1;
/// Options that name the output's type, by their tag in the schema: ARG_MAX, ARG_MIN and SHAPE; and those of CAST, which name both.
const NAMES_OUTPUT: [u8; 3] = [40, 57, 55];
const NAMES_BOTH: u8 = 37;

impl Sample {
    /// The types of the tensors of an operator of this name, inputs first; nothing of a model that has others, or more than one operator,
    /// sparse weights or sizes that are given later.
    pub fn types(&self, name: &str) -> Option<Vec<DType>> {
        if self.lines.first()?.split(' ').next() != Some(name) {
            return None;
        }
        let [graph] = &self.model.graphs[..] else {
            return None;
        };
        let [operator] = &graph.operators[..] else {
            return None;
        };
        let is_plain = |t: &Tensor| t.sparsity.is_none() && t.signature.is_empty();
        if !graph.tensors.iter().all(is_plain) {
            return None;
        }
        let ids = operator.inputs.iter().chain(&operator.outputs);
        let tensors = ids.filter_map(|id| graph.tensors.get(*id as usize));
        Some(tensors.map(|t| dtype(t.dtype)).collect())
    }

    /// Files of the same operator with other types for its data, the input at this position, and its outputs; of products, also for their
    /// weights. `is_new` is asked of the types that a file would have.
    pub fn retyped(
        &self,
        (data, is_product): (usize, bool),
        mut is_new: impl FnMut(&[DType]) -> bool,
    ) -> Vec<Vec<u8>> {
        let mut files = Vec::new();
        let graph = &self.model.graphs[0];
        let operator = &graph.operators[0];
        let (Some(x), Some(y)) = (operator.inputs.get(data), operator.outputs.first()) else {
            return files;
        };
        let [x, y] = [x, y].map(|id| dtype(graph.tensors[*id as usize].dtype));
        let mut take = |types: &dyn Fn(bool, usize, DType) -> DType| {
            let (types, model) = self.with(types);
            files.extend(is_new(&types).then(|| model.file()));
        };
        for (a, b) in pairs(x, y) {
            // What has the data's type goes along with it or stays, and so does what has the output's.
            take(&|is_output, at, old| match (is_output, old) {
                (false, _) if at == data => a,
                (false, old) if old == x => a,
                (_, old) if old == y => b,
                _ => old,
            });
            take(&|is_output, at, old| match is_output {
                false if at == data => a,
                true if old == y => b,
                _ => old,
            });
        }
        let weights = types().flat_map(|a| types().map(move |b| (a, b)));
        for (a, b) in weights.filter(|_| is_product) {
            let sums = match a {
                DType::Float32 => DType::Float32,
                DType::Int16 => DType::Int64,
                _ => DType::Int32,
            };
            take(&|is_output, at, old| match (is_output, at) {
                (true, _) => a,
                (false, WEIGHTS) => b,
                (false, at) if at == data => a,
                (false, at) if at > WEIGHTS => sums,
                _ => old,
            });
        }
        files
    }

    /// The types and the model with others, by whether a tensor is an output, its position and the type that it has.
    fn with(&self, types: impl Fn(bool, usize, DType) -> DType) -> (Vec<DType>, Model) {
        let mut all = Vec::new();
        let mut model = self.model.clone();
        let operator = model.graphs[0].operators[0].clone();
        for (is_output, ids) in [(false, &operator.inputs), (true, &operator.outputs)] {
            for (at, id) in ids.iter().enumerate().filter(|(_, id)| **id >= 0) {
                let old = dtype(model.graphs[0].tensors[*id as usize].dtype);
                let new = types(is_output, at, old);
                retype(&mut model, *id as usize, new);
                all.push(new);
            }
        }
        let graph = &mut model.graphs[0];
        let of = |id: i32| graph.tensors.get(id as usize).map_or(0, |t| t.dtype.into());
        let [x, y] = [of(operator.inputs[0]), of(operator.outputs[0])];
        match &mut graph.operators[0].options {
            Options::Numbers(NAMES_BOTH, codes) => *codes = vec![x, y],
            Options::Numbers(tag, codes) if NAMES_OUTPUT.contains(tag) => *codes = vec![y],
            _ => {}
        }
        (all, model)
    }
}

/// Types that a tensor may have.
fn types() -> impl Iterator<Item = DType> + Clone {
    (CODES.iter().map(|c| c.0)).filter(|dtype| *dtype != DType::Resource)
}

/// Pairs of types of which one is as it was, and those of one type.
fn pairs(x: DType, y: DType) -> impl Iterator<Item = (DType, DType)> {
    let beside = types().map(move |a| (a, y));
    let beside = beside.chain(types().map(move |b| (x, b)));
    beside.chain(types().map(|a| (a, a)))
}

fn dtype(of: i8) -> DType {
    (CODES.iter().find(|c| c.1 == of)).map_or(DType::Float32, |c| c.0)
}

/// Gives a tensor another type, with a constant's values and a quantisation as it may have it.
fn retype(model: &mut Model, at: usize, to: DType) {
    let tensor = &mut model.graphs[0].tensors[at];
    let from = dtype(tensor.dtype);
    if from == to {
        return;
    }
    tensor.dtype = code(to);
    tensor.quantization = quantization(tensor, from, to);
    if let Some(buffer) = (tensor.buffer as usize).checked_sub(1) {
        let mut values = values(&model.buffers[buffer], from);
        values.truncate(tensor.shape.iter().product::<i32>() as usize);
        model.buffers.push(stored(&values, to));
        model.graphs[0].tensors[at].buffer = model.buffers.len() as u32;
    }
}

/// A quantisation of about the same numbers.
fn quantization(tensor: &Tensor, from: DType, to: DType) -> Option<Quantization> {
    let has_one = matches!(to, DType::Int8 | DType::Uint8 | DType::Int16 | DType::Int4);
    let mut q = match &tensor.quantization {
        Some(q) if has_one || matches!(to, DType::Int32 | DType::Int64) => q.clone(),
        None if has_one => Quantization {
            scales: vec![1.0 / 16.0],
            zero_points: vec![0],
            ..Quantization::default()
        },
        _ => return None,
    };
    let words = |dtype| if dtype == DType::Int16 { 256.0 } else { 1.0 };
    let zero = |dtype| if dtype == DType::Uint8 { 128 } else { 0 };
    for scale in &mut q.scales {
        *scale *= words(from) / words(to);
    }
    for point in &mut q.zero_points {
        *point = match to {
            DType::Int8 | DType::Uint8 => *point - zero(from) + zero(to),
            _ => 0,
        };
    }
    Some(q)
}

/// A constant's numbers.
fn values(bytes: &[u8], dtype: DType) -> Vec<f64> {
    let size = super::spec::size(dtype);
    let integer = |bytes: &[u8]| {
        let mut all = [0; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        let unused = 64 - 8 * bytes.len() as u32;
        i64::from_le_bytes(all) << unused >> unused
    };
    let parts = bytes.chunks_exact(size).map(|bytes| match dtype {
        DType::Float32 => f32::from_bits(integer(bytes) as u32).into(),
        DType::Uint8 => f64::from(bytes[0]),
        _ => integer(bytes) as f64,
    });
    match dtype {
        DType::Int4 => (bytes.iter().flat_map(|byte| [byte << 4, *byte]))
            .map(|high| f64::from(high as i8 >> 4))
            .collect(),
        _ => parts.collect(),
    }
}

/// Numbers as a constant, cut off where a type holds no more.
fn stored(values: &[f64], dtype: DType) -> Vec<u8> {
    let bytes = values.iter().flat_map(|value| match dtype {
        DType::Float32 => (*value as f32).to_le_bytes().to_vec(),
        DType::Float16 => half(*value as f32).to_le_bytes().to_vec(),
        DType::Int32 => (*value as i32).to_le_bytes().to_vec(),
        DType::Int16 => (*value as i16).to_le_bytes().to_vec(),
        DType::Uint16 => (*value as u16).to_le_bytes().to_vec(),
        DType::Uint32 => (*value as u32).to_le_bytes().to_vec(),
        DType::Int64 => (*value as i64).to_le_bytes().to_vec(),
        DType::Uint64 => (*value as u64).to_le_bytes().to_vec(),
        DType::Uint8 => vec![*value as u8],
        DType::Bool => vec![u8::from(*value != 0.0)],
        _ => vec![*value as i8 as u8],
    });
    let bytes: Vec<u8> = bytes.collect();
    match dtype {
        DType::Int4 => (bytes.chunks(2))
            .map(|pair| (pair[0] & 15) | pair.get(1).map_or(0, |high| high << 4))
            .collect(),
        _ => bytes,
    }
}
