//! Writes `docs/operators.md` from the code and from the models that are tested.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::graph::{
    BuiltinOperator, DType, Graph, Model, OpKind, Operator, Tensor, TensorId,
};
use castiron_codegen::tflm::{self, Kernels, TflmKernel};
use castiron_codegen::{ops, tflite};
use castiron_tests::random;

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
    let tested = tested(root)?;
    let known = known(&tested, |_, _| {})?;
    Ok(render(&known, &constants(&tested)))
}

/// What is tested, and what is drawn; `keep` is given all that is drawn.
fn known(
    tested: &[(Tested, Model)],
    mut keep: impl FnMut(&OpKind, random::Sample),
) -> Result<Known> {
    let mut known = Known::new();
    for (_, model) in tested {
        add(&mut known, model, true);
    }
    for kind in kinds() {
        for sample in drawn(&kind) {
            let model = tflite::read("random.tflite", &sample.file)?;
            add(&mut known, &model, false);
            keep(&kind, sample);
        }
    }
    Ok(known)
}

/// Random models of an operator; none where it is no row.
fn drawn(kind: &OpKind) -> impl Iterator<Item = random::Sample> {
    let name = kind.name();
    let count = match (random::is_row(name), is_product(kind)) {
        (false, _) => 0,
        (true, false) => DRAWN,
        (true, true) => DRAWN_PRODUCTS,
    };
    (0..count).map(move |number| random::Sample::of_operator(name, number))
}

/// What is tested of each operator.
///
/// # Errors
/// If a model cannot be read.
pub(crate) fn forms(root: &Path) -> Result<Forms> {
    let mut forms = Forms::new();
    for (tested, model) in tested(root)? {
        for operator in operators(&model) {
            let of_operator = forms.entry(operator.name.to_owned()).or_default();
            if let Some(form) = operator.form {
                of_operator.entry(form).or_default().push(tested.clone());
            }
        }
    }
    Ok(forms)
}

/// Models whose goldens `cargo test` compares.
fn tested(root: &Path) -> Result<Vec<(Tested, Model)>> {
    let mut all = Vec::new();
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
            all.push((tested, model));
        }
    }
    Ok(all)
}

/// An operator of a model.
struct Found<'a> {
    name: &'a str,
    form: Option<String>,
    graph: &'a Graph,
    index: usize,
}

fn operators(model: &Model) -> impl Iterator<Item = Found<'_>> {
    model.graphs.iter().flat_map(|graph| {
        let operators = graph.operators.iter().enumerate();
        operators.map(move |(index, operator)| Found {
            name: operator.kind.name(),
            form: form(graph, operator),
            graph,
            index,
        })
    })
}

/// What TFLM makes of an operator with these types, at best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tflm {
    Lacks,
    Differs,
    Computes,
}

impl Tflm {
    fn of(graph: &Graph, operator: usize) -> Self {
        let kernels = Kernels::Reference;
        if tflm::computes(graph, operator, kernels) {
            Self::Computes
        } else if tflm::differs(graph, operator, kernels) {
            Self::Differs
        } else {
            Self::Lacks
        }
    }
}

/// Operators, their types, whether a golden has them, and what TFLM makes of them.
type Known = BTreeMap<String, BTreeMap<String, (bool, Tflm)>>;

fn add(known: &mut Known, model: &Model, is_tested: bool) {
    for operator in operators(model) {
        let Some(form) = operator.form else {
            continue;
        };
        let of_operator = known.entry(operator.name.to_owned()).or_default();
        let (tested, tflm) = of_operator.entry(form).or_insert((false, Tflm::Lacks));
        *tested |= is_tested;
        // Most of what is drawn says nothing new.
        if *tflm != Tflm::Computes {
            *tflm = (*tflm).max(Tflm::of(operator.graph, operator.index));
        }
    }
}

/// What has to be constant of each operator: all but one are, and that one is an input, in small models that are tested.
fn constants(tested: &[(Tested, Model)]) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, model) in tested.iter().filter(|(tested, _)| tested.operators == 1) {
        let [graph] = &model.graphs[..] else {
            continue;
        };
        let name = graph.operators[0].kind.name();
        let inputs: BTreeSet<TensorId> = graph.operators[0]
            .inputs
            .iter()
            .flatten()
            .copied()
            .collect();
        for id in inputs {
            if !graph.tensor(id).is_constant() {
                continue;
            }
            let mut open = model.clone();
            open.graphs[0].tensors[id.index()].data = None;
            open.graphs[0].inputs.push(id);
            let error = compile::compile(&open, &CompileOptions::default()).err();
            let diagnostics = error.iter().flat_map(|error| error.diagnostics());
            let what = diagnostics.filter_map(|d| d.message.strip_suffix(" must be constant"));
            all.entry(name.to_owned())
                .or_default()
                .extend(what.map(|what| what.trim_start_matches("the ").to_owned()));
        }
    }
    all
}

/// Operators that castiron compiles.
fn kinds() -> Vec<OpKind> {
    let mut kinds: Vec<OpKind> = ops::supported().map(OpKind::Builtin).collect();
    kinds.extend(ops::custom().map(|name| OpKind::Custom(name.into())));
    kinds.sort_unstable_by(|a, b| a.name().cmp(b.name()));
    kinds
}

fn render(known: &Known, constants: &BTreeMap<String, BTreeSet<String>>) -> String {
    let supported: BTreeSet<BuiltinOperator> = ops::supported().collect();
    let mut text = INTRODUCTION.to_owned();
    text.push_str("| operator | castiron and TFLM | castiron alone | has to be constant |\n|---|---|---|---|\n");
    for kind in kinds() {
        let name = kind.name();
        let types = known.get(name);
        let of = |with_tflm: bool| {
            let types = types.into_iter().flatten();
            let types = types.filter(|(_, (_, tflm))| (*tflm == Tflm::Computes) == with_tflm);
            let types = types.map(|(form, (tested, tflm))| {
                let form = match tested {
                    true => form.clone(),
                    false => format!("*{form}*"),
                };
                match tflm {
                    Tflm::Differs => format!("{form} (TFLM differs)"),
                    _ => form,
                }
            });
            types.collect::<Vec<_>>().join("; ")
        };
        let constant = constants.get(name).into_iter().flatten();
        let constant = constant.cloned().collect::<Vec<_>>().join("; ");
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {constant} |",
            of(true),
            of(false)
        );
    }
    text.push_str(RESTRICTIONS);
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

/// Random models of each operator whose types are taken: so many that no type is missed by chance.
const DRAWN: u64 = 600;
/// Those of products, whose weights have types and scales of their own.
const DRAWN_PRODUCTS: u64 = 1_000;

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

`include_model!`, `castiron run` and `castiron generate` compile the operators in this table. For each type, `cargo test` compares a model in
this repository with reference outputs. A type in *italics* is one of the random models alone, which `cargo xtask random-models` compares with
TensorFlow Lite Micro (TFLM) and LiteRT where these take it. A test tries others, and fails where one compiles: they are an error that names the
operator, its place and the types that it supports.

`a → b` means input type `a` and output type `b`. \"Per channel\", \"per tensor\" and \"per block\" describe the scales of the weights. TFLM's
kernels ask for more than a type, as some scales or numbers of dimensions: `castiron inspect` says which engine takes each operator of your
model, and [tflm.md](tflm.md#what-tflm-accepts) where TFLM differs. The last column has the inputs that have to be constant, at least of some
types; what castiron computes at build time is. RESHAPE, EXPAND_DIMS and SQUEEZE cost neither code nor copies if their input and output can share
bytes.

";

const RESTRICTIONS: &str = "
## Restrictions

castiron takes these with restrictions:

- UNIDIRECTIONAL_SEQUENCE_LSTM: the plain kind, without peephole connections, projection, layer normalisation or coupled gates; TANH as the
  cells' activation; variables as states
- SVDF, CIRCULAR_BUFFER: a variable as state; CIRCULAR_BUFFER of batch 1
- hybrid operators (float32 with int8 or int4 weights): weights with the zero point 0
- CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED: weights and bias that are computed at run time where they are float32, or int8 with one scale; of all
  other types they have to be constant
- SLICE: a place that is computed at run time is moved so far that the part lies within the input; a size that is computed is not read, as the
  output's shape in the file says how large the part is
- CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV of int8: weights with the zero point 0
- FULLY_CONNECTED of int8: weights that are int8 without their zero point, too; no shuffled weights
- operators of int16 with weights; BATCH_MATMUL, LOGISTIC and TANH of int16: zero points 0
- operators with a fused activation: RELU, RELU6 and RELU_N1_TO_1; none in CONCATENATION and L2_NORMALIZATION
- CONCATENATION of int8; LESS, LESS_EQUAL, GREATER and GREATER_EQUAL of int16: inputs of one scale
- STRIDED_SLICE: no `ellipsis_mask` or `new_axis_mask`
- ARG_MAX, ARG_MIN, CUMSUM: one axis
- RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR: `half_pixel_centers` or `align_corners`, not both
- SignalRfft, SignalIrfft, SignalFftAutoScale: an even length of at least 4 whose factors are 2, 3 and 5
- TFLite_Detection_PostProcess: one class for each box, or `use_regular_nms`
- operators of inputs that are repeated, and movements: at most six dimensions, neighbours that are gone through as one counted once
";

/// The input that an operator's types are told by. The axis of SPLIT comes first, and so do other sizes and indices.
fn data(kind: &OpKind) -> usize {
    match kind {
        OpKind::Builtin(
            BuiltinOperator::EmbeddingLookup | BuiltinOperator::Fill | BuiltinOperator::Split,
        ) => 1,
        OpKind::Builtin(BuiltinOperator::TransposeConv) => 2,
        _ => 0,
    }
}

/// Whether an operator's types are told by its weights, too.
fn is_product(kind: &OpKind) -> bool {
    matches!(
        kind,
        OpKind::Builtin(
            BuiltinOperator::Conv2d
                | BuiltinOperator::DepthwiseConv2d
                | BuiltinOperator::FullyConnected
                | BuiltinOperator::TransposeConv
        )
    )
}

const EVERY_TYPE: &str = "every type that kernels support";

/// The types an operator is used with.
fn form(graph: &Graph, operator: &Operator) -> Option<String> {
    let tensor = |at: usize| Some(graph.tensor((*operator.inputs.get(at)?)?));
    let name = |t: &Tensor| t.dtype.name().to_lowercase();
    if let OpKind::Builtin(BuiltinOperator::Rank | BuiltinOperator::Shape) = operator.kind {
        let output = graph.tensor(*operator.outputs.first()?);
        return Some(format!("{EVERY_TYPE} → {}", name(output)));
    }
    if matches!(operator.kind, OpKind::Builtin(_)) && operator.kind.has_effects() {
        return Some(EVERY_TYPE.to_owned());
    }
    if operator.kind.name() == "TFLM_DECODE" {
        return Some("constants".to_owned());
    }
    let input = tensor(data(&operator.kind))?;
    let (x, y) = (name(input), name(graph.tensor(*operator.outputs.first()?)));
    let mut form = if x == y {
        x.clone()
    } else {
        format!("{x} → {y}")
    };

    if let (true, Some(weights)) = (is_product(&operator.kind), tensor(1)) {
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
mod tests;
