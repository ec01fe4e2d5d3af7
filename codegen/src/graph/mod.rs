//! The owned, typed model: what every stage after the reader works on.
//!
//! A [`Model`] holds one [`Graph`] per subgraph. Everything the reader could not prove is
//! already an error by the time a `Model` exists: indices are in range, operators are in
//! topological order, constants have as many bytes as their shape and type need.

pub mod flex;
pub mod half;
pub mod inference;
pub(crate) mod live;
pub mod model;
mod op;
pub mod operands;
mod options;
pub mod scales;
pub mod shapes;
mod site;
mod tensor;
pub mod variables;

pub use model::{Graph, Metadata, Model, Signature, SignaturePort};
pub(crate) use model::{callees_first, names_of_ports};
pub use op::{BuiltinOperator, OpKind, Operator, Part};
pub use options::{
    Activation, BatchMatmulOptions, BinaryOptions, Border, CallOnceOptions, ConcatenationOptions,
    Conv2dOptions, DepthwiseConv2dOptions, FullyConnectedOptions, IfOptions, OptionValue, Options,
    Padding, Patched, Pool2dOptions, ReducerOptions, ReshapeOptions, SequenceLstmOptions,
    SoftmaxOptions, SqueezeOptions, Streamed, TransposeConvOptions, VarHandleOptions,
    WeightsFormat, WhileOptions,
};
pub use site::Site;
pub use tensor::{Blocks, DType, Quantization, Tensor, TensorId};
