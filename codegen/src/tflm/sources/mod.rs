//! Which of TFLM's source files an operator needs.
//!
//! The tables are text: each row a file and the files whose functions it calls. What an operator
//! needs follows from the file that registers it. They describe [`TFLM_COMMIT`](super::revision::TFLM_COMMIT), and a test
//! compares them with the symbols of compiled objects. CMSIS-NN is a library of its own, which its own project builds.

use std::collections::{BTreeMap, BTreeSet};

use super::Kernels;
use super::TflmOp;

/// Headers that define what castiron's tables describe: structs and the kernels' data.
pub const FINGERPRINTED: &[&str] = &[
    "tensorflow/lite/core/c/c_api_types.h",
    "tensorflow/lite/core/c/common.h",
    "tensorflow/lite/kernels/internal/types.h",
    "tensorflow/lite/micro/kernels/conv.h",
    "tensorflow/lite/micro/kernels/depthwise_conv.h",
    "tensorflow/lite/micro/kernels/fully_connected.h",
    "tensorflow/lite/micro/kernels/kernel_util.h",
    "tensorflow/lite/micro/kernels/pooling.h",
    "tensorflow/lite/micro/kernels/softmax.h",
    "tensorflow/lite/micro/kernels/svdf.h",
    "tensorflow/lite/micro/micro_allocator.h",
    "tensorflow/lite/micro/micro_common.h",
    "tensorflow/lite/micro/micro_context.h",
    "tensorflow/lite/micro/micro_graph.h",
    "tensorflow/lite/micro/micro_interpreter.h",
    "tensorflow/lite/micro/micro_mutable_op_resolver.h",
];

/// SHA-256 of the headers above: of each its path, its length as 8 bytes, and its text, with line
/// ends of one byte.
pub const FINGERPRINT: &str = "6b3be04876678201bf74d32931280a6776795eb4644b5ae97a48bc65f2e42a35";

/// Preprocessor definitions of every build; a library and what includes its headers have to agree.
pub const DEFINITIONS: &[(&str, Option<&str>)] = &[
    ("TF_LITE_STATIC_MEMORY", None),
    ("TF_LITE_DISABLE_X86_NEON", None),
    ("KERNELS_OPTIMIZED_FOR_SPEED", None),
];

/// Further ones of a build with CMSIS-NN, whose floating-point functions TFLM does not use.
pub const CMSIS_NN_DEFINITIONS: &[(&str, Option<&str>)] = &[
    ("CMSIS_NN", None),
    ("ARM_NN_ENABLE_F16", Some("0")),
    ("ARM_NN_ENABLE_F32", Some("0")),
];

/// Further ones of a build without TFLM's checks and messages, as firmware is shipped.
pub const QUIET_DEFINITIONS: &[(&str, Option<&str>)] =
    &[("NDEBUG", None), ("TF_LITE_STRIP_ERROR_STRINGS", None)];

/// What calls the kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// castiron's C++, without an interpreter.
    Direct,
    /// TFLM's `MicroInterpreter`.
    Interpreter,
}

/// A source file of TFLM's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceFile {
    /// Its path from the top of the tree, with slashes.
    pub path: String,
}

impl SourceFile {
    /// Whether it calls CMSIS-NN.
    pub fn calls_cmsis_nn(&self) -> bool {
        let kernel = self.path.strip_prefix(KERNELS);
        kernel.is_some_and(|path| path.starts_with("/cmsis_nn/"))
    }
}

/// Where TFLM's kernels are; the tables leave it out.
const KERNELS: &str = "tensorflow/lite/micro/kernels";

/// Files of TFLM and what they call.
const TFLM_TABLE: &str = include_str!("tflm.txt");
/// Methods of the operators and the files that register them.
const OPERATORS: &str = include_str!("operators.txt");

impl Caller {
    /// The files it begins with.
    pub fn roots(self) -> &'static [&'static str] {
        match self {
            Self::Direct => &["tensorflow/lite/micro/micro_context.cc"],
            Self::Interpreter => &["tensorflow/lite/micro/micro_interpreter.cc"],
        }
    }
}

/// The tables, read.
#[derive(Debug)]
pub struct Sources {
    pub calls: BTreeMap<&'static str, Vec<&'static str>>,
    pub operators: BTreeMap<&'static str, &'static str>,
}

impl Sources {
    /// Reads the tables.
    pub fn new() -> Self {
        let rows = |table: &'static str| {
            let lines = table.lines().filter(|l| !l.starts_with('#'));
            lines.filter_map(|line| line.split_once(':'))
        };
        Self {
            calls: rows(TFLM_TABLE)
                .map(|(file, called)| (file, called.split_whitespace().collect()))
                .collect(),
            operators: rows(OPERATORS)
                .map(|(method, file)| (method, file.trim()))
                .collect(),
        }
    }

    /// The file that registers an operator.
    pub fn registration(&self, op: &TflmOp, kernels: Kernels) -> Option<SourceFile> {
        let file = self.operators.get(op.method)?;
        Some(source_file(self.variant(file, kernels)))
    }

    /// The files that operators and what calls them need, each once, sorted.
    pub fn closure<'a>(
        &self,
        ops: impl IntoIterator<Item = &'a TflmOp>,
        kernels: Kernels,
        caller: Caller,
    ) -> BTreeSet<SourceFile> {
        let operators = ops
            .into_iter()
            .filter_map(|op| self.operators.get(op.method));
        let mut open: Vec<&'static str> = caller.roots().iter().chain(operators).copied().collect();
        let mut found = BTreeSet::new();
        while let Some(file) = open.pop() {
            let file = self.variant(file, kernels);
            if found.insert(file) {
                open.extend(self.calls.get(file).into_iter().flatten());
            }
        }
        found.into_iter().map(source_file).collect()
    }

    /// The file of the kernel set in place of the reference kernel's, where there is one.
    fn variant(&self, file: &'static str, kernels: Kernels) -> &'static str {
        let optimised = || {
            let name = file.strip_suffix(".cc")?;
            let (optimised, _) = self.calls.get_key_value(&*format!("cmsis_nn/{name}.cc"))?;
            Some(*optimised)
        };
        match kernels {
            Kernels::Reference => file,
            Kernels::CmsisNn => optimised().unwrap_or(file),
        }
    }
}

/// The file that a table's name stands for.
fn source_file(name: &str) -> SourceFile {
    let path = match name.split_once('/') {
        Some(("tensorflow" | "signal", _)) => name.to_owned(),
        _ => format!("{KERNELS}/{name}"),
    };
    SourceFile { path }
}

impl Default for Sources {
    fn default() -> Self {
        Self::new()
    }
}
