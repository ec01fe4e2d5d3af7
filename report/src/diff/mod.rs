//! What changed between two models, or two builds of one.
//!
//! Both sides are the JSON of a report, of which `read` takes what is compared: so a model can be compared with a report
//! that another castiron wrote.

mod align;
mod figures;
mod limits;
mod markdown;
mod operators;
mod parts;
mod read;

use serde::Serialize;

#[cfg(feature = "schema")]
use schemars::JsonSchema;

pub use limits::Limit;
pub use markdown::markdown;
pub use parts::{Part, parts};
pub use read::Side;

use figures::Figures;
use read::Seen;

/// The version of this form. Keys may be added within a version.
pub const VERSION: u32 = 1;

/// What changed.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Diff {
    /// The version of the form: 1.
    pub diff: u32,
    /// The castiron that compared.
    pub castiron: &'static str,
    /// What it was.
    pub old: Build,
    /// What it is now.
    pub new: Build,
    /// Models that both have: by their names, or the only one of both.
    pub models: Vec<ModelDiff>,
    /// Models that only the old one has.
    pub removed: Vec<String>,
    /// Their figures.
    #[serde(skip)]
    lost: Vec<(String, Vec<Figure>)>,
    /// Models that only the new one has.
    pub added: Vec<String>,
    /// Figures that grew by more than they may.
    pub breaches: Vec<Breach>,
}

/// Where one side comes from.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Build {
    /// The model, or the report.
    pub file: String,
    /// The castiron that looked at it.
    pub castiron: String,
    /// The instructions that kernels use.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub isa: String,
    /// What kernels are chosen for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub optimize: String,
    /// The board that models are to fit on; of several, their names with commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub board: String,
    /// The board's clock in Hz.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_hz: Option<u64>,
}

/// What changed of a model.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct ModelDiff {
    /// Its name.
    pub old: String,
    /// Its name now.
    pub new: String,
    /// Whether both are the same file to the byte; none where that is not known.
    pub same_file: Option<bool>,
    /// Every figure that is known of one of them.
    pub figures: Vec<Figure>,
    /// What else changed of the model as a whole.
    pub facts: Vec<Changed>,
    /// Subgraph by subgraph.
    pub subgraphs: Vec<SubgraphDiff>,
}

/// A figure of both.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Figure {
    /// Its name, which limits use, too.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// What it counts: `bytes`, or nothing that has a unit.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub unit: &'static str,
    /// What it was; `null` where that is not known.
    pub old: Option<serde_json::Number>,
    /// What it is.
    pub new: Option<serde_json::Number>,
}

/// Something that is another thing now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Changed {
    /// What.
    pub what: String,
    /// What it was; `null` where there was none.
    pub old: Option<Told>,
    /// What it is; `null` where there is none.
    pub new: Option<Told>,
}

/// A number, or a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(untagged)]
pub enum Told {
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
}

/// What changed of a subgraph.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct SubgraphDiff {
    /// Its index.
    pub index: usize,
    /// Inputs and outputs that changed.
    pub ports: Vec<PortDiff>,
    /// Operators that are new, gone or changed, in the order of both.
    pub operators: Vec<OperatorDiff>,
    /// How many operators did not change.
    pub same_operators: usize,
}

/// What changed of an input or output.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct PortDiff {
    /// `input` or `output`.
    pub role: &'static str,
    /// Its position.
    pub index: usize,
    /// What changed.
    pub changes: Vec<Changed>,
}

/// An operator that is new, gone or changed.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct OperatorDiff {
    /// Its index in the old subgraph; `null` if it is new.
    pub old: Option<usize>,
    /// Its index in the new one; `null` if it is gone.
    pub new: Option<usize>,
    /// What it computes.
    pub name: String,
    /// Shape and type of its first output, of what is there now if both have it.
    pub output: String,
    /// What changed, if both have it.
    pub changes: Vec<Changed>,
}

/// A figure that grew by more than it may.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Breach {
    /// The model.
    pub model: String,
    /// The figure's name.
    pub figure: &'static str,
    /// What it was.
    pub old: serde_json::Number,
    /// What it is; `null` where it is no longer known.
    pub new: Option<serde_json::Number>,
    /// The limit, as it was given.
    pub limit: String,
}

impl Diff {
    /// Compares two sides.
    #[must_use]
    pub fn new(old: &Side, new: &Side) -> Self {
        let (before, after) = (&old.seen, &new.seen);
        let mut diff = Self {
            diff: VERSION,
            castiron: env!("CARGO_PKG_VERSION"),
            old: old.build(),
            new: new.build(),
            models: Vec::new(),
            removed: Vec::new(),
            lost: Vec::new(),
            added: Vec::new(),
            breaches: Vec::new(),
        };
        if let ([old], [new]) = (&before.models[..], &after.models[..]) {
            diff.models.push(ModelDiff::new(old, new));
            return diff;
        }
        let named = |seen: &Seen, name: &str| seen.models.iter().position(|m| m.name == name);
        for model in &after.models {
            match named(before, &model.name) {
                Some(at) => diff.models.push(ModelDiff::new(&before.models[at], model)),
                None => diff.added.push(model.name.clone()),
            }
        }
        let gone = before.models.iter();
        let gone = gone.filter(|model| named(after, &model.name).is_none());
        for model in gone {
            let figures = figures::compare(&model.figures, &Figures::default());
            diff.lost.push((model.name.clone(), figures));
            diff.removed.push(model.name.clone());
        }
        diff
    }

    /// The JSON schema of a comparison.
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn schema() -> serde_json::Value {
        crate::data::schema::<Self>("castiron diff")
    }
}

impl ModelDiff {
    fn new(old: &read::Model, new: &read::Model) -> Self {
        let count = old.subgraphs.len().max(new.subgraphs.len());
        // One that the other lacks is compared with an empty one.
        let none = read::Subgraph::default();
        let subgraphs = (0..count).map(|index| {
            let [old, new] = [old, new].map(|model| model.subgraphs.get(index).unwrap_or(&none));
            operators::compare(index, old, new)
        });
        Self {
            old: old.name.clone(),
            new: new.name.clone(),
            same_file: old
                .sha256
                .as_ref()
                .zip(new.sha256.as_ref())
                .map(|(a, b)| a == b),
            figures: figures::compare(&old.figures, &new.figures),
            facts: facts(old, new),
            subgraphs: subgraphs.collect(),
        }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.facts.is_empty()
            && self.figures.iter().all(|figure| figure.old == figure.new)
            && (self.subgraphs.iter()).all(|s| s.ports.is_empty() && s.operators.is_empty())
    }
}

/// What changed of a model as a whole, except its figures.
fn facts(old: &read::Model, new: &read::Model) -> Vec<Changed> {
    let mut changes = Changes::default();
    let mut both = |what: &str, of: fn(&read::Model) -> Option<String>| {
        changes.add(what, of(old).map(Told::Text), of(new).map(Told::Text));
    };
    both("arithmetic", |model| model.arithmetic.clone());
    both("castiron's engine runs it", |model| {
        yes_or_no(model.compiled.ok)
    });
    both("TensorFlow Lite Micro runs it", |model| {
        yes_or_no(model.tflm.ok)
    });
    both("the arena is full at", read::Model::full_at);
    both("advice", |model| {
        let rules: Vec<&str> = model.advice.iter().map(|advice| &advice.rule[..]).collect();
        (!rules.is_empty()).then(|| rules.join(", "))
    });
    changes.0
}

fn yes_or_no(flag: Option<bool>) -> Option<String> {
    Some(if flag? { "yes" } else { "no" }.to_owned())
}

/// What is not the same on both sides.
#[derive(Default)]
struct Changes(Vec<Changed>);

impl Changes {
    fn add(&mut self, what: &str, old: Option<Told>, new: Option<Told>) {
        if old != new {
            let what = what.to_owned();
            self.0.push(Changed { what, old, new });
        }
    }
}
