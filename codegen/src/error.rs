//! Errors as values with a place in the model file.

use std::collections::HashMap;
use std::fmt;

#[cfg(feature = "text")]
use serde::{Serialize, Serializer};

/// The result of every stage of the generator.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One or more [`Diagnostic`]s: everything found wrong, not only the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    diagnostics: Vec<Diagnostic>,
}

/// What is wrong, where, what was expected and found, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct Diagnostic {
    /// One sentence without the place.
    pub message: String,
    /// Where in the file.
    pub place: Place,
    /// What a right file has there.
    #[cfg_attr(feature = "text", serde(skip_serializing_if = "Option::is_none"))]
    pub expected: Option<String>,
    /// What this file has there.
    #[cfg_attr(feature = "text", serde(skip_serializing_if = "Option::is_none"))]
    pub found: Option<String>,
    /// What the user can do.
    #[cfg_attr(feature = "text", serde(skip_serializing_if = "Option::is_none"))]
    pub help: Option<String>,
    /// Where the remedy depends on what the user called, which remedy it is.
    #[cfg_attr(feature = "text", serde(skip))]
    pub remedy: Option<Remedy>,
    /// Whether castiron is wrong, whatever the file.
    #[cfg_attr(feature = "text", serde(skip))]
    fault: bool,
    /// Whether the model takes more than a limit that the user set, and nothing else is wrong with it.
    #[cfg_attr(feature = "text", serde(skip))]
    beyond_limit: bool,
}

/// A remedy that every front end has its own words for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// TensorFlow Lite Micro's kernels compute the model.
    Tflm,
    /// The user says what size an input has.
    Shape,
    /// The firmware computes a custom operator.
    Firmware,
}

/// What the user called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrontEnd {
    /// The `castiron` command.
    Command,
    /// The `castiron` command where it runs models: nothing of the firmware is there.
    Host,
    /// `include_model!`.
    Macro,
    /// `castiron-build` in a build script.
    BuildScript,
}

impl Remedy {
    fn text(self, front_end: FrontEnd) -> &'static str {
        match (self, front_end) {
            (Self::Tflm, FrontEnd::Command | FrontEnd::Host) => {
                "TensorFlow Lite Micro has a kernel for it: `castiron gen-cpp`, or `castiron lib --engine tflm --tflm \
                 DIR` with a checkout of it"
            }
            (Self::Tflm, FrontEnd::Macro) => {
                "TensorFlow Lite Micro has a kernel for it: say `engine = \"tflm\"` here, and \
                 `castiron_build::Tflm` in build.rs"
            }
            (Self::Tflm, FrontEnd::BuildScript) => {
                "TensorFlow Lite Micro has a kernel for it: say `.tflm(Tflm::new(\"path/to/tflite-micro\"))`"
            }
            (Self::Shape, FrontEnd::Command | FrontEnd::Host) => {
                "say which sizes it has: `--shape INPUT=1x96x96x3`, in CMake `SHAPE INPUT=1x96x96x3`"
            }
            (Self::Shape, FrontEnd::Macro) => {
                "say which sizes it has: `shape = \"INPUT=1x96x96x3\"`"
            }
            (Self::Shape, FrontEnd::BuildScript) => {
                "say which sizes it has: `.shape(\"INPUT\", [1, 96, 96, 3])`"
            }
            (Self::Firmware, FrontEnd::Command) => {
                "if your firmware computes it, name it with --custom, in include_model! with `ops = path`; otherwise \
                 convert the model without it, or give TensorFlow Lite Micro's interpreter a kernel for it: \
                 `castiron gen-resolver --custom OP=FUNCTION`"
            }
            (Self::Firmware, FrontEnd::Host) => {
                "only firmware can compute it, and this command has none of its code: use `castiron lib --custom OP`, or \
                 include_model! with `ops = path`, and run the model there; or convert the model without it"
            }
            (Self::Firmware, FrontEnd::Macro) => {
                "compute it in the firmware: say `ops = crate::MyOps` here, and the compiler shows what to write; or \
                 convert the model without it"
            }
            (Self::Firmware, FrontEnd::BuildScript) => {
                "compute it in the firmware: say `.ops(\"crate::MyOps\")`, and the compiler shows what to write; or \
                 convert the model without it"
            }
        }
    }
}

/// A place in a model: file, subgraph, operator, tensor, as far as known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct Place {
    /// File name as the user gave it.
    #[cfg_attr(feature = "text", serde(skip_serializing_if = "Option::is_none"))]
    pub file: Option<String>,
    /// Line and column of a text file, counted from 1.
    #[cfg_attr(
        feature = "text",
        serde(
            skip_serializing_if = "Option::is_none",
            serialize_with = "as_position"
        )
    )]
    pub position: Option<(usize, usize)>,
    /// Subgraph index.
    #[cfg_attr(feature = "text", serde(skip_serializing_if = "Option::is_none"))]
    pub subgraph: Option<usize>,
    /// Operator index within the subgraph, and its name.
    #[cfg_attr(
        feature = "text",
        serde(skip_serializing_if = "Option::is_none", serialize_with = "as_named")
    )]
    pub operator: Option<(usize, String)>,
    /// Types and shapes of the operator's tensors, of an operator that an engine refuses.
    #[cfg_attr(feature = "text", serde(skip_serializing_if = "Option::is_none"))]
    pub operands: Option<Box<Operands>>,
    /// Tensor index within the subgraph, and its name.
    #[cfg_attr(
        feature = "text",
        serde(skip_serializing_if = "Option::is_none", serialize_with = "as_named")
    )]
    pub tensor: Option<(usize, String)>,
}

/// Types and shapes of an operator's tensors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct Operands {
    /// Inputs; nothing for one that is left out.
    pub inputs: Vec<Option<Shaped>>,
    /// Outputs.
    pub outputs: Vec<Option<Shaped>>,
}

/// A tensor, as far as people tell kernels apart.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct Shaped {
    /// The schema's name of its element type.
    #[cfg_attr(feature = "text", serde(rename = "type"))]
    pub dtype: &'static str,
    /// Sizes of its dimensions.
    pub shape: Vec<usize>,
}

/// An index with a name as `{ "index": 3, "name": "CONV_2D" }`.
#[cfg(feature = "text")]
fn as_named<S: Serializer>(
    place: &Option<(usize, String)>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Named<'a> {
        index: usize,
        name: &'a str,
    }
    let named = place.as_ref().map(|(index, name)| Named {
        index: *index,
        name,
    });
    named.serialize(serializer)
}

/// Line and column as `{ "line": 3, "column": 14 }`.
#[cfg(feature = "text")]
fn as_position<S: Serializer>(
    place: &Option<(usize, usize)>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Position {
        line: usize,
        column: usize,
    }
    let position = place.map(|(line, column)| Position { line, column });
    position.serialize(serializer)
}

impl Diagnostic {
    /// A diagnostic that has only a message so far.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: Place::default(),
            expected: None,
            found: None,
            help: None,
            remedy: None,
            fault: false,
            beyond_limit: false,
        }
    }

    /// What no file may bring about, however damaged it is: castiron itself is wrong. Tests and fuzzers look for such.
    pub fn fault(message: impl fmt::Display) -> Self {
        Self {
            fault: true,
            ..Self::new(format!("fault in castiron: {message}"))
        }
        .help("please report this, with the file")
    }

    /// Whether it is a [`fault`](Self::fault) of castiron's.
    pub fn is_fault(&self) -> bool {
        self.fault
    }

    /// Says that the model takes more than a limit that the user set.
    #[must_use]
    pub fn beyond_limit(mut self) -> Self {
        self.beyond_limit = true;
        self
    }

    /// Whether the model takes more than a limit that the user set.
    pub fn is_beyond_limit(&self) -> bool {
        self.beyond_limit
    }

    /// Sets what was expected.
    #[must_use]
    pub fn expected(mut self, text: impl fmt::Display) -> Self {
        self.expected = Some(text.to_string());
        self
    }

    /// Sets what was found.
    #[must_use]
    pub fn found(mut self, text: impl fmt::Display) -> Self {
        self.found = Some(text.to_string());
        self
    }

    /// Sets the remedy, in place of any other.
    #[must_use]
    pub fn help(mut self, text: impl fmt::Display) -> Self {
        self.help = Some(text.to_string());
        self.remedy = None;
        self
    }

    /// Sets a remedy that front ends have their own words for; until one says which it is, in the
    /// command's.
    #[must_use]
    pub fn remedy(mut self, remedy: Remedy) -> Self {
        self.help = Some(remedy.text(FrontEnd::Command).to_owned());
        self.remedy = Some(remedy);
        self
    }

    /// Sets line and column of a text file.
    #[must_use]
    pub fn at_line(mut self, line: usize, column: usize) -> Self {
        self.place.position.get_or_insert((line, column));
        self
    }

    /// Sets the subgraph.
    #[must_use]
    pub fn in_subgraph(mut self, index: usize) -> Self {
        self.place.subgraph.get_or_insert(index);
        self
    }

    /// Sets the operator, unless a deeper stage already did.
    #[must_use]
    pub fn at_operator(mut self, index: usize, name: impl fmt::Display) -> Self {
        self.place
            .operator
            .get_or_insert_with(|| (index, name.to_string()));
        self
    }

    /// Sets types and shapes of the operator's tensors.
    #[must_use]
    pub fn with_operands(mut self, operands: Operands) -> Self {
        self.place.operands = Some(Box::new(operands));
        self
    }

    /// Sets the tensor, unless a deeper stage already did.
    #[must_use]
    pub fn at_tensor(mut self, index: usize, name: &str) -> Self {
        self.place
            .tensor
            .get_or_insert_with(|| (index, name.to_owned()));
        self
    }

    /// One line of cause and one of remedy, as the command prints them and its page in a browser shows them; the kind is `error` or `warning`.
    #[doc(hidden)]
    #[cfg(feature = "text")]
    pub fn line(&self, kind: &str) -> String {
        let Self {
            message,
            place,
            expected,
            found,
            help,
            ..
        } = self;
        let lines = [expected, found].into_iter().flatten();
        if lines.into_iter().any(|text| text.contains('\n')) {
            // What a compiler says is no part of a line.
            return format!("{kind}: {self}\n");
        }
        let mut out = format!("{kind}: ");
        let place = place.to_string();
        if !place.is_empty() {
            out += &format!("{place}: ");
        }
        out += message;
        out += &match (expected, found) {
            (Some(expected), Some(found)) => format!(": expected {expected}, found {found}"),
            (Some(expected), None) => format!(": expected {expected}"),
            (None, Some(found)) => format!(": found {found}"),
            (None, None) => String::new(),
        };
        if let Some(help) = help {
            out += &format!("\n  help: {help}");
        }
        out + "\n"
    }
}

impl Error {
    /// An error of several diagnostics; `None` when there are none.
    pub fn from_many(diagnostics: Vec<Diagnostic>) -> Option<Self> {
        (!diagnostics.is_empty()).then_some(Self { diagnostics })
    }

    /// Everything found, in file order.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The diagnostics with those that say the same of several operators as one, for people to read.
    pub fn by_kind(&self) -> Vec<Diagnostic> {
        by_kind(&self.diagnostics)
    }

    /// Puts remedies into the words of a front end.
    #[must_use]
    pub fn for_front_end(mut self, front_end: FrontEnd) -> Self {
        for d in &mut self.diagnostics {
            if let Some(remedy) = d.remedy {
                d.help = Some(remedy.text(front_end).to_owned());
            }
        }
        self
    }

    /// Names the file in every diagnostic that does not name one yet.
    #[must_use]
    pub fn in_file(mut self, file: &str) -> Self {
        for d in &mut self.diagnostics {
            d.place.file.get_or_insert_with(|| file.to_owned());
        }
        self
    }

    /// Names the subgraph in every diagnostic that does not name one yet.
    #[must_use]
    pub fn in_subgraph(mut self, index: usize) -> Self {
        for d in &mut self.diagnostics {
            d.place.subgraph.get_or_insert(index);
        }
        self
    }

    /// Names the operator in every diagnostic that does not name one yet.
    #[must_use]
    pub fn at_operator(mut self, index: usize, name: impl fmt::Display) -> Self {
        for d in &mut self.diagnostics {
            d.place
                .operator
                .get_or_insert_with(|| (index, name.to_string()));
        }
        self
    }
}

/// Diagnostics with those that say the same of several operators of one name and with the same types as one, at the
/// first of them: nobody reads a sentence 99 times.
pub fn by_kind(diagnostics: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut kinds: Vec<(&Diagnostic, usize)> = Vec::new();
    let mut known = HashMap::new();
    for d in diagnostics {
        let Some((_, name)) = &d.place.operator else {
            kinds.push((d, 1));
            continue;
        };
        let types = d.place.operands.as_deref().map(Operands::types);
        let kind = (&d.place.file, name, &d.message, &d.help, types);
        match known.get(&kind) {
            Some(index) => {
                let (_, count): &mut (_, usize) = &mut kinds[*index];
                *count += 1;
            }
            None => {
                known.insert(kind, kinds.len());
                kinds.push((d, 1));
            }
        }
    }
    let one = |(first, count): (&Diagnostic, usize)| {
        let mut d = first.clone();
        if count > 1 {
            d.message += &format!(" (the first of {count})");
        }
        d
    };
    kinds.into_iter().map(one).collect()
}

#[cfg(feature = "text")]
impl From<castiron_templates::Defect> for Error {
    fn from(defect: castiron_templates::Defect) -> Self {
        Diagnostic::fault(defect).into()
    }
}

impl From<Diagnostic> for Error {
    fn from(d: Diagnostic) -> Self {
        Self {
            diagnostics: vec![d],
        }
    }
}

/// Text that is not within quotes: what a terminal would act on, and what hides in print, is escaped. All else is as in the file, so that it can be
/// copied.
pub(crate) fn printed(text: &str) -> String {
    const PLAIN: [char; 3] = ['"', '\'', '\\'];
    let mut out = String::new();
    for part in text.split_inclusive(PLAIN) {
        let (before, plain) = match part.char_indices().next_back() {
            Some((at, last)) if PLAIN.contains(&last) => part.split_at(at),
            _ => (part, ""),
        };
        out.extend(before.escape_debug());
        out.push_str(plain);
    }
    out
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sep = "";
        if let Some(file) = &self.file {
            write!(f, "{}", file.escape_debug())?;
            sep = ", ";
        }
        if let Some((line, column)) = self.position {
            write!(f, "{sep}line {line}, column {column}")?;
            sep = ", ";
        }
        if let Some(index) = self.subgraph {
            write!(f, "{sep}subgraph {index}")?;
            sep = ", ";
        }
        if let Some((index, name)) = &self.operator {
            write!(f, "{sep}operator {index} {}", printed(name))?;
            sep = ", ";
        }
        if let Some(operands) = &self.operands {
            write!(f, " of {operands}")?;
        }
        if let Some((index, name)) = &self.tensor {
            write!(f, "{sep}tensor {index} \"{}\"", name.escape_debug())?;
        }
        Ok(())
    }
}

/// The most inputs or outputs that a message lists.
const MOST_LISTED: usize = 6;

impl Operands {
    /// The types alone.
    fn types(&self) -> [Vec<Option<&'static str>>; 2] {
        [&self.inputs, &self.outputs].map(|list| {
            let types = list.iter().map(|tensor| Some(tensor.as_ref()?.dtype));
            types.collect()
        })
    }
}

/// `(FLOAT32 1×20, INT8 20×20) → FLOAT32 1×20`.
impl fmt::Display for Operands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tensor = |tensor: &Option<Shaped>| match tensor {
            None => "none".to_owned(),
            Some(Shaped { dtype, shape }) if shape.is_empty() => format!("{dtype} scalar"),
            Some(Shaped { dtype, shape }) => {
                let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
                format!("{dtype} {}", sizes.join("×"))
            }
        };
        let [inputs, outputs] = [&self.inputs, &self.outputs].map(|list| {
            let mut texts: Vec<String> = list.iter().take(MOST_LISTED).map(tensor).collect();
            if list.len() > MOST_LISTED {
                texts.push(format!("{} more", list.len() - MOST_LISTED));
            }
            match &texts[..] {
                [only] => only.clone(),
                _ => format!("({})", texts.join(", ")),
            }
        });
        write!(f, "{inputs} → {outputs}")
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.to_string();
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(expected) = &self.expected {
            write!(f, "\n  expected: {expected}")?;
        }
        if let Some(found) = &self.found {
            write!(f, "\n  found: {found}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, d) in self.by_kind().iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{d}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}
impl std::error::Error for Error {}
