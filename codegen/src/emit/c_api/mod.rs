//! A model as a C library: its header, a self-test and an example. The same for every engine.

mod board;
mod example;
mod header;
#[doc(hidden)]
pub mod operators;
mod self_test;
pub mod tflm;

use castiron_runtime::ALIGNMENT;
use serde::Serialize;

use super::facts::GraphFacts;
use crate::ident::{Language, identifier};
use crate::plan::{Buffers, Part};
use crate::program::Entry;

pub use board::Board;
pub use example::{Example, example};
pub use header::header;
pub use operators::OperatorFunction;
pub use self_test::{Case, SelfTest, TOLERANCE, self_test};

/// Headers of the C library: a model of such a name must not hide one.
const STANDARD_HEADERS: [&str; 29] = [
    "assert",
    "complex",
    "ctype",
    "errno",
    "fenv",
    "float",
    "inttypes",
    "iso646",
    "limits",
    "locale",
    "math",
    "memory",
    "setjmp",
    "signal",
    "stdalign",
    "stdarg",
    "stdatomic",
    "stdbool",
    "stddef",
    "stdint",
    "stdio",
    "stdlib",
    "stdnoreturn",
    "string",
    "tgmath",
    "threads",
    "time",
    "uchar",
    "wchar",
];

/// What the C files say of a library.
#[derive(Debug, Clone)]
pub struct Library {
    /// Prefix of every name: [`prefix`].
    pub prefix: String,
    /// The model's name, for people.
    pub model: String,
    /// The engine, for people: `castiron's compiled engine`.
    pub engine: String,
    /// Inputs and outputs.
    pub facts: GraphFacts,
    /// Bytes of working memory.
    pub arena_bytes: usize,
    /// Bytes of what lasts from run to run, where it lies beside the arena.
    pub state_bytes: usize,
    /// The memories that both lie in, outside of an instance; none where they are in it.
    pub memories: Vec<PlacedMemory>,
    /// Bytes of constants.
    pub weight_bytes: usize,
    /// Size of an instance, a multiple of 16.
    pub instance_bytes: usize,
    /// Whether the library has `<prefix>_model_run_traced`.
    pub traced: bool,
    /// Whether it has `<prefix>_server_poll`.
    pub server: bool,
    /// Whether it has `<prefix>_verify`.
    pub verify: bool,
    /// Whether guard words lie behind its memory.
    pub guards: bool,
    /// Whether a run may end before there are outputs.
    pub may_end_early: bool,
    /// The rows of its input, if it takes one row by row.
    pub rows: Option<Rows>,
    /// Which inputs and outputs the caller hands over for each run.
    pub buffers: Buffers,
    /// Functions of the program that compute custom operators.
    pub operators: Vec<OperatorFunction>,
}

/// A memory that a library works in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlacedMemory {
    /// What the user calls it.
    pub name: String,
    /// Bytes that the library needs there, a multiple of 16.
    pub bytes: usize,
    /// The linker section that puts data there, if it is known.
    pub section: Option<String>,
}

impl PlacedMemory {
    /// What of a program lies in a memory, with guard words of so many bytes behind arena and state.
    #[must_use]
    pub fn of(part: &Part, guard: usize) -> Self {
        let state = part.state_bytes.next_multiple_of(ALIGNMENT);
        Self {
            name: part.ram.name.clone(),
            bytes: part.arena_bytes.next_multiple_of(ALIGNMENT)
                + state
                + guard * (1 + usize::from(state > 0)),
            section: part.ram.section.clone(),
        }
    }
}

/// The rows of an input that comes row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// How many there are.
    pub count: usize,
    /// Elements of one.
    pub elements: usize,
}

impl Rows {
    /// Those of an entry; `None` if it takes its inputs as a whole.
    #[must_use]
    pub fn of(entry: &Entry) -> Option<Self> {
        let rows = entry.input_rows()?;
        Some(Self {
            count: rows.count,
            elements: rows.elements,
        })
    }
}

impl Library {
    /// Prefix of macros.
    pub(super) fn upper(&self) -> String {
        self.prefix.to_ascii_uppercase()
    }

    /// File name of the header.
    #[must_use]
    pub fn header_name(&self) -> String {
        match STANDARD_HEADERS.contains(&&*self.prefix) {
            true => format!("{}_model.h", self.prefix),
            false => format!("{}.h", self.prefix),
        }
    }

    /// File name of the library.
    #[must_use]
    pub fn archive_name(&self) -> String {
        format!("lib{}.a", self.prefix)
    }

    /// The functions of the interface: what a library of any engine has to define, and all it
    /// should leave visible to the linker.
    #[must_use]
    pub fn symbols(&self) -> Vec<String> {
        let outputs = (!self.buffers.holds_outputs()).then_some("output");
        let inputs = !self.buffers.holds_inputs() && self.rows.is_none();
        let run = match self.rows {
            Some(_) => "push_rows",
            None if self.buffers == Buffers::Model => "run",
            None => "run_with",
        };
        let inputs = inputs.then_some("input");
        let common = || {
            let always = ["init", "reset", run].into_iter();
            always.chain(outputs).chain(inputs)
        };
        let traced = self.traced.then_some("model_run_traced");
        let server = self.server.then_some("server_poll");
        let verify = self.verify.then_some("verify");
        (common().map(|f| format!("model_{f}")))
            .chain(common().map(str::to_owned))
            .chain(traced.map(str::to_owned))
            .chain(server.map(str::to_owned))
            .chain(verify.map(str::to_owned))
            .map(|function| format!("{}_{function}", self.prefix))
            .collect()
    }

    /// Functions of the program that its server calls.
    #[must_use]
    pub fn server_functions(&self) -> Vec<String> {
        let functions = ["read", "write", "nanoseconds"].into_iter();
        let functions = functions.filter(|_| self.server);
        functions
            .map(|function| format!("{}_server_{function}", self.prefix))
            .collect()
    }

    /// All names that its header and its self-test define or may define, but for macros.
    pub(super) fn names(&self) -> Vec<String> {
        const BESIDE: [&str; 9] = [
            "model",
            "status",
            "status_text",
            "input_bytes",
            "output_bytes",
            "quantize",
            "quantize_wide",
            "self_test",
            "self_test_case",
        ];
        let tensors = [
            ("input", self.facts.inputs.len()),
            ("output", self.facts.outputs.len()),
        ];
        let of_tensors = tensors.into_iter().flat_map(|(side, count)| {
            let of_tensor = move |at: usize| {
                ["t", "quantize", "dequantize"].map(|what| format!("{side}_{at}_{what}"))
            };
            (0..count).flat_map(of_tensor)
        });
        let memories = self.memories.iter().map(|memory| memory.name.clone());
        let beside = BESIDE.map(str::to_owned).into_iter();
        let own = beside.chain(of_tensors).chain(memories);
        let own = own.map(|name| format!("{}_{name}", self.prefix));
        let common = ["castiron_operator", "castiron_operator_tensor"].map(str::to_owned);
        (self.symbols().into_iter())
            .chain(own)
            .chain(self.server_functions())
            .chain(common)
            .collect()
    }
}

/// The prefix of every name of a model's library: as in its standalone header.
#[must_use]
pub fn prefix(name: &str) -> String {
    identifier(name, Language::C)
}
