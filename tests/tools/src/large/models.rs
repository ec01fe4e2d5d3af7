//! The families of models.

use crate::file::{Graph, Model, Operator, Options, Tensor};

const FLOAT32: i8 = 0;
const BOOL: i8 = 6;
const RESOURCE: i8 = 13;

// Codes of builtin operators.
const ADD: i32 = 0;
const CONCATENATION: i32 = 2;
const RELU: i32 = 19;
const RESHAPE: i32 = 22;
const NEG: i32 = 59;
const COS: i32 = 108;
const ELU: i32 = 111;
const IF: i32 = 118;
const CALL_ONCE: i32 = 129;
const VAR_HANDLE: i32 = 142;
const READ_VARIABLE: i32 = 143;
const ASSIGN_VARIABLE: i32 = 144;

/// A model of about so many parts.
type Family = fn(usize) -> Vec<u8>;

/// The families of models, by name: one that is large in this way makes a file of each size.
pub const MODELS: &[(&str, Family)] = &[
    ("chain in place", |n| one(|g| vec![g.chain(RELU, n)])),
    ("chain of aliases", |n| one(|g| vec![g.chain(RESHAPE, n)])),
    ("chain of ELU", |n| one(|g| vec![g.chain(ELU, n)])),
    ("chain of unknown", |n| one(|g| vec![g.chain(COS, n)])),
    ("one reader of many", |n| {
        one(|g| {
            let inputs: Vec<i32> = (0..n).map(|_| g.input()).collect();
            vec![g.concatenate(&inputs)]
        })
    }),
    ("one reader of one, often", |n| {
        one(|g| {
            let input = g.input();
            vec![g.concatenate(&vec![input; n])]
        })
    }),
    ("many readers of one", |n| {
        one(|g| {
            let input = g.input();
            (0..n)
                .map(|_| g.apply(RELU, &[input]))
                .last()
                .into_iter()
                .collect()
        })
    }),
    ("branches", |n| {
        one(|g| {
            let input = g.input();
            let branches: Vec<i32> = (0..n).map(|_| g.apply(RELU, &[input])).collect();
            vec![g.concatenate(&branches)]
        })
    }),
    ("long branches", |n| {
        one(|g| {
            let input = g.input();
            let length = n.isqrt();
            let branch = |g: &mut Graph| (0..length).fold(input, |x, _| g.apply(RELU, &[x]));
            let branches: Vec<i32> = (0..length).map(|_| branch(g)).collect();
            vec![g.concatenate(&branches)]
        })
    }),
    ("lives within lives", |n| {
        one(|g| {
            let mut x = g.input();
            let mut down = vec![x];
            for _ in 0..n / 2 {
                x = g.apply(COS, &[x]);
                down.push(x);
            }
            while let Some(skipped) = down.pop() {
                x = g.apply(ADD, &[x, skipped]);
            }
            vec![x]
        })
    }),
    ("outputs", |n| {
        one(|g| {
            let input = g.input();
            (0..n).map(|_| g.apply(RELU, &[input])).collect()
        })
    }),
    ("constants and outputs", |n| {
        let mut model = Model::default();
        let mut graph = Graph::default();
        let input = graph.input();
        let x = graph.apply(RELU, &[input]);
        let constants: Vec<i32> = (0..n / 4)
            .map(|i| {
                let buffer = model.buffer(i as u32);
                graph.tensor_of(FLOAT32, &[1, 4], buffer)
            })
            .collect();
        graph.outputs = constants.repeat(3);
        graph.outputs.push(x);
        model.graphs.push(graph);
        model.file()
    }),
    ("folded constants", |n| {
        let mut model = Model::default();
        let mut graph = Graph::default();
        let mut x = graph.input();
        for i in 0..n / 2 {
            let buffer = model.buffer(i as u32);
            let constant = graph.tensor_of(FLOAT32, &[1, 4], buffer);
            let folded = graph.apply(NEG, &[constant]);
            x = graph.apply(ADD, &[x, folded]);
        }
        graph.outputs.push(x);
        model.graphs.push(graph);
        model.file()
    }),
    ("unused tensors", |n| {
        one(|g| {
            let output = g.chain(RELU, 1);
            (0..n).for_each(|_| {
                g.tensor();
            });
            vec![output]
        })
    }),
    ("one output, often", |n| {
        one(|g| {
            let output = g.chain(RELU, 1);
            vec![output; 5 * n]
        })
    }),
    ("one input, often", |n| {
        one(|g| {
            let output = g.chain(RELU, 1);
            g.inputs = vec![0; 5 * n];
            vec![output]
        })
    }),
    ("equal names", |n| {
        one(|g| {
            let input = g.input();
            let outputs: Vec<i32> = (0..n).map(|_| g.apply(RELU, &[input])).collect();
            g.tensors.iter_mut().for_each(|t| t.name = "x".to_owned());
            outputs
        })
    }),
    ("a long name", |n| {
        one(|g| {
            let output = g.chain(RELU, n / 2);
            g.tensors[1].name = "n".repeat(50 * n);
            vec![output]
        })
    }),
    ("many dimensions", |n| {
        one(|g| {
            let output = g.chain(RELU, n / 4);
            g.tensors.iter_mut().for_each(|t| t.shape = vec![1; 16]);
            vec![output]
        })
    }),
    ("signatures", |n| {
        signatures(n / 4, |i| format!("signature {i}"))
    }),
    ("signatures of one name", |n| {
        signatures(n / 4, |_| "run".to_owned())
    }),
    ("metadata", |n| {
        let mut model = Model::default();
        for i in 0..n {
            let buffer = model.buffer(i as u32);
            model.metadata.push((format!("m{i}"), buffer));
        }
        model.graph(|g| vec![g.chain(RELU, 1)]);
        model.file()
    }),
    ("variables", |n| {
        one(|g| {
            let mut x = g.input();
            for i in 0..n / 3 {
                let handle = g.tensor_of(RESOURCE, &[1], 0);
                let name = Options::Text(111, format!("v{i}"));
                g.operator(VAR_HANDLE, &[], &[handle], name);
                g.operator(ASSIGN_VARIABLE, &[handle, x], &[], Options::None);
                x = g.apply(READ_VARIABLE, &[handle]);
            }
            vec![x]
        })
    }),
    ("subgraphs in subgraphs", |n| {
        let mut model = Model::default();
        for i in 0..n / 4 {
            model.branch(i as i32 + 1, (n / 4) as i32);
        }
        model.graph(|g| {
            g.tensor_of(BOOL, &[1], 0);
            g.inputs.push(0);
            vec![g.chain(RELU, 1)]
        });
        model.file()
    }),
    ("subgraphs called twice each", |n| {
        let mut model = Model::default();
        for i in 0..n / 4 {
            model.branch(i as i32 + 1, i as i32 + 1);
        }
        model.graph(|g| {
            g.tensor_of(BOOL, &[1], 0);
            g.inputs.push(0);
            vec![g.chain(RELU, 1)]
        });
        model.file()
    }),
    ("initialisers in initialisers", |n| {
        let mut model = Model::default();
        let next = |i: usize| Options::Numbers(103, vec![i as i32 + 1]);
        model.graph(|g| {
            g.operator(CALL_ONCE, &[], &[], next(0));
            vec![g.chain(RELU, 1)]
        });
        for i in 1..n / 4 {
            model.graph(|g| {
                g.operator(CALL_ONCE, &[], &[], next(i));
                vec![]
            });
        }
        model.graph(|_| vec![]);
        model.file()
    }),
];

/// A small model with an output of so many elements.
pub fn classifier(elements: usize) -> Vec<u8> {
    one(|g| {
        let shape = [1, elements as i32];
        let [input, output] = [0; 2].map(|buffer| g.tensor_of(FLOAT32, &shape, buffer));
        g.inputs.push(input);
        g.operator(RELU, &[input], &[output], Options::None);
        vec![output]
    })
}

/// A model of one subgraph. `fill` gives its outputs.
fn one(fill: impl FnOnce(&mut Graph) -> Vec<i32>) -> Vec<u8> {
    let mut model = Model::default();
    model.graph(fill);
    model.file()
}

fn signatures(n: usize, name: impl Fn(usize) -> String) -> Vec<u8> {
    let mut model = Model::default();
    for i in 0..n {
        model.graph(|g| vec![g.chain(RELU, 1)]);
        model.signatures.push((name(i), i as u32));
    }
    model.file()
}

impl Model {
    fn graph(&mut self, fill: impl FnOnce(&mut Graph) -> Vec<i32>) {
        let mut graph = Graph::default();
        graph.outputs = fill(&mut graph);
        self.graphs.push(graph);
    }

    /// A subgraph that calls one of two others.
    fn branch(&mut self, then: i32, otherwise: i32) {
        self.graph(|g| {
            let condition = g.tensor_of(BOOL, &[1], 0);
            g.inputs.push(condition);
            let input = g.input();
            let output = g.tensor();
            let callees = Options::Numbers(92, vec![then, otherwise]);
            g.operator(IF, &[condition, condition, input], &[output], callees);
            vec![output]
        });
    }

    /// A buffer of four numbers that no other has.
    fn buffer(&mut self, number: u32) -> u32 {
        let numbers = [number as f32, 1.0, 2.0, 3.0];
        self.buffers
            .push(numbers.into_iter().flat_map(f32::to_le_bytes).collect());
        self.buffers.len() as u32
    }
}

impl Graph {
    fn tensor_of(&mut self, dtype: i8, shape: &[i32], buffer: u32) -> i32 {
        self.tensors.push(Tensor {
            name: format!("t{}", self.tensors.len()),
            shape: shape.to_vec(),
            dtype,
            buffer,
            ..Tensor::default()
        });
        self.tensors.len() as i32 - 1
    }

    /// Four floats.
    fn tensor(&mut self) -> i32 {
        self.tensor_of(FLOAT32, &[1, 4], 0)
    }

    fn input(&mut self) -> i32 {
        let id = self.tensor();
        self.inputs.push(id);
        id
    }

    fn operator(&mut self, code: i32, inputs: &[i32], outputs: &[i32], options: Options) {
        self.operators.push(Operator {
            code,
            inputs: inputs.to_vec(),
            outputs: outputs.to_vec(),
            options,
            ..Operator::default()
        });
    }

    /// An operator without options, and its output.
    fn apply(&mut self, code: i32, inputs: &[i32]) -> i32 {
        let output = self.tensor();
        self.operator(code, inputs, &[output], Options::None);
        output
    }

    /// All of these, one behind the other.
    fn concatenate(&mut self, inputs: &[i32]) -> i32 {
        let output = self.tensor_of(FLOAT32, &[1, 4 * inputs.len() as i32], 0);
        let axis = Options::Numbers(10, vec![1]);
        self.operator(CONCATENATION, inputs, &[output], axis);
        output
    }

    fn chain(&mut self, code: i32, n: usize) -> i32 {
        let input = self.input();
        (0..n).fold(input, |x, _| self.apply(code, &[x]))
    }
}
