//! The data of a report: its JSON is all that any form of it is made from.

mod model;

use serde::Serialize;

#[cfg(feature = "schema")]
use schemars::JsonSchema;

pub use model::*;

/// The version of this form. Keys may be added within a version.
pub const VERSION: u32 = 1;

/// What there is to see of some models.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Report {
    /// The version of the form: 1.
    pub report: u32,
    /// The castiron that made it.
    pub castiron: &'static str,
    /// The instructions that kernels use, as `--isa` names them; none where models differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isa: Option<&'static str>,
    /// What kernels are chosen for, as `--optimize` names it; none where models differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimize: Option<&'static str>,
    /// The processor that sizes, and the first estimate of each model's runs, are of where neither a board nor `--isa` names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supposed: Option<&'static str>,
    /// The board that the models are to fit on, if all have the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub board: Option<Board>,
    /// The boards that models are to fit on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub boards: Vec<Board>,
    /// Of a folder that an AutoML run of Kenning left: what it says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// The models, the best that fits first.
    pub models: Vec<Model>,
    /// The best, and why; none for a single model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<Choice>,
    /// The same model twice, in float32 and in integers.
    pub pairs: Vec<Pair>,
    /// Files that could not be read, and what is doubtful about others.
    pub problems: Vec<Problem>,
}

/// A board, and what is on it besides a model.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Board {
    /// The name of Zephyr's board target.
    pub name: String,
    /// The processor's compatible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Flash in bytes; none where it runs from RAM.
    pub flash_bytes: Option<u64>,
    /// RAM in bytes.
    pub ram_bytes: Option<u64>,
    /// The processor's clock in Hz, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_hz: Option<u64>,
    /// Who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_source: Option<&'static str>,
    /// Where the sizes come from.
    pub source: String,
    /// Flash of everything but the model and its engine.
    pub application_flash_bytes: u64,
    /// RAM of everything but the model.
    pub application_ram_bytes: u64,
}

/// An AutoML run of Kenning.
#[derive(Debug, Clone, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Run {
    /// What its statistics say in general, by name.
    pub facts: Vec<Fact>,
    /// The metric that it optimised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
}

/// A fact with its name.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The best of several models.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Choice {
    /// Its position among the models; none where none fits.
    pub model: Option<usize>,
    /// Why it is the best, or why there is none.
    pub reason: String,
}

/// The same model in float32 and in integers.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Pair {
    /// Position of the one in float32.
    pub float: usize,
    /// Position of the other.
    pub integer: usize,
    /// What says that they are the same: `names` or `shapes`.
    pub by: &'static str,
    /// How their outputs differ, if there were inputs to run both with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differences: Option<Differences>,
    /// Why they could not be run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// How outputs of two models differ.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Differences {
    /// How many inputs both were run with.
    pub cases: usize,
    /// Where the inputs are from.
    pub source: String,
    /// By output.
    pub outputs: Vec<Difference>,
}

/// How values of an output differ, as real numbers.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Difference {
    /// The output's name.
    pub name: String,
    /// The greatest difference.
    pub greatest: f64,
    /// The mean of all differences.
    pub mean: f64,
    /// The range of the values that it is compared with.
    pub range: f64,
    /// In how many cases the greatest value is at the same place; none where there is one value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_greatest: Option<usize>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Problem {
    /// Where: file, line, subgraph, operator, tensor, as far as known.
    pub place: String,
    /// What, in a sentence.
    pub message: String,
    /// What is right there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Of some boards, the one that a model is to fit on.
pub(crate) fn board_of<'b>(boards: &'b [Board], model: &Model) -> Option<&'b Board> {
    let name = model.board.as_ref()?;
    boards.iter().find(|board| board.name == *name)
}

impl Report {
    /// The board that a model is to fit on.
    #[must_use]
    pub fn board_of(&self, model: &Model) -> Option<&Board> {
        board_of(&self.boards, model)
    }

    /// The JSON schema of a report.
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn schema() -> serde_json::Value {
        schema::<Self>("castiron report")
    }
}

/// The JSON schema of a type.
#[cfg(feature = "schema")]
pub(crate) fn schema<T: JsonSchema>(title: &str) -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}
