//! The vocabulary of compiled models: what a family of operators chooses, with symbols for its operands,
//! and what becomes of it once everything has an address.

pub mod choice;
mod constants;
pub mod custom;
#[expect(clippy::module_inception, reason = "the model of the module")]
pub mod program;
pub mod stream;
#[cfg(feature = "text")]
mod text;
pub mod trace;

pub use choice::{Action, Argument, Call, Choice, Choosing, Invocation, Place};
pub(crate) use choice::{Purpose, element};
pub use constants::Constant;
pub(crate) use constants::ConstantPool;
pub use custom::{CustomCall, CustomTensor, FirmwareOps, OpBuffer};
pub(crate) use program::misplaced;
pub use program::{
    CustomStep, ElementType, Entry, KernelCall, Memory, Operand, Origin, Port, Program, Routine,
    Step, WeightPart, calls, custom_calls, observations, streams,
};
pub use stream::{
    Again, InputRows, Moves, MovingCall, Rows, Stage, StageCall, StageKernel, StageStrips, Stream,
    StreamStep, Strip, Strips,
};
pub use trace::Observation;
