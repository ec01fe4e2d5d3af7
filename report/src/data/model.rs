//! One model of a report.

use std::collections::BTreeMap;

use serde::Serialize;

#[cfg(feature = "schema")]
use schemars::JsonSchema;

use super::{Difference, Problem};

/// One model.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Model {
    /// Its position among the models as they came.
    #[serde(skip)]
    pub position: usize,
    /// Its place in Kenning's order, if it has one.
    #[serde(skip)]
    pub rank: Option<usize>,
    /// Its path, as it was read.
    #[serde(skip)]
    pub file: String,
    /// The file, with as many of its folders as tell it from the others, or its name in `castiron.toml`; with the board, if it is held against several.
    pub name: String,
    /// The name of the board that it is to fit on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// Bytes of the file.
    pub file_bytes: usize,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// The writer's free text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// `float32`, `integer` or `hybrid`: what its weighted operators compute in; `none` where it has none.
    pub arithmetic: Arithmetic,
    /// Multiply-accumulates of every operator once.
    pub macs: u64,
    /// Operators whose multiply-accumulates are not known.
    pub operators_without_macs: usize,
    /// Bytes of constants in the file.
    pub constant_bytes: usize,
    /// Named entry points.
    pub signatures: Vec<Signature>,
    /// All subgraphs; the first is the one run by default.
    pub subgraphs: Vec<Subgraph>,
    /// What castiron's engine takes.
    pub compiled: Compiled,
    /// What a run is estimated to take: on the board's processor, or else on each that was measured.
    pub costs: Vec<RunCost>,
    /// What TensorFlow Lite Micro's interpreter takes.
    pub tflm: Tflm,
    /// Memory of the first subgraph over time.
    pub memory: Memory,
    /// What its author could change, and why.
    pub advice: Vec<Advice>,
    /// Whether it fits on the board; none without a board, and of a model that does not compile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
    /// How good its outputs are, where measurements beside the model say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// How long a run takes, where measurements beside the model say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// What a run was measured to take, where a file of measurements says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredRun>,
    /// Its outputs beside recorded ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Recorded>,
}

/// What weighted operators compute in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Arithmetic {
    /// Floats.
    Float32,
    /// Quantised integers.
    Integer,
    /// Floats, with weights that are integers.
    Hybrid,
    /// There are no weighted operators.
    None,
}

/// A named entry point.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Signature {
    /// Its key.
    pub name: String,
    /// The subgraph that it runs.
    pub subgraph: usize,
}

/// One subgraph.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Subgraph {
    /// The writer's name.
    pub name: String,
    /// Its inputs, as indices of tensors.
    pub inputs: Vec<usize>,
    /// Its outputs, likewise.
    pub outputs: Vec<usize>,
    /// The tensors that operators, inputs and outputs name; indices count from 0.
    pub tensors: Vec<Tensor>,
    /// The operators, in the file's order.
    pub operators: Vec<Operator>,
    /// What passes did to them in castiron's engine.
    pub passes: Vec<Change>,
}

/// A tensor.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Tensor {
    /// The writer's name.
    pub name: String,
    /// Name of the element type.
    #[serde(rename = "type")]
    pub dtype: &'static str,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// The shape with −1 for sizes that the converter did not know, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape_signature: Option<Vec<i32>>,
    /// Bytes in memory.
    pub bytes: usize,
    /// Whether its value is in the file.
    #[serde(skip_serializing_if = "is_false")]
    pub constant: bool,
    /// Of a value that is in the file, the first 16 digits of its SHA-256: it tells values apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Quantisation, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantization: Option<Quantization>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// real = scale × (stored − zero point)
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Quantization {
    /// The scale, of several the least.
    pub scale: f32,
    /// The greatest, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub greatest_scale: Option<f32>,
    /// How many scales there are.
    pub scales: usize,
    /// The zero point of the first.
    pub zero_point: i32,
}

/// One operator.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Operator {
    /// The schema's name, or the custom operator's.
    pub name: String,
    /// Inputs, as indices of tensors; `null` where an optional one is left out.
    pub inputs: Vec<Option<usize>>,
    /// Outputs, likewise.
    pub outputs: Vec<usize>,
    /// Its options by name, such as `stride`: `(2, 2)`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Multiply-accumulates; `null` where they are not known.
    pub macs: Option<u64>,
    /// Multiply-accumulates, or elementary operations of operators without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<u64>,
    /// Bytes of its constant inputs in the file.
    pub weight_bytes: usize,
    /// Bytes of its weights as they lie in flash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packed_bytes: Option<usize>,
    /// Bytes of its inputs and outputs that are not constant.
    pub activation_bytes: usize,
    /// Bytes of arena that are live while it runs; none where it does not run by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_bytes: Option<usize>,
    /// The later operator that is computed together with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined_into: Option<usize>,
    /// What it is estimated to take in each of the model's `costs`, in their order; `null` where it takes nothing by itself or is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub costs: Vec<Option<OperatorCost>>,
    /// Instructions that it was measured to take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured_instructions: Option<u64>,
    /// Cycles that it was measured to take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured_cycles: Option<u64>,
    /// castiron's kernels that compute it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kernels: Vec<String>,
    /// Whether castiron's engine can run it.
    pub compiled: bool,
    /// Whether TensorFlow Lite Micro has a kernel that takes it.
    pub tflm: bool,
}

/// What a pass did to some operators.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Change {
    /// The pass.
    pub pass: &'static str,
    /// The operators.
    pub operators: Vec<usize>,
    /// `folded`, `removed`, `joined`, `permuted`, `narrowed` or `inferred`.
    pub effect: &'static str,
    /// Of what is narrowed, the channels of its output: in the file, and those that are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<[usize; 2]>,
    /// Of what is narrowed, its multiply-accumulates: in the file, and those that are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macs: Option<[u64; 2]>,
}

/// What castiron's engine takes.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Compiled {
    /// Whether the model compiles.
    pub ok: bool,
    /// Bytes of arena and of what lasts from run to run.
    pub ram_bytes: Option<usize>,
    /// Bytes of the arena.
    pub arena_bytes: Option<usize>,
    /// Bytes of what lasts from run to run.
    pub state_bytes: Option<usize>,
    /// Bytes of inputs that the caller holds and hands over for each run: they are not in the arena.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_input_bytes: Option<usize>,
    /// Bytes of such outputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_output_bytes: Option<usize>,
    /// Multiply-accumulates of a run: of what passes leave of the model, and what a plan computes again.
    pub run_macs: Option<u64>,
    /// Bytes of packed weights in flash.
    pub weight_bytes: Option<usize>,
    /// Bytes of the code, estimated for Cortex-M.
    pub code_bytes: Option<u64>,
    /// How far such estimates are off on average, in percent.
    pub code_error_percent: Option<u64>,
    /// Why it does not compile.
    pub problems: Vec<Problem>,
    /// Every limit that it does not keep, of `castiron.toml` or options.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub beyond_limits: Vec<Problem>,
}

/// What a run is estimated to take on a processor.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct RunCost {
    /// The processor that kernels were measured on; none where none was that has these instructions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processor: Option<String>,
    /// The instructions that kernels use, as `--isa` names them.
    pub isa: &'static str,
    /// The mode of `--optimize` that this is an estimate for.
    pub optimize: &'static str,
    /// Instructions of a run; `null` where there is no estimate.
    pub instructions: Option<u64>,
    /// The median error of such estimates, in percent, of networks that they were not made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions_error_percent: Option<f64>,
    /// Cycles of a run, in memory without wait states; `null` where there is no estimate.
    pub cycles: Option<u64>,
    /// The same of cycles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycles_error_percent: Option<f64>,
    /// Where the cycles, and so the milliseconds, are those of another processor: what there is to say of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycles_note: Option<String>,
    /// Milliseconds of these cycles, three digits; `null` where no clock is known.
    pub milliseconds: Option<f64>,
    /// Why there is no estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What an operator is estimated to take.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct OperatorCost {
    /// Instructions.
    pub instructions: u64,
    /// Cycles, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycles: Option<u64>,
}

/// What TensorFlow Lite Micro's interpreter takes.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Tflm {
    /// Whether it has kernels for all operators, and they take them.
    pub ok: bool,
    /// The revision of tflite-micro that is spoken of.
    pub revision: &'static str,
    /// Bytes of its arena, with reference kernels on a Cortex-M4.
    pub arena_bytes: Option<usize>,
    /// Bytes of these that hold tensors.
    pub head_bytes: Option<usize>,
    /// Bytes of these that hold the interpreter's own data.
    pub tail_bytes: Option<usize>,
    /// What it refuses, or computes otherwise than the model says, or why its arena is not known.
    pub problems: Vec<Problem>,
}

/// Memory over time.
#[derive(Debug, Clone, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Memory {
    /// The file's operators, in the file's order, no output in the place of an input.
    pub before: Option<Plan>,
    /// As castiron's engine runs it.
    pub after: Option<Plan>,
}

/// Where tensors lie in the arena, and when.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Plan {
    /// Bytes of arena.
    pub peak_bytes: usize,
    /// The most bytes that are live at one step: no plan of this order is smaller.
    pub lower_bound_bytes: usize,
    /// The step at which the arena is full, as a position in `steps`.
    pub peak_step: usize,
    /// Step by step: the caller fills the inputs, operators run, the caller reads the outputs.
    pub steps: Vec<Step>,
    /// Runs of bytes with one lifetime each.
    pub buffers: Vec<Buffer>,
}

/// A step of a run.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Step {
    /// The operators that run, of several computed as one all; none at the first and the last step.
    pub operators: Vec<usize>,
    /// Bytes that are live.
    pub live_bytes: usize,
}

/// A run of bytes with one lifetime.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Buffer {
    /// Bytes from the start of the arena.
    pub offset: usize,
    /// Its size.
    pub bytes: usize,
    /// The first step at which it is needed.
    pub first: usize,
    /// The last.
    pub last: usize,
    /// The tensors that lie in it, one after the other; none for working memory.
    pub tensors: Vec<String>,
}

/// Something that the model's author could change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Advice {
    /// The rule, in a word.
    pub rule: &'static str,
    /// Why it matters.
    pub reason: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// Where, and what was found there.
    pub findings: Vec<Finding>,
}

/// What a rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Finding {
    /// The subgraph.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subgraph: Option<usize>,
    /// The operators, if it is about some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operators: Vec<usize>,
    /// What was found.
    pub finding: String,
}

/// Whether a model fits on the board.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Fit {
    /// Whether everything fits.
    pub fits: bool,
    /// Flash, if the board has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flash: Option<Room>,
    /// RAM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ram: Option<Room>,
    /// What takes the memory.
    pub items: Vec<Item>,
    /// Why it does not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A kind of memory.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Room {
    /// Bytes that the board has.
    pub has: u64,
    /// Bytes that are taken.
    pub takes: u64,
    /// What is left, or, if it is negative, what is missing.
    pub left: i64,
}

/// Something that takes memory.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Item {
    /// What it is.
    pub what: &'static str,
    /// Flash bytes.
    pub flash_bytes: u64,
    /// RAM bytes.
    pub ram_bytes: u64,
}

/// How good a model's outputs are.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Quality {
    /// What was measured.
    pub metric: String,
    /// Its value: more is better.
    pub value: f64,
    /// The file that says so.
    pub source: String,
}

/// How long a run takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Time {
    /// Seconds of a run, the median.
    pub seconds: f64,
    /// How many runs there were.
    pub runs: usize,
    /// The file that says so.
    pub source: String,
}

/// What a run was measured to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct MeasuredRun {
    /// Instructions of a run; none where only its operators were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<u64>,
    /// Cycles of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycles: Option<u64>,
    /// The file that says so.
    pub source: String,
}

/// A model's outputs beside recorded ones.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Recorded {
    /// How many cases there are.
    pub cases: usize,
    /// Differences of outputs, in their own units.
    pub outputs: Vec<Difference>,
}

impl Model {
    /// Whether it compiles to what is within its limits.
    #[must_use]
    pub fn keeps_limits(&self) -> bool {
        self.compiled.ok && self.compiled.beyond_limits.is_empty()
    }

    /// Why it is no candidate: that it `does not compile`, `is beyond a limit` or `does not fit`, and why.
    #[must_use]
    pub fn unfit(&self) -> Option<String> {
        if !self.compiled.ok {
            let first = self.compiled.problems.first();
            let why = first.map(|problem| format!(": {}", problem.message));
            return Some(format!("does not compile{}", why.unwrap_or_default()));
        }
        if let Some(first) = self.compiled.beyond_limits.first() {
            return Some(format!("is beyond a limit: {}", first.message));
        }
        let fit = self.fit.as_ref().filter(|fit| !fit.fits)?;
        let why = fit.reason.as_ref().map(|reason| format!(": {reason}"));
        Some(format!("does not fit{}", why.unwrap_or_default()))
    }
}

impl Compiled {
    /// RAM bytes with what the caller's buffers hold.
    #[must_use]
    pub fn all_ram_bytes(&self) -> Option<usize> {
        let held = [self.caller_input_bytes, self.caller_output_bytes];
        Some(self.ram_bytes? + held.into_iter().flatten().sum::<usize>())
    }

    /// Flash bytes of weights and code.
    #[must_use]
    pub fn flash_bytes(&self) -> Option<u64> {
        let weights = self.weight_bytes?;
        Some(weights as u64 + self.code_bytes?)
    }
}
