//! What castiron knows of each operator, one file per family.
//!
//! A family says what an operator does with memory ([`Family::memory`]) and which kernel calls
//! compute it ([`Family::lower`]). Adding an operator is a file here, a line in [`family`] and,
//! where no kernel fits, a kernel in the runtime. What it computes is in [`crate::work`].

mod binary;
mod blocks;
mod broadcast;
mod concatenation;
mod conv;
mod conv_int8;
mod convert;
mod convolution;
mod depthwise;
mod fully_connected;
mod mean;
mod pad;
mod pool;
mod quantize;
mod shape;
mod site;
mod softmax;
mod unary;
mod unsupported;
mod window;

pub(crate) use unsupported::unsupported;

use castiron_runtime::kernels;

use crate::error::Diagnostic;
use crate::graph::{BuiltinOperator, Graph, OpKind, Site};
use crate::lower::{ElementType, Lowering, Operand};
use crate::plan::{OpMemory, OutputMemory};
use crate::work;

/// One family of operators.
pub trait Family: Sync {
    /// What the operator does with memory. By default every output has memory of its own.
    fn memory(&self, site: &Site<'_>) -> OpMemory {
        separate(site)
    }

    /// Emits the kernel calls that compute the operator.
    ///
    /// # Errors
    /// If the operator's tensors or options are malformed or not supported.
    fn lower(&self, site: &Site<'_>, lowering: &mut Lowering<'_>) -> Result<(), Diagnostic>;
}

/// The family of an operator; `None` where castiron cannot compile it.
pub fn family(kind: &OpKind) -> Option<&'static dyn Family> {
    use BuiltinOperator as Op;
    let OpKind::Builtin(op) = kind else {
        return None;
    };
    Some(match op {
        Op::AveragePool2d => &pool::Pool2d::Average,
        Op::Concatenation => &concatenation::Concatenation,
        Op::Conv2d => &conv::Conv2d,
        Op::DepthwiseConv2d => &depthwise::DepthwiseConv2d,
        Op::FullyConnected => &fully_connected::FullyConnected,
        Op::MaxPool2d => &pool::Pool2d::Max,
        Op::Mean => &mean::Mean,
        Op::Pad | Op::Padv2 => &pad::Pad,
        Op::Reshape | Op::ExpandDims | Op::Squeeze => &shape::SameBytes,
        Op::Softmax => &softmax::Softmax,
        Op::Add => &binary::Binary(kernels::Arithmetic::Add),
        Op::Sub => &binary::Binary(kernels::Arithmetic::Sub),
        Op::Mul => &binary::Binary(kernels::Arithmetic::Mul),
        Op::Logistic => &unary::Logistic,
        Op::Tanh => &unary::Tanh,
        Op::Relu => &unary::Relu {
            min: 0.0,
            max: f32::INFINITY,
        },
        Op::Relu6 => &unary::Relu { min: 0.0, max: 6.0 },
        Op::ReluN1To1 => &unary::Relu {
            min: -1.0,
            max: 1.0,
        },
        Op::Relu0To1 => &unary::Relu { min: 0.0, max: 1.0 },
        Op::Quantize => &convert::Quantize,
        Op::Dequantize => &convert::Dequantize,
        _ => return None,
    })
}

/// Names of the operators that castiron compiles, in the order of their codes.
pub fn supported() -> impl Iterator<Item = BuiltinOperator> {
    BuiltinOperator::ALL
        .iter()
        .copied()
        .filter(|op| family(&OpKind::Builtin(*op)).is_some())
}

/// Multiply-accumulates of an operator of a graph; 0 where unknown.
pub fn macs(graph: &Graph, operator: usize) -> u64 {
    work::macs(graph, operator).unwrap_or(0)
}

/// What an operator of a graph does with memory.
pub fn memory(graph: &Graph, operator: usize) -> OpMemory {
    let site = Site::new(graph, operator);
    family(&site.operator.kind).map_or_else(|| separate(&site), |f| f.memory(&site))
}

/// Emits a copy of a constant into the arena, byte by byte.
pub(crate) fn copy_constant(lowering: &mut Lowering<'_>, from: Operand, to: Operand) {
    let bytes = |o: Operand| Operand {
        element: ElementType::U8,
        len: o.range().len(),
        ..o
    };
    lowering.call(kernels::CopyConstant, [bytes(from), bytes(to)]);
}

fn separate(site: &Site<'_>) -> OpMemory {
    OpMemory {
        outputs: vec![OutputMemory::Separate; site.operator.outputs.len()],
        scratch: Vec::new(),
    }
}

/// Memory of an operator whose one output may overwrite any of its activation inputs of the
/// same size.
fn in_place(site: &Site<'_>, inputs: usize) -> OpMemory {
    let mut memory = separate(site);
    if let [output] = &mut memory.outputs[..] {
        *output = OutputMemory::InPlace((0..inputs).collect());
    }
    memory
}
