//! What TensorFlow Lite Micro (TFLM) has and does: its operators, and the arena it needs.

pub mod accepts;
#[cfg(feature = "text")]
pub mod arena;
#[cfg(feature = "text")]
pub mod direct;
mod kernels;
pub mod ops;
#[cfg(feature = "text")]
mod registrations;
pub mod revision;
mod sizes;
#[cfg(feature = "text")]
pub mod sources;
mod subgraphs;

use std::collections::BTreeSet;
use std::fmt;

use crate::graph::{BuiltinOperator, Model, OpKind};

pub(crate) use accepts::IN_FLOAT32;
pub use accepts::{Verdict, computes, differs, lacking, takes, verdict, verdict_of_calls};
pub use kernels::Kernels;
pub use ops::OPS;
pub use revision::TFLM_REVISION;

/// One operator TFLM can register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TflmOp {
    /// Name of the resolver's method without its `Add`: `Conv2D` stands for `AddConv2D()`.
    pub method: &'static str,
    /// What a model calls it.
    pub kernel: TflmKernel,
}

/// What a model calls an operator of TFLM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TflmKernel {
    /// An operator of the schema.
    Builtin(BuiltinOperator),
    /// A custom operator TFLM ships, by the name models give it.
    Custom(&'static str),
}

/// How many of TFLM's operators a model's subgraphs use: what its resolver registers.
pub fn count(model: &Model) -> usize {
    let operators = model.graphs.iter().flat_map(|graph| &graph.operators);
    let methods = operators.filter_map(|o| Some(TflmOp::for_kind(&o.kind)?.method));
    methods.collect::<BTreeSet<_>>().len()
}

impl TflmOp {
    /// TFLM's operator for a model's; `None` when TFLM has none.
    pub fn for_kind(kind: &OpKind) -> Option<&'static Self> {
        OPS.iter().find(|op| match (op.kernel, kind) {
            (TflmKernel::Builtin(ours), OpKind::Builtin(theirs)) => ours == *theirs,
            (TflmKernel::Custom(ours), OpKind::Custom(theirs)) => ours == theirs,
            _ => false,
        })
    }

    /// The operator a user names: a method (`Conv2D`, `AddConv2D`) or a model's name for it
    /// (`CONV_2D`). A method wins, so `Add` is ADD and not an empty name.
    pub fn for_name(name: &str) -> Option<&'static Self> {
        let by_method = |m: &str| OPS.iter().find(|op| op.method == m);
        by_method(name)
            .or_else(|| name.strip_prefix("Add").and_then(by_method))
            .or_else(|| OPS.iter().find(|op| op.kernel.name() == name))
    }

    /// Up to three operators whose name is close to one nobody has, the closest first.
    #[cfg(feature = "text")]
    pub fn suggestions(name: &str) -> Vec<&'static str> {
        // Closeness should not depend on which of the two spellings the user had in mind.
        let wanted = folded(
            name.strip_prefix("Add")
                .filter(|s| !s.is_empty())
                .unwrap_or(name),
        );
        let mut scored: Vec<(f64, &str)> = OPS
            .iter()
            .map(|op| {
                let method = strsim::jaro_winkler(&wanted, &folded(op.method));
                let model = strsim::jaro_winkler(&wanted, &folded(op.kernel.name()));
                (method.max(model), op.method)
            })
            .filter(|(score, _)| *score >= 0.8)
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        scored
            .into_iter()
            .take(3)
            .map(|(_, method)| method)
            .collect()
    }
}

#[cfg(feature = "text")]
fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| *c != '_')
        .flat_map(char::to_lowercase)
        .collect()
}

impl TflmKernel {
    /// The schema's name, or the custom operator's own.
    pub fn name(self) -> &'static str {
        match self {
            Self::Builtin(op) => op.name(),
            Self::Custom(name) => name,
        }
    }
}

impl fmt::Display for TflmOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Add{}", self.method)
    }
}
