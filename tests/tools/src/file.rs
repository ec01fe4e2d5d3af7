//! A model, and how it becomes a file. Tests write the models with it that they make themselves.

use flatbuffers::{FlatBufferBuilder, UnionWIPOffset, WIPOffset};

use crate::flex;

type Ref = WIPOffset<UnionWIPOffset>;

/// A model before it is a file.
#[derive(Debug, Default, Clone)]
pub struct Model {
    /// The first one is the entry point.
    pub graphs: Vec<Graph>,
    /// Data of constants; the first one is buffer 1.
    pub buffers: Vec<Vec<u8>>,
    /// Name, subgraph.
    pub signatures: Vec<(String, u32)>,
    /// Name, buffer.
    pub metadata: Vec<(String, u32)>,
}

/// A subgraph.
#[derive(Debug, Default, Clone)]
pub struct Graph {
    /// What operators name by its position.
    pub tensors: Vec<Tensor>,
    /// In the order they run.
    pub operators: Vec<Operator>,
    /// Tensors.
    pub inputs: Vec<i32>,
    /// Tensors.
    pub outputs: Vec<i32>,
}

/// A tensor. Types are codes of the schema.
#[derive(Debug, Default, Clone)]
#[allow(missing_docs)]
pub struct Tensor {
    pub name: String,
    pub shape: Vec<i32>,
    pub dtype: i8,
    /// 0 where it is no constant.
    pub buffer: u32,
    pub quantization: Option<Quantization>,
    pub is_variable: bool,
    /// Sizes as the writer knew them, -1 where it did not; none where it knew all.
    pub signature: Vec<i32>,
    pub sparsity: Option<Sparsity>,
}

/// Which elements of a constant its buffer has, in the order of the dimensions.
#[derive(Debug, Default, Clone)]
pub struct Sparsity {
    /// Sizes of the dimensions before the last, which are dense.
    pub dense: Vec<i32>,
    /// For each of their places, where its indices begin; and where the last ones end.
    pub segments: Vec<i32>,
    /// Along the last dimension: of elements, or of blocks.
    pub indices: Vec<i32>,
    /// Elements of a block; 0 where there are none.
    pub block: i32,
}

/// Scales and zero points.
#[derive(Debug, Default, Clone)]
#[allow(missing_docs)]
pub struct Quantization {
    pub scales: Vec<f32>,
    pub zero_points: Vec<i64>,
    pub dimension: i32,
    /// The tensor that has a scale for each so many elements of a row.
    pub blocks: Option<(i32, i32)>,
}

/// An operator. Tensors are positions, or -1 where one is left out.
#[derive(Debug, Default, Clone)]
#[allow(missing_docs)]
pub struct Operator {
    pub code: i32,
    pub inputs: Vec<i32>,
    pub outputs: Vec<i32>,
    pub intermediates: Vec<i32>,
    pub options: Options,
    /// The name of a custom operator, whose code is 32.
    pub custom: &'static str,
    /// The version; 0 counts as the first.
    pub version: i32,
}

/// An operator's options: the tag of the schema's union, and the fields of the table.
#[derive(Debug, Default, Clone)]
pub enum Options {
    /// The operator has none.
    #[default]
    None,
    /// 32-bit fields from slot 0 on; shorter ones are their first bytes.
    Numbers(u8, Vec<i32>),
    /// A list in slot 0.
    List(u8, Vec<i32>),
    /// A text in slot 1.
    Text(u8, String),
    /// A custom operator's: a map of FlexBuffers.
    Map(Vec<(&'static str, Number)>),
}

/// A value of a map.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub enum Number {
    Integer(i32),
    Real(f32),
}

impl Model {
    /// The file's bytes.
    pub fn file(&self) -> Vec<u8> {
        let b = &mut FlatBufferBuilder::new();
        let mut codes: Vec<Code> = Vec::new();
        let mut buffers = vec![Writer::new().end(b)];
        for data in &self.buffers {
            let data = b.create_vector(data).as_union_value();
            buffers.push(Writer::new().at(0, data).end(b));
        }
        let buffers = list(b, &buffers);
        let graphs: Vec<Ref> = self.graphs.iter().map(|g| g.write(b, &mut codes)).collect();
        let graphs = list(b, &graphs);
        let signatures: Vec<Ref> = (self.signatures.iter())
            .map(|(name, graph)| {
                let ports = [("in", 0), ("out", 1)].map(|(name, tensor)| {
                    let name = b.create_string(name).as_union_value();
                    let port = Writer::new().at(0, name).number(1, tensor).end(b);
                    list(b, &[port])
                });
                let name = b.create_string(name).as_union_value();
                let [inputs, outputs] = ports;
                let signature = Writer::new().at(0, inputs).at(1, outputs).at(2, name);
                signature.number(4, *graph as i32).end(b)
            })
            .collect();
        let signatures = list(b, &signatures);
        let metadata: Vec<Ref> = (self.metadata.iter())
            .map(|(name, buffer)| {
                let name = b.create_string(name).as_union_value();
                Writer::new().at(0, name).number(1, *buffer as i32).end(b)
            })
            .collect();
        let metadata = list(b, &metadata);
        let codes: Vec<Ref> = codes
            .iter()
            .map(|code| {
                let mut writer = Writer::new().byte(0, code.number.min(127) as i8);
                if !code.custom.is_empty() {
                    writer = writer.at(1, b.create_string(code.custom).as_union_value());
                }
                let writer = writer.number(2, code.version.max(1));
                writer.number(3, code.number).end(b)
            })
            .collect();
        let codes = list(b, &codes);
        let root = Writer::new()
            .number(0, 3)
            .at(1, codes)
            .at(2, graphs)
            .at(4, buffers);
        let root = root.at(6, metadata).at(7, signatures).end(b);
        b.finish(root, Some("TFL3"));
        b.finished_data().to_vec()
    }
}

/// What operators of a kind have in common.
#[derive(PartialEq)]
struct Code {
    number: i32,
    custom: &'static str,
    version: i32,
}

impl Graph {
    fn write(&self, b: &mut FlatBufferBuilder<'_>, codes: &mut Vec<Code>) -> Ref {
        let tensors: Vec<Ref> = (self.tensors.iter())
            .map(|t| {
                let name = b.create_string(&t.name).as_union_value();
                let shape = b.create_vector(&t.shape).as_union_value();
                let quantization = t.quantization.as_ref().map(|q| q.write(b));
                let mut tensor = Writer::new().at(0, shape).byte(1, t.dtype);
                tensor = tensor.number(2, t.buffer as i32).at(3, name);
                if let Some(quantization) = quantization {
                    tensor = tensor.at(4, quantization);
                }
                if t.is_variable {
                    tensor = tensor.byte(5, 1);
                }
                if let Some(sparsity) = &t.sparsity {
                    tensor = tensor.at(6, sparsity.write(b));
                }
                if !t.signature.is_empty() {
                    tensor = tensor.at(7, b.create_vector(&t.signature).as_union_value());
                }
                tensor.end(b)
            })
            .collect();
        let tensors = list(b, &tensors);
        let operators: Vec<Ref> = (self.operators.iter())
            .map(|o| {
                let own = Code {
                    number: o.code,
                    custom: o.custom,
                    version: o.version,
                };
                let code = codes.iter().position(|c| *c == own).unwrap_or_else(|| {
                    codes.push(own);
                    codes.len() - 1
                });
                let inputs = b.create_vector(&o.inputs).as_union_value();
                let outputs = b.create_vector(&o.outputs).as_union_value();
                let mut operator = Writer::new()
                    .number(0, code as i32)
                    .at(1, inputs)
                    .at(2, outputs);
                if !o.intermediates.is_empty() {
                    let intermediates = b.create_vector(&o.intermediates).as_union_value();
                    operator = operator.at(8, intermediates);
                }
                match &o.options {
                    Options::None => operator,
                    Options::Numbers(tag, numbers) => {
                        let mut options = Writer::new();
                        for (slot, number) in numbers.iter().enumerate() {
                            options = options.number(slot as u16, *number);
                        }
                        let options = options.end(b);
                        operator.byte(3, *tag as i8).at(4, options)
                    }
                    Options::List(tag, list) => {
                        let list = b.create_vector(list).as_union_value();
                        let options = Writer::new().at(0, list).end(b);
                        operator.byte(3, *tag as i8).at(4, options)
                    }
                    Options::Text(tag, text) => {
                        let text = b.create_string(text).as_union_value();
                        let options = Writer::new().at(1, text).end(b);
                        operator.byte(3, *tag as i8).at(4, options)
                    }
                    Options::Map(map) => {
                        let map = b.create_vector(&flex::map(map)).as_union_value();
                        operator.at(5, map)
                    }
                }
                .end(b)
            })
            .collect();
        let operators = list(b, &operators);
        let inputs = b.create_vector(&self.inputs).as_union_value();
        let outputs = b.create_vector(&self.outputs).as_union_value();
        let graph = Writer::new().at(0, tensors).at(1, inputs).at(2, outputs);
        graph.at(3, operators).end(b)
    }
}

impl Quantization {
    fn write(&self, b: &mut FlatBufferBuilder<'_>) -> Ref {
        if let Some((scales, size)) = self.blocks {
            let blocks = Writer::new().number(0, scales).number(1, -1);
            let blocks = blocks.number(2, size).end(b);
            return Writer::new().byte(4, BLOCKWISE).at(5, blocks).end(b);
        }
        let scales = b.create_vector(&self.scales).as_union_value();
        let zero_points = b.create_vector(&self.zero_points).as_union_value();
        let table = Writer::new().at(2, scales).at(3, zero_points);
        table.number(6, self.dimension).end(b)
    }
}

/// The union's tag of scales of blocks.
const BLOCKWISE: i8 = 2;

impl Sparsity {
    fn write(&self, b: &mut FlatBufferBuilder<'_>) -> Ref {
        let rank = self.dense.len() as i32 + 1;
        let mut order: Vec<i32> = (0..rank).collect();
        let mut levels: Vec<Ref> = (self.dense.iter())
            .map(|size| Writer::new().number(1, *size).end(b))
            .collect();
        let [segments, indices] = [&self.segments, &self.indices].map(|list| {
            let list = b.create_vector(list).as_union_value();
            Writer::new().at(0, list).end(b)
        });
        // A sparse dimension; both lists are of int32.
        let sparse = Writer::new().byte(0, 1).byte(2, 1).at(3, segments);
        levels.push(sparse.byte(4, 1).at(5, indices).end(b));
        let mut map = Vec::new();
        if self.block > 0 {
            order.push(rank);
            map.push(rank - 1);
            levels.push(Writer::new().number(1, self.block).end(b));
        }
        let levels = list(b, &levels);
        let order = b.create_vector(&order).as_union_value();
        let mut table = Writer::new().at(0, order);
        if !map.is_empty() {
            table = table.at(1, b.create_vector(&map).as_union_value());
        }
        table.at(2, levels).end(b)
    }
}

fn list(b: &mut FlatBufferBuilder<'_>, tables: &[Ref]) -> Ref {
    b.create_vector(tables).as_union_value()
}

/// The fields of a table; what they point to is written before.
struct Writer(Vec<(u16, Field)>);

enum Field {
    Byte(i8),
    Number(i32),
    At(Ref),
}

impl Writer {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn with(mut self, slot: u16, field: Field) -> Self {
        self.0.push((slot, field));
        self
    }

    fn byte(self, slot: u16, value: i8) -> Self {
        self.with(slot, Field::Byte(value))
    }

    fn number(self, slot: u16, value: i32) -> Self {
        self.with(slot, Field::Number(value))
    }

    fn at(self, slot: u16, place: Ref) -> Self {
        self.with(slot, Field::At(place))
    }

    fn end(self, b: &mut FlatBufferBuilder<'_>) -> Ref {
        let start = b.start_table();
        for (slot, field) in self.0 {
            let slot = 4 + 2 * slot;
            match field {
                Field::Byte(value) => b.push_slot_always(slot, value),
                Field::Number(value) => b.push_slot_always(slot, value),
                Field::At(place) => b.push_slot_always(slot, place),
            }
        }
        b.end_table(start).as_union_value().as_union_value()
    }
}
