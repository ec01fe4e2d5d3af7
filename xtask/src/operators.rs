//! Writes `docs/operators.md` from the code and from the models that are tested.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use castiron_codegen::graph::{BuiltinOperator, DType, Graph, OpKind, Operator, Tensor};
use castiron_codegen::tflm::{self, TflmKernel};
use castiron_codegen::{ops, tflite};

use crate::models::tflite_files;

/// Folders of models whose goldens `cargo test` compares.
const TESTED: [&str; 4] = [
    "examples/models",
    "tests/data/models",
    "tests/data/calls",
    "tests/data/ops",
];
const PAGE: &str = "docs/operators.md";

/// Types of an operator's tensors, as the page has them, by the operator's name, and the models that have them.
pub(crate) type Forms = BTreeMap<String, BTreeMap<String, Vec<Tested>>>;

/// A model whose goldens `cargo test` compares.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tested {
    /// How many operators it has.
    pub(crate) operators: usize,
    /// File name without extension.
    pub(crate) name: String,
    /// The .tflite file; its goldens are in `golden` beside it.
    pub(crate) path: PathBuf,
}

/// Writes the page.
///
/// # Errors
/// If a model or the page cannot be read or written.
pub(crate) fn update(root: &Path) -> Result<PathBuf> {
    let path = root.join(PAGE);
    std::fs::write(&path, page(root)?).with_context(|| path.display().to_string())?;
    Ok(path)
}

/// The page's text.
///
/// # Errors
/// If a model cannot be read.
pub(crate) fn page(root: &Path) -> Result<String> {
    Ok(render(&forms(root)?))
}

/// What is tested of each operator.
///
/// # Errors
/// If a model cannot be read.
pub(crate) fn forms(root: &Path) -> Result<Forms> {
    let mut forms = Forms::new();
    for folder in TESTED {
        let folder = root.join(folder);
        for (name, path) in tflite_files(&folder)? {
            if castiron_cases::find(&folder.join("golden"), &name).is_none() {
                continue;
            }
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            let model = tflite::read(&name, &bytes)?;
            let operators = model.graphs.iter().map(|graph| graph.operators.len()).sum();
            let tested = Tested {
                operators,
                name,
                path,
            };
            for graph in &model.graphs {
                for operator in &graph.operators {
                    let of_operator = forms.entry(operator.kind.name().to_owned()).or_default();
                    if let Some(form) = form(graph, operator) {
                        of_operator.entry(form).or_default().push(tested.clone());
                    }
                }
            }
        }
    }
    Ok(forms)
}

fn render(forms: &Forms) -> String {
    let supported: BTreeSet<BuiltinOperator> = ops::supported().collect();
    let mut names: Vec<&str> = supported.iter().map(|op| op.name()).collect();
    names.extend(ops::custom());
    names.sort_unstable();

    let mut text = INTRODUCTION.to_owned();
    text.push_str("| operator | types with a reference test |\n|---|---|\n");
    for name in names {
        let types = forms.get(name).map_or_else(
            || "none yet".to_owned(),
            |types| types.keys().cloned().collect::<Vec<_>>().join("; "),
        );
        let _ = writeln!(text, "| {name} | {types} |");
    }
    let mut others: Vec<_> = tflm::OPS
        .iter()
        .filter_map(|op| match op.kernel {
            TflmKernel::Builtin(op) if !supported.contains(&op) => Some(op.name()),
            _ => None,
        })
        .collect();
    others.sort_unstable();
    text.push_str(OTHERS);
    if others.is_empty() {
        text.push_str(NONE);
        return text;
    }
    text.push_str(THESE);
    let mut width = 0;
    for (at, name) in others.iter().enumerate() {
        let end = if at + 1 < others.len() { ", " } else { ".\n" };
        if width + name.len() > 110 {
            text.truncate(text.trim_end().len());
            text.push('\n');
            width = 0;
        }
        width += name.len() + end.len();
        text.push_str(name);
        text.push_str(end);
    }
    text
}

const OTHERS: &str = "
## Not compiled yet

castiron reads, inspects and plans models with any other operator, and writes resolvers for them, but cannot compile them.
";
const THESE: &str = "TensorFlow Lite Micro has kernels for these operators, and castiron does not:

";
const NONE: &str =
    "All builtin operators that TensorFlow Lite Micro has kernels for are in the table.\n";

const INTRODUCTION: &str = "# Operators

<!-- written by `cargo xtask operators --update-docs` -->

`include_model!`, `castiron run` and `castiron generate` compile the operators in this table. For each type listed,
`cargo test` compares a model in this repository with reference outputs. Other types may work; a type that does not is an
error that names the operator, its place and the types that it supports. `a → b` means input type `a` and output type
`b`. \"Per channel\", \"per tensor\" and \"per block\" describe the scales of the weights. RESHAPE, EXPAND_DIMS and SQUEEZE cost neither
code nor copies if their input and output can share bytes.

";

/// The types an operator is used with.
fn form(graph: &Graph, operator: &Operator) -> Option<String> {
    let tensor = |at: usize| Some(graph.tensor((*operator.inputs.get(at)?)?));
    let name = |t: &Tensor| t.dtype.name().to_lowercase();
    if matches!(operator.kind, OpKind::Builtin(_)) && operator.kind.has_effects() {
        return Some("every type that kernels support".to_owned());
    }
    if operator.kind.name() == "TFLM_DECODE" {
        return Some("constants".to_owned());
    }
    // The axis of SPLIT comes first, and so do other sizes and indices.
    let input = match operator.kind {
        OpKind::Builtin(
            BuiltinOperator::EmbeddingLookup | BuiltinOperator::Fill | BuiltinOperator::Split,
        ) => tensor(1)?,
        OpKind::Builtin(BuiltinOperator::TransposeConv) => tensor(2)?,
        _ => tensor(0)?,
    };
    let (x, y) = (name(input), name(graph.tensor(*operator.outputs.first()?)));
    let mut form = if x == y {
        x.clone()
    } else {
        format!("{x} → {y}")
    };

    let weighted = matches!(
        operator.kind,
        OpKind::Builtin(
            BuiltinOperator::Conv2d
                | BuiltinOperator::DepthwiseConv2d
                | BuiltinOperator::FullyConnected
                | BuiltinOperator::TransposeConv
        )
    );
    if let (true, Some(weights)) = (weighted, tensor(1)) {
        if name(weights) != x {
            let _ = write!(form, " with {} weights", name(weights));
        }
        let scales = weights.quantization.as_ref().map(|q| q.scale.len());
        let scales = match (scales, weights.blocks) {
            (_, Some(_)) => ", per block",
            (None | Some(0), None) => "",
            (Some(1), None) => ", per tensor",
            (Some(_), None) => ", per channel",
        };
        form.push_str(scales);
    }
    let hybrid = matches!(
        operator.kind,
        OpKind::Builtin(
            BuiltinOperator::BatchMatmul
                | BuiltinOperator::Svdf
                | BuiltinOperator::UnidirectionalSequenceLstm
        )
    );
    if let (true, DType::Float32, Some(weights)) = (hybrid, input.dtype, tensor(1))
        && weights.dtype == DType::Int8
    {
        let _ = write!(form, " with {} weights", name(weights));
    }
    Some(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_current() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let found = std::fs::read_to_string(root.join(PAGE)).unwrap();
        assert!(
            found == page(root).unwrap(),
            "run `cargo xtask operators --update-docs`"
        );
    }
}
