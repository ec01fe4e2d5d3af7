//! TRANSPOSE, an operator, and TRANSPOSE to the order before: one model for each operator that computes as well in the other order.

use castiron_codegen::exec::Machine;
use castiron_codegen::graph::BuiltinOperator as Op;
use castiron_codegen::passes::{Pass, Passes};
use castiron_codegen::program::{Program, calls};
use castiron_codegen::target::Optimize;
use castiron_test_tools::file::Options;
use proptest::prelude::*;

use crate::small_models::{FLOAT32, INT8, INT16, INT32, INT64, Small, compiled, scale};

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
    Depthwise,
    MaxPooling,
    AveragePooling,
}

use Between as B;

const ALL: [Between; 20] = [
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
    B::Depthwise,
    B::MaxPooling,
    B::AveragePooling,
];

impl Between {
    fn has_windows(self) -> bool {
        let windows = [
            B::Convolution,
            B::Depthwise,
            B::MaxPooling,
            B::AveragePooling,
        ];
        windows.contains(&self)
    }

    fn has_weights(self) -> bool {
        use Between::{Convolution, Depthwise, Flatten, Product};
        matches!(self, Convolution | Depthwise | Flatten | Product)
    }
}

/// A window along a dimension.
struct Window {
    filter: i32,
    stride: i32,
    dilation: i32,
    output: i32,
}

impl Window {
    /// One of a size that fits, if none of it may lie beyond the borders.
    fn new(size: i32, filter: i32, stride: i32, dilation: i32, valid: bool) -> Self {
        let filter = match valid {
            true => filter.min((size - 1) / dilation + 1),
            false => filter,
        };
        let extent = (filter - 1) * dilation + 1;
        let output = match valid {
            true => (size - extent) / stride + 1,
            false => (size + stride - 1) / stride,
        };
        Self {
            filter,
            stride,
            dilation,
            output,
        }
    }
}

/// Sizes before and after an order.
fn permuted(shape: &[i32], order: &[usize]) -> Vec<i32> {
    order.iter().map(|axis| shape[*axis]).collect()
}

struct Sandwich {
    small: Small,
    dtype: i8,
    /// Whether windows lie within the image.
    valid: bool,
    /// The columns of a window of a product are so many apart.
    dilation: i32,
    /// Whether weights of floats are what DEQUANTIZE makes of bytes.
    dequantized: bool,
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
            INT16 => (0..count)
                .flat_map(|i| (97 * value(i) as i16).to_le_bytes())
                .collect(),
            _ => (0..count)
                .flat_map(|i| (value(i) as f32 / 8.0).to_le_bytes())
                .collect(),
        };
        self.small.constant(self.dtype, shape, bytes)
    }

    /// Weights for an input of this type: words are multiplied with bytes.
    fn weights(&mut self, shape: &[i32]) -> i32 {
        let own = self.dtype;
        if own == INT16 || self.dequantized {
            self.dtype = INT8;
        }
        let weights = self.numbers(shape);
        self.dtype = own;
        if own != FLOAT32 || !self.dequantized {
            return weights;
        }
        let y = self.small.tensor(FLOAT32, shape);
        self.small
            .builtin(Op::Dequantize, &[weights], y, Options::None)
    }

    /// No bias, but with the type that sums have.
    fn bias(&mut self, channels: i32) -> i32 {
        let (dtype, bytes) = match self.dtype {
            FLOAT32 => (FLOAT32, 4),
            INT16 => (INT64, 8),
            _ => (INT32, 4),
        };
        let bytes = vec![0; bytes * channels as usize];
        let bias = self.small.constant(dtype, &[channels], bytes);
        if dtype != FLOAT32 {
            self.small.graph.tensors[bias as usize].quantization = Some(scale(0.0625 * 0.0625));
        }
        bias
    }

    fn windows(&self, shape: &[i32], dilation: i32) -> [Window; 2] {
        [
            Window::new(shape[1], 3, 2, 1, self.valid),
            Window::new(shape[2], 2, 1, dilation, self.valid),
        ]
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
                let weights = self.weights(&[3, count]);
                let y = self.small.tensor(self.dtype, &[shape[0], 3]);
                let sums = if self.dtype == INT16 { INT64 } else { 0 };
                let options = Options::Numbers(8, vec![0, 0, 0, 0, sums.into()]);
                let ids = [x, weights, -1];
                return (
                    self.small.builtin(Op::FullyConnected, &ids, y, options),
                    vec![shape[0], 3],
                );
            }
            B::Convolution | B::Depthwise => {
                let channels = shape[3];
                let [rows, columns] = self.windows(shape, self.dilation);
                let taps = [rows.filter, columns.filter];
                let (outputs, filter) = match between {
                    B::Convolution => (3, [&[3], &taps[..], &[channels]].concat()),
                    _ => (2 * channels, [&[1], &taps[..], &[2 * channels]].concat()),
                };
                let weights = self.weights(&filter);
                let bias = self.bias(outputs);
                to = vec![shape[0], rows.output, columns.output, outputs];
                let mut numbers = vec![self.valid.into(), columns.stride, rows.stride];
                let (op, tag) = match between {
                    B::Convolution => {
                        let sums = if self.dtype == INT16 { INT64 } else { 0 };
                        numbers.extend([0, columns.dilation, rows.dilation, sums.into()]);
                        (Op::Conv2d, 1)
                    }
                    _ => {
                        numbers.extend([2, 0, columns.dilation, rows.dilation]);
                        (Op::DepthwiseConv2d, 2)
                    }
                };
                (op, vec![x, weights, bias], Options::Numbers(tag, numbers))
            }
            B::MaxPooling | B::AveragePooling => {
                let [rows, columns] = self.windows(shape, 1);
                to = vec![shape[0], rows.output, columns.output, shape[3]];
                let numbers = vec![
                    self.valid.into(),
                    columns.stride,
                    rows.stride,
                    columns.filter,
                    rows.filter,
                    0,
                ];
                let op = match between {
                    B::MaxPooling => Op::MaxPool2d,
                    _ => Op::AveragePool2d,
                };
                (op, vec![x], Options::Numbers(5, numbers))
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
        2 => (0..operand.len)
            .flat_map(|i| (value(i) as i16 * 131).to_le_bytes())
            .collect(),
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
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn transposes_leave_around_every_operator(
        at in 0..ALL.len(),
        dtype in prop_oneof![Just(FLOAT32), Just(INT8), Just(INT16)],
        sizes in proptest::collection::vec(2i32..5, 4),
        axis in 0usize..4,
        order in Just(vec![0usize, 1, 2, 3]).prop_shuffle(),
        converted in any::<bool>(),
        valid in any::<bool>(),
        dilation in 1i32..3,
        dequantized in any::<bool>(),
    ) {
        let between = ALL[at];
        let order = match between {
            // Rows stay rows.
            B::Flatten | B::Product => vec![0, 2, 3, 1],
            _ if between.has_windows() => vec![0, 2, 1, 3],
            _ if converted => vec![0, 2, 3, 1],
            _ => order,
        };
        // CUMSUM and ARG_MAX have no kernels for words.
        let dtype = match between {
            B::Cumsum | B::ArgMax if dtype == INT16 => INT8,
            _ => dtype,
        };
        let is_float = dtype == FLOAT32;
        let dequantized = dequantized && is_float && between.has_weights();
        let small = Small::default();
        let mut sandwich = Sandwich { small, dtype, valid, dilation, dequantized };
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
        // Windows of floats, whose sums have a sequence, stay; and bytes that floats are multiplied with keep their form.
        let stays = is_float && between.has_windows() || dequantized;
        match between {
            B::Flatten | B::Product if is_float => {
                for (found, expected) in floats(&found).into_iter().zip(floats(&expected)) {
                    prop_assert!((found - expected).abs() <= 1e-5 * expected.abs().max(1.0));
                }
            }
            _ => prop_assert_eq!(found, expected),
        }
        // Of positions without their dimension, the order may be another one.
        let left = calls(&with.entries[0].steps);
        let left = left.iter().filter(|call| call.origin.name == "TRANSPOSE").count();
        match between {
            B::ArgMax => {}
            // Of single pixels, the second moves nothing, and leaves by itself.
            _ if between.has_windows() && to[1] * to[2] == 1 => {}
            // One of the two may move nothing.
            _ if stays => prop_assert!(left > 0, "{between:?} of {order:?}"),
            _ => prop_assert_eq!(left, 0, "{:?} of {:?}", between, order),
        }
    }
}
