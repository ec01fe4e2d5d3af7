//! TRANSPOSE, an operator, and TRANSPOSE to the order before: one model for each operator that computes as well in the other order.

use castiron_codegen::exec::Machine;
use castiron_codegen::graph::BuiltinOperator as Op;
use castiron_codegen::passes::{Pass, Passes};
use castiron_codegen::program::{Program, calls};
use castiron_codegen::target::Optimize;
use castiron_test_tools::file::Options;
use proptest::prelude::*;

use crate::small_models::{FLOAT32, INT8, INT32, Small, compiled, scale};

/// What is between.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Between {
    Relu,
    AddConstant,
    Pad,
    Slice,
    StridedSlice,
    Split,
    SplitV,
    Reverse,
    Cumsum,
    Gather,
    Tile,
    Concatenation,
    Mean,
    ArgMax,
    Flatten,
    Product,
    Convolution,
    Pooling,
}

use Between as B;

const ALL: [Between; 18] = [
    B::Relu,
    B::AddConstant,
    B::Pad,
    B::Slice,
    B::StridedSlice,
    B::Split,
    B::SplitV,
    B::Reverse,
    B::Cumsum,
    B::Gather,
    B::Tile,
    B::Concatenation,
    B::Mean,
    B::ArgMax,
    B::Flatten,
    B::Product,
    B::Convolution,
    B::Pooling,
];

/// Sizes before and after an order.
fn permuted(shape: &[i32], order: &[usize]) -> Vec<i32> {
    order.iter().map(|axis| shape[*axis]).collect()
}

struct Sandwich {
    small: Small,
    dtype: i8,
}

impl Sandwich {
    fn list(&mut self, shape: &[i32], values: &[i32]) -> i32 {
        let bytes = values.iter().flat_map(|n| n.to_le_bytes()).collect();
        self.small.constant(INT32, shape, bytes)
    }

    fn numbers(&mut self, shape: &[i32]) -> i32 {
        let count: i32 = shape.iter().product();
        let value = |i: i32| (i * 37 + 11) % 29 - 14;
        let bytes = match self.dtype {
            INT8 => (0..count).map(|i| value(i) as u8).collect(),
            _ => (0..count)
                .flat_map(|i| (value(i) as f32 / 8.0).to_le_bytes())
                .collect(),
        };
        self.small.constant(self.dtype, shape, bytes)
    }

    fn transpose(&mut self, x: i32, shape: &[i32], order: &[usize]) -> (i32, Vec<i32>) {
        let to = permuted(shape, order);
        let order: Vec<i32> = order.iter().map(|axis| *axis as i32).collect();
        let order = self.list(&[order.len() as i32], &order);
        let y = self.small.tensor(self.dtype, &to);
        (
            self.small
                .builtin(Op::Transpose, &[x, order], y, Options::None),
            to,
        )
    }

    /// The operator, with the shape of what it gives.
    fn between(&mut self, between: Between, x: i32, shape: &[i32], axis: usize) -> (i32, Vec<i32>) {
        let rank = shape.len() as i32;
        let mut to = shape.to_vec();
        let named = axis as i32 - rank;
        let (op, inputs, options) = match between {
            B::Relu => (Op::Relu, vec![x], Options::None),
            B::AddConstant => {
                let other = self.numbers(&shape[axis..]);
                (Op::Add, vec![x, other], Options::Numbers(11, vec![0, 0]))
            }
            B::Pad => {
                let rows: Vec<i32> = (0..2 * rank).map(|i| (i * 5 + axis as i32) % 3).collect();
                to.iter_mut()
                    .zip(rows.chunks(2))
                    .for_each(|(n, row)| *n += row[0] + row[1]);
                let rows = self.list(&[rank, 2], &rows);
                (Op::Pad, vec![x, rows], Options::None)
            }
            B::Slice => {
                to[axis] -= 1;
                let first: Vec<i32> = (0..rank).map(|at| i32::from(at == axis as i32)).collect();
                let [first, count] = [first, to.clone()].map(|list| self.list(&[rank], &list));
                (Op::Slice, vec![x, first, count], Options::None)
            }
            B::StridedSlice => {
                to[axis] = (to[axis] + 1) / 2;
                let steps: Vec<i32> = (0..rank)
                    .map(|at| 1 + i32::from(at == axis as i32))
                    .collect();
                let last = vec![0; rank as usize];
                let lists = [last, shape.to_vec(), steps].map(|list| self.list(&[rank], &list));
                let masks = vec![1 << axis, 1 << (rank - 1), 0, 0, 0];
                let inputs = [&[x], &lists[..]].concat();
                (Op::StridedSlice, inputs, Options::Numbers(32, masks))
            }
            B::Split | B::SplitV => {
                let named = self.list(&[], &[named]);
                let sizes = match between {
                    B::SplitV => vec![1, shape[axis] - 1],
                    _ => vec![1; shape[axis] as usize],
                };
                let outputs = sizes.iter().map(|size| {
                    to[axis] = *size;
                    self.small.tensor(self.dtype, &to)
                });
                let outputs: Vec<i32> = outputs.collect();
                let count = outputs.len() as i32;
                let (op, tag, inputs) = match between {
                    B::SplitV => {
                        let sizes = self.list(&[count], &sizes);
                        (Op::SplitV, 79, vec![x, sizes, named])
                    }
                    _ => (Op::Split, 35, vec![named, x]),
                };
                let options = Options::Numbers(tag, vec![count]);
                self.small.builtin(op, &inputs, outputs[1], options);
                let last = self.small.graph.operators.last_mut().expect("it was added");
                last.outputs = outputs.clone();
                return (outputs[1], to);
            }
            B::Reverse => {
                let named = self.list(&[1], &[named]);
                (Op::ReverseV2, vec![x, named], Options::None)
            }
            B::Cumsum => {
                let named = self.list(&[], &[named]);
                (
                    Op::Cumsum,
                    vec![x, named],
                    Options::Numbers(102, vec![0, 1]),
                )
            }
            B::Gather => {
                to[axis] = 3;
                let places = self.list(&[3], &[shape[axis] - 1, 0, 1]);
                let options = Options::Numbers(23, vec![named, 0]);
                (Op::Gather, vec![x, places], options)
            }
            B::Tile => {
                let times: Vec<i32> = (0..rank)
                    .map(|at| 1 + i32::from(at == axis as i32))
                    .collect();
                to[axis] *= 2;
                let times = self.list(&[rank], &times);
                (Op::Tile, vec![x, times], Options::None)
            }
            B::Concatenation => {
                let other = self.numbers(shape);
                to[axis] *= 2;
                let options = Options::Numbers(10, vec![named, 0]);
                (Op::Concatenation, vec![x, other], options)
            }
            B::Mean => {
                to[axis] = 1;
                let axes = self.list(&[1], &[named]);
                (Op::Mean, vec![x, axes], Options::Numbers(27, vec![1]))
            }
            B::ArgMax => {
                to.remove(axis);
                let axis = self.list(&[], &[named]);
                let y = self.small.tensor(INT32, &to);
                let options = Options::Numbers(40, vec![2]);
                return (self.small.builtin(Op::ArgMax, &[x, axis], y, options), to);
            }
            B::Flatten | B::Product => {
                let count: i32 = shape[1..].iter().product();
                let mut x = x;
                if between == B::Flatten {
                    let flat = [shape[0], count];
                    let sizes = self.list(&[2], &flat);
                    let y = self.small.tensor(self.dtype, &flat);
                    x = self
                        .small
                        .builtin(Op::Reshape, &[x, sizes], y, Options::None);
                }
                let weights = self.numbers(&[3, count]);
                let y = self.small.tensor(self.dtype, &[shape[0], 3]);
                let options = Options::Numbers(8, vec![0; 5]);
                let ids = [x, weights, -1];
                return (
                    self.small.builtin(Op::FullyConnected, &ids, y, options),
                    vec![shape[0], 3],
                );
            }
            B::Convolution => {
                let channels = shape[3];
                let weights = self.numbers(&[3, 2, 3, channels]);
                // Zero points of weights are 0, and so is the bias.
                let bias = self.small.constant(INT32, &[3], vec![0; 12]);
                let product = scale(0.0625 * 0.0625);
                self.small.graph.tensors[bias as usize].quantization = Some(product);
                to = vec![shape[0], (shape[1] + 1) / 2, shape[2], 3];
                // Valid padding would not do for one row.
                let options = Options::Numbers(1, vec![0, 1, 2, 0, 1, 1]);
                (Op::Conv2d, vec![x, weights, bias], options)
            }
            B::Pooling => {
                to[2] = (to[2] + 1) / 2;
                let options = Options::Numbers(5, vec![0, 2, 1, 3, 2, 0]);
                (Op::MaxPool2d, vec![x], options)
            }
        };
        let y = self.small.tensor(self.dtype, &to);
        (self.small.builtin(op, &inputs, y, options), to)
    }
}

/// The output of some run.
fn output(program: &Program) -> Vec<u8> {
    let mut machine = Machine::new(program, &program.entries[0]);
    let operand = &program.entries[0].inputs[0].operand;
    let value = |i: usize| (i * 53 + 7) % 251;
    let bytes: Vec<u8> = match operand.element.bytes() {
        1 => (0..operand.len).map(|i| value(i) as u8).collect(),
        _ => (0..operand.len)
            .flat_map(|i| (value(i) as f32 / 64.0).to_le_bytes())
            .collect(),
    };
    machine.set_input(0, &bytes).expect("an input");
    machine.run().expect("it runs");
    machine.output(0).expect("an output").to_vec()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().map(|word| f32::from_le_bytes(*word)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn transposes_leave_around_every_operator(
        at in 0..ALL.len(),
        is_float in any::<bool>(),
        sizes in proptest::collection::vec(2i32..5, 4),
        axis in 0usize..4,
        order in Just(vec![0usize, 1, 2, 3]).prop_shuffle(),
        converted in any::<bool>(),
    ) {
        let between = ALL[at];
        let order = match between {
            // Rows stay rows.
            B::Flatten | B::Product => vec![0, 2, 3, 1],
            B::Convolution | B::Pooling => vec![0, 2, 1, 3],
            _ if converted => vec![0, 2, 3, 1],
            _ => order,
        };
        // Windows of floats, whose sums have a sequence, stay.
        let is_window = matches!(between, B::Convolution | B::Pooling);
        let dtype = if is_float && !is_window { FLOAT32 } else { INT8 };
        let mut sandwich = Sandwich { small: Small::default(), dtype };
        let x = sandwich.small.input(dtype, &sizes);
        let (turned, shape) = sandwich.transpose(x, &sizes, &order);
        let (mut y, to) = sandwich.between(between, turned, &shape, axis);
        if to.len() == 4 {
            let mut back = vec![0; 4];
            order.iter().enumerate().for_each(|(to, from)| back[*from] = to);
            y = sandwich.transpose(y, &to, &back).0;
        }
        let model = sandwich.small.read(&[y]);
        let [with, without] = [Passes::NONE, Pass::CancelTransposes.into()]
            .map(|without| compiled(&model, without, Optimize::Balanced));
        let [found, expected] = [&with, &without].map(output);
        match between {
            B::Flatten | B::Product if dtype == FLOAT32 => {
                for (found, expected) in floats(&found).into_iter().zip(floats(&expected)) {
                    prop_assert!((found - expected).abs() <= 1e-5 * expected.abs().max(1.0));
                }
            }
            _ => prop_assert_eq!(found, expected),
        }
        // Of positions without their dimension, the order may be another one.
        let left = calls(&with.entries[0].steps);
        let left = left.iter().filter(|call| call.origin.name == "TRANSPOSE").count();
        prop_assert!(left == 0 || between == B::ArgMax, "{between:?}: {left} of {order:?}");
    }
}
