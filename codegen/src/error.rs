//! Errors as values with a place in the model file.

use std::fmt;

use serde::{Serialize, Serializer};

/// The result of every stage of the generator.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One or more [`Diagnostic`]s: everything found wrong, not only the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    diagnostics: Vec<Diagnostic>,
}

/// What is wrong, where, what was expected and found, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// One sentence without the place.
    pub message: String,
    /// Where in the file.
    pub place: Place,
    /// What a right file has there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What this file has there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What the user can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// A place in a model: file, subgraph, operator, tensor, as far as known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// File name as the user gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line and column of a text file, counted from 1.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_position"
    )]
    pub position: Option<(usize, usize)>,
    /// Subgraph index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subgraph: Option<usize>,
    /// Operator index within the subgraph, and its name.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_named")]
    pub operator: Option<(usize, String)>,
    /// Tensor index within the subgraph, and its name.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_named")]
    pub tensor: Option<(usize, String)>,
}

/// An index with a name as `{ "index": 3, "name": "CONV_2D" }`.
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
        }
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

    /// Sets the remedy.
    #[must_use]
    pub fn help(mut self, text: impl fmt::Display) -> Self {
        self.help = Some(text.to_string());
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

    /// Sets the tensor, unless a deeper stage already did.
    #[must_use]
    pub fn at_tensor(mut self, index: usize, name: &str) -> Self {
        self.place
            .tensor
            .get_or_insert_with(|| (index, name.to_owned()));
        self
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

impl From<Diagnostic> for Error {
    fn from(d: Diagnostic) -> Self {
        Self {
            diagnostics: vec![d],
        }
    }
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
            write!(f, "{sep}operator {index} {}", name.escape_debug())?;
            sep = ", ";
        }
        if let Some((index, name)) = &self.tensor {
            write!(f, "{sep}tensor {index} \"{}\"", name.escape_debug())?;
        }
        Ok(())
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
        for (i, d) in self.diagnostics.iter().enumerate() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_json_without_what_is_not_known() {
        let diagnostic = Diagnostic::new("wrong").at_operator(3, "CONV_2D").found(1);
        let json = serde_json::to_value(&diagnostic).expect("JSON");
        let expected = serde_json::json!({
            "message": "wrong",
            "place": { "operator": { "index": 3, "name": "CONV_2D" } },
            "found": "1",
        });
        assert_eq!(json, expected);
    }
}
