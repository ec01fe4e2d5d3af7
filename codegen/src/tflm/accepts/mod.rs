//! What TFLM's kernels take, as a table with its revision.
//!
//! A kernel refuses what it does not take in Init, Prepare or Invoke, which is on the device; or it
//! computes something else without a word. Each row says what one kernel asks for, in the words of
//! `rule`; whoever makes something for TFLM asks [`verdict`] first.

/// The row of a kernel that computes what the model says wherever it does not refuse.
macro_rules! row {
    ($name:expr, $takes:expr $(,)?) => {
        Row {
            name: $name,
            takes: $takes,
            computes: &[],
        }
    };
}

mod arithmetic;
mod cmsis;
mod control;
mod convolution;
mod custom;
mod dense;
mod elementwise;
mod interpreter;
mod movement;
mod recurrent;
mod reduce;
mod remedy;
mod resize;
mod rule;
mod shapes;

#[cfg(feature = "text")]
use serde::Serialize;

use super::TflmOp;
use super::kernels::Kernels;
use super::subgraphs::{reached, unknown_types};
use crate::error::{Diagnostic, Error, Result};
use crate::graph::{Activation, DType, Graph, Model, OpKind, Site, TensorId};
pub(crate) use remedy::IN_FLOAT32;
use rule::{At, Broken, Rule, first_broken};

/// The most dimensions that TFLM's shapes hold.
const MOST_DIMENSIONS: usize = 6;

/// What one kernel takes.
pub struct Row {
    pub name: &'static str,
    /// It refuses what breaks one of these.
    takes: &'static [Rule],
    /// It computes something else where one of these is broken: the rule, and what it does.
    computes: &'static [(Rule, &'static str)],
}

/// The table, by families.
pub const FAMILIES: &[&[Row]] = &[
    elementwise::ROWS,
    arithmetic::ROWS,
    convolution::ROWS,
    dense::ROWS,
    movement::ROWS,
    shapes::ROWS,
    resize::ROWS,
    reduce::ROWS,
    recurrent::ROWS,
    control::ROWS,
    custom::ROWS,
];

/// Of the activations that a file can fuse into an operator, kernels know those that clamp, and compute without the others.
const CLAMPS: &[(Rule, &str)] = &[(
    Rule::Is("NONE, RELU, RELU6 or RELU_N1_TO_1", clamps),
    remedy::NO_CLAMP,
)];

fn clamps(site: &Site<'_>) -> std::result::Result<(), String> {
    let is_function = matches!(site.name(), "SVDF" | "UNIDIRECTIONAL_SEQUENCE_LSTM");
    match rule::activation(site) {
        fused @ (Activation::Tanh | Activation::SignBit) if !is_function => {
            Err(format!("{fused:?}"))
        }
        _ => Ok(()),
    }
}

/// What TFLM makes of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct Verdict {
    /// What its interpreter refuses: it cannot run the model.
    pub refused: Vec<Diagnostic>,
    /// Where it runs and computes something else than the model says.
    pub differs: Vec<Diagnostic>,
}

/// Who calls the kernels.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    Interpreter,
    Castiron,
}

/// Judges a model that TFLM's interpreter runs: operators that TFLM has a kernel for, in all
/// subgraphs, since it prepares all of them. What it has no kernel for is not judged; an application
/// may bring one.
pub fn verdict(model: &Model, kernels: Kernels) -> Verdict {
    let mut verdict = of_subgraphs(model, kernels, Caller::Interpreter, |_| true);
    verdict.refused.extend(handle(model));
    verdict.differs.extend(outside(model));
    verdict.differs.extend(sparse(model));
    verdict.finished(model)
}

/// Judges a model of whose kernels castiron's own code calls those that come to run.
pub fn verdict_of_calls(model: &Model, kernels: Kernels) -> Verdict {
    let reached = reached(model);
    let reached = |graph: usize| reached.get(graph) == Some(&true);
    let mut verdict = of_subgraphs(model, kernels, Caller::Castiron, reached);
    verdict.refused.extend(handle(model));
    verdict.finished(model)
}

/// Builtin operators that TFLM has no kernel for; nobody else has one for its interpreter either.
pub fn lacking(model: &Model) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (subgraph, graph) in model.graphs.iter().enumerate() {
        for (index, operator) in graph.operators.iter().enumerate() {
            let builtin = matches!(operator.kind, OpKind::Builtin(_));
            if builtin && TflmOp::for_kind(&operator.kind).is_none() {
                let d = Diagnostic::new("TFLM has no kernel for the operator")
                    .help(remedy::of_lack())
                    .in_subgraph(subgraph)
                    .at_operator(index, operator.kind.name());
                found.push(d);
            }
        }
    }
    found
}

/// Whether TFLM has a kernel that takes the operator and computes what the model says.
pub fn computes(graph: &Graph, operator: usize, kernels: Kernels) -> bool {
    let site = Site::new(graph, operator);
    takes(graph, operator, kernels)
        && of_operator(site, kernels, Caller::Interpreter)
            .differs
            .is_empty()
}

/// Whether TFLM has a kernel that takes the operator and computes something else.
pub fn differs(graph: &Graph, operator: usize, kernels: Kernels) -> bool {
    takes(graph, operator, kernels) && !computes(graph, operator, kernels)
}

/// Whether TFLM has a kernel that takes the operator from its interpreter.
pub fn takes(graph: &Graph, operator: usize, kernels: Kernels) -> bool {
    let site = Site::new(graph, operator);
    TflmOp::for_kind(&graph.operators[operator].kind).is_some()
        && of_operator(site, kernels, Caller::Interpreter)
            .refused
            .is_empty()
}

fn of_subgraphs(
    model: &Model,
    kernels: Kernels,
    caller: Caller,
    counts: impl Fn(usize) -> bool,
) -> Verdict {
    let mut verdict = Verdict::default();
    let graphs = model.graphs.iter().enumerate();
    for (subgraph, graph) in graphs.filter(|(subgraph, _)| counts(*subgraph)) {
        let unknown = unknown_types(graph).map(|d| d.in_subgraph(subgraph));
        verdict.refused.extend(unknown);
        for operator in 0..graph.operators.len() {
            let site = Site::new(graph, operator);
            let of = of_operator(site, kernels, caller);
            let placed = |d: Diagnostic| d.in_subgraph(subgraph).at_operator(operator, site.name());
            verdict.refused.extend(of.refused.into_iter().map(placed));
            verdict.differs.extend(of.differs.into_iter().map(placed));
        }
    }
    verdict
}

impl Verdict {
    /// With remedies for a model that castiron's own engine does not take.
    #[must_use]
    pub fn without_other_engine(mut self) -> Self {
        for diagnostic in self.refused.iter_mut().chain(&mut self.differs) {
            let help = diagnostic.help.as_deref();
            diagnostic.help = help.map(remedy::without_other_engine);
        }
        self
    }

    /// With the file's name.
    fn finished(mut self, model: &Model) -> Self {
        for list in [&mut self.refused, &mut self.differs] {
            for diagnostic in list {
                diagnostic
                    .place
                    .file
                    .get_or_insert_with(|| model.file.clone());
            }
        }
        self
    }

    /// An error where TFLM cannot run the model; else what the user should know.
    ///
    /// # Errors
    /// What the interpreter refuses.
    pub fn warnings(self) -> Result<Vec<Diagnostic>> {
        match Error::from_many(self.refused) {
            Some(error) => Err(error),
            None => Ok(self.differs),
        }
    }
}

/// An application has nothing to put into a handle, and nothing to read from one.
fn handle(model: &Model) -> Option<Diagnostic> {
    let graph = model.graphs.first()?;
    let ports = [("input", &graph.inputs), ("output", &graph.outputs)];
    let mut ports = ports
        .into_iter()
        .flat_map(|(port, ids)| ids.iter().map(move |id| (port, id)));
    let is_handle = |id: &TensorId| {
        let dtype = graph.tensor(*id).dtype;
        matches!(dtype, DType::Resource | DType::Variant | DType::String)
    };
    let (port, id) = ports.find(|(_, id)| is_handle(id))?;
    Some(
        Diagnostic::new(format!(
            "TFLM does not accept a handle as the model's {port}"
        ))
        .expected("tensors of values")
        .found(graph.tensor(*id).dtype)
        .help("keep the variable inside the model: export a function that creates it")
        .in_subgraph(0)
        .at_tensor(id.index(), &graph.tensor(*id).name),
    )
}

fn of_operator(site: Site<'_>, kernels: Kernels, caller: Caller) -> Verdict {
    let mut verdict = Verdict::default();
    let operator = site.operator;
    // There is nothing to judge; whether the operator may be so is the reader's business.
    if operator.inputs.is_empty() && operator.outputs.is_empty() {
        return verdict;
    }
    let mut rows = FAMILIES.iter().copied().flatten();
    let Some(row) = rows.find(|row| row.name == site.name()) else {
        return verdict;
    };
    let cmsis = match kernels {
        Kernels::CmsisNn => cmsis::takes(site.name()),
        Kernels::Reference => &[],
    };
    let (takes, computes) = match caller {
        Caller::Interpreter => (interpreter::TAKES, interpreter::COMPUTES),
        Caller::Castiron => (&[][..], &[][..]),
    };
    let refused = (too_many_dimensions(&site))
        .or_else(|| first_broken(row.takes, &site))
        .or_else(|| first_broken(cmsis, &site))
        .or_else(|| first_broken(takes, &site));
    if let Some(broken) = refused {
        verdict.refused.push(refusal(broken, &site));
        return verdict;
    }
    let mut all = row.computes.iter().chain(CLAMPS).chain(computes);
    let differs = all.find_map(|(rule, what)| {
        let broken = rule.broken(&site)?;
        Some(difference(broken, &site, what))
    });
    verdict.differs.extend(differs);
    verdict
}

fn too_many_dimensions(site: &Site<'_>) -> Option<Broken> {
    let operator = site.operator;
    let inputs = (0..operator.inputs.len()).map(At::In);
    let outputs = (0..operator.outputs.len()).map(At::Out);
    let mut all = inputs.chain(outputs);
    all.find_map(|at| Rule::Rank(at, 0, MOST_DIMENSIONS).broken(site))
}

fn refusal(broken: Broken, site: &Site<'_>) -> Diagnostic {
    let help = remedy::of_refusal(site, &broken);
    at_tensor(
        Diagnostic::new("TFLM's kernel refuses the operator"),
        broken,
        site,
    )
    .help(help)
}

fn difference(broken: Broken, site: &Site<'_>, what: &str) -> Diagnostic {
    at_tensor(
        Diagnostic::new(format!("TFLM computes something else: {what}")),
        broken,
        site,
    )
    .help(remedy::of_difference(what))
}

fn at_tensor(diagnostic: Diagnostic, broken: Broken, site: &Site<'_>) -> Diagnostic {
    let diagnostic = diagnostic.expected(broken.expected).found(broken.found);
    match broken.tensor {
        Some(id) => diagnostic.at_tensor(id.index(), &site.graph.tensor(id).name),
        None => diagnostic,
    }
}

/// TFLM looks for constants in the flatbuffer only, and takes a tensor without for one that is
/// computed; so it reads what the arena happens to hold.
pub(super) fn outside(model: &Model) -> Option<Diagnostic> {
    let diagnostic = Diagnostic::new(
        "TFLM does not find weights behind the flatbuffer, and computes with other bytes",
    )
    .expected("constants inside the flatbuffer")
    .found(match model.outside.len() {
        1 => "one behind it".to_owned(),
        all => format!("{all} behind it"),
    })
    .help("move them in: castiron align MODEL -o ALIGNED");
    at_first(model, &model.outside, diagnostic)
}

/// TFLM takes every constant for dense.
fn sparse(model: &Model) -> Option<Diagnostic> {
    let diagnostic = Diagnostic::new(
        "TFLM reads weights of a sparse format as if they were dense, and beyond their end",
    )
    .expected("dense weights")
    .found(match model.sparse.len() {
        1 => "a sparse tensor".to_owned(),
        all => format!("{all} sparse tensors"),
    })
    .help(remedy::of_sparse());
    at_first(model, &model.sparse, diagnostic)
}

/// A diagnostic at the first of some constants, and what reads it; `None` if there are none.
fn at_first(
    model: &Model,
    tensors: &[(usize, TensorId)],
    diagnostic: Diagnostic,
) -> Option<Diagnostic> {
    let (subgraph, id) = *tensors.first()?;
    let graph = model.graphs.get(subgraph)?;
    let reads = |inputs: &[Option<_>]| inputs.contains(&Some(id));
    let reader = graph.operators.iter().position(|o| reads(&o.inputs));
    let diagnostic = diagnostic
        .in_subgraph(subgraph)
        .at_tensor(id.index(), &graph.tensor(id).name);
    Some(match reader {
        Some(index) => diagnostic.at_operator(index, graph.operators[index].kind.name()),
        None => diagnostic,
    })
}
