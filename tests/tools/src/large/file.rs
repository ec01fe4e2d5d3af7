//! A model, and how it becomes a file.

use flatbuffers::{FlatBufferBuilder, UnionWIPOffset, WIPOffset};

type Ref = WIPOffset<UnionWIPOffset>;

/// A model before it is a file.
#[derive(Default)]
pub(super) struct Model {
    pub(super) graphs: Vec<Graph>,
    pub(super) buffers: Vec<Vec<u8>>,
    /// Name, subgraph.
    pub(super) signatures: Vec<(String, u32)>,
    /// Name, buffer.
    pub(super) metadata: Vec<(String, u32)>,
}

#[derive(Default)]
pub(super) struct Graph {
    pub(super) tensors: Vec<Tensor>,
    pub(super) operators: Vec<Operator>,
    pub(super) inputs: Vec<i32>,
    pub(super) outputs: Vec<i32>,
}

pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) shape: Vec<i32>,
    pub(super) dtype: i8,
    pub(super) buffer: u32,
}

pub(super) struct Operator {
    pub(super) code: i32,
    pub(super) inputs: Vec<i32>,
    pub(super) outputs: Vec<i32>,
    pub(super) options: Options,
}

pub(super) enum Options {
    None,
    /// Tag, and 32-bit fields from slot 0 on.
    Numbers(u8, Vec<i32>),
    /// Tag, and a text in slot 1.
    Text(u8, String),
}

impl Model {
    pub(super) fn file(self) -> Vec<u8> {
        let b = &mut FlatBufferBuilder::new();
        let mut codes: Vec<i32> = Vec::new();
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
                Writer::new()
                    .byte(0, (*code).min(127) as i8)
                    .number(3, *code)
                    .end(b)
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

impl Graph {
    fn write(&self, b: &mut FlatBufferBuilder<'_>, codes: &mut Vec<i32>) -> Ref {
        let tensors: Vec<Ref> = (self.tensors.iter())
            .map(|t| {
                let name = b.create_string(&t.name).as_union_value();
                let shape = b.create_vector(&t.shape).as_union_value();
                let tensor = Writer::new().at(0, shape).byte(1, t.dtype);
                tensor.number(2, t.buffer as i32).at(3, name).end(b)
            })
            .collect();
        let tensors = list(b, &tensors);
        let operators: Vec<Ref> = (self.operators.iter())
            .map(|o| {
                let code = codes.iter().position(|c| *c == o.code).unwrap_or_else(|| {
                    codes.push(o.code);
                    codes.len() - 1
                });
                let inputs = b.create_vector(&o.inputs).as_union_value();
                let outputs = b.create_vector(&o.outputs).as_union_value();
                let operator = Writer::new()
                    .number(0, code as i32)
                    .at(1, inputs)
                    .at(2, outputs);
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
                    Options::Text(tag, text) => {
                        let text = b.create_string(text).as_union_value();
                        let options = Writer::new().at(1, text).end(b);
                        operator.byte(3, *tag as i8).at(4, options)
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
