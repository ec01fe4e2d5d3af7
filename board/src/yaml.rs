//! YAML as a tree with places. An alias stays an alias: a few lines of them can stand for more than
//! any memory holds, so whoever follows one says how far.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use castiron_codegen::error::{Diagnostic, Result};

/// Nesting that is read. Kenning's file has three levels.
const MOST_LEVELS: usize = 64;
/// Nodes that are read: five times those of a file with all of Zephyr's boards.
pub const MOST_NODES: usize = 100_000;

/// A node with its place. Nodes are equal if they mean the same, wherever they stand.
#[derive(Debug, Clone)]
pub struct Node {
    /// Counted from 1, as `end_line` is.
    pub line: usize,
    /// Counted from 0.
    pub column: usize,
    pub end_line: usize,
    /// What an alias refers to it by; 0 is none.
    pub anchor: usize,
    tag: Option<String>,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Scalar {
        text: String,
        plain: bool,
    },
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
    /// The anchor.
    Alias(usize),
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.anchor == other.anchor && self.tag == other.tag && self.value == other.value
    }
}

impl Eq for Node {}

impl Node {
    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether the node says that there is no value.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true }
            if ["", "~", "null", "Null", "NULL"].contains(&text.as_str()))
    }

    /// A whole number that is written without quotes.
    pub fn number(&self) -> Option<u64> {
        let Value::Scalar { text, plain: true } = &self.value else {
            return None;
        };
        match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            // YAML 1.1, which Kenning reads, takes 010 for eight.
            None if text.len() > 1 && text.starts_with('0') => None,
            None => text.parse().ok(),
        }
    }
}

/// Documents, and what their aliases refer to.
pub struct Yaml {
    pub documents: Vec<Node>,
    /// Anchors that something refers to.
    pub referred: HashSet<usize>,
    /// Whether the last value is a text of lines, which further ones may add to.
    pub ends_in_block: bool,
}

impl Yaml {
    /// The nodes that aliases may refer to.
    pub fn anchors(&self) -> HashMap<usize, &Node> {
        let mut anchors = HashMap::new();
        let mut left: Vec<&Node> = self.documents.iter().collect();
        while let Some(node) = left.pop() {
            if node.anchor != 0 {
                anchors.insert(node.anchor, node);
            }
            match &node.value {
                Value::Sequence(items) => left.extend(items),
                Value::Mapping(pairs) => left.extend(pairs.iter().flat_map(|(k, v)| [k, v])),
                Value::Scalar { .. } | Value::Alias(_) => {}
            }
        }
        anchors
    }
}

/// Reads the documents of a file.
///
/// # Errors
/// If the text is no YAML, nests or holds more than anybody writes, or has a key twice.
pub fn load(text: &str) -> Result<Yaml> {
    // What Windows puts first is no part of the first key.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| no_yaml(e.info(), *e.marker()))?;
        builder.take(event, span)?;
    }
    Ok(Yaml {
        documents: builder.documents,
        referred: builder.referred,
        ends_in_block: builder.ends_in_block,
    })
}

fn no_yaml(why: &str, at: Marker) -> Diagnostic {
    Diagnostic::new(format!("this is not YAML: {why}"))
        .at_line(at.line(), at.col() + 1)
        .help("correct the file, or name another one")
}

/// The tree as far as it was read.
#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    referred: HashSet<usize>,
    /// Collections that are open, each with a key that waits for its value.
    open: Vec<(Node, Option<Node>)>,
    nodes: usize,
    ends_in_block: bool,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<()> {
        let node = |anchor: usize, tag: Option<&Tag>, value: Value| Node {
            line: span.start.line(),
            column: span.start.col(),
            end_line: span.end.line(),
            anchor,
            tag: tag.map(Tag::to_string),
            value,
        };
        match event {
            Event::SequenceStart(anchor, tag) => {
                let sequence = node(anchor, tag.as_deref(), Value::Sequence(Vec::new()));
                self.open(sequence, span.start)
            }
            Event::MappingStart(anchor, tag) => {
                let mapping = node(anchor, tag.as_deref(), Value::Mapping(Vec::new()));
                self.open(mapping, span.start)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some((mut node, _)) => {
                    check_keys(&node)?;
                    node.end_line = span.end.line();
                    self.add(node, span.start)
                }
                None => Ok(()),
            },
            Event::Scalar(text, style, anchor, tag) => {
                let text = text.into_owned();
                let plain = style == ScalarStyle::Plain;
                self.ends_in_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let scalar = node(anchor, tag.as_deref(), Value::Scalar { text, plain });
                self.add(scalar, span.start)
            }
            Event::Alias(anchor) => {
                self.referred.insert(anchor);
                self.add(node(0, None, Value::Alias(anchor)), span.start)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, node: Node, at: Marker) -> Result<()> {
        if self.open.len() >= MOST_LEVELS {
            return Err(no_yaml(&format!("it nests deeper than {MOST_LEVELS} levels"), at).into());
        }
        self.open.push((node, None));
        Ok(())
    }

    fn add(&mut self, node: Node, at: Marker) -> Result<()> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(no_yaml(&format!("it has more than {MOST_NODES} values"), at).into());
        }
        let Some((parent, key)) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut parent.value {
            Value::Sequence(items) => items.push(node),
            Value::Mapping(pairs) => match key.take() {
                None => *key = Some(node),
                Some(key) => pairs.push((key, node)),
            },
            _ => {}
        }
        Ok(())
    }
}

/// A key that is there twice has two values, and every program takes the one it likes.
fn check_keys(node: &Node) -> Result<(), Diagnostic> {
    let Value::Mapping(pairs) = &node.value else {
        return Ok(());
    };
    let mut first = HashMap::new();
    for (key, _) in pairs {
        let Some(text) = key.text() else {
            continue;
        };
        if let Some(line) = first.insert(text, key.line) {
            let text = text.escape_debug();
            return Err(Diagnostic::new(format!(
                "\"{text}\" is there twice, first in line {line}"
            ))
            .at_line(key.line, key.column + 1)
            .help("keep one of them"));
        }
    }
    Ok(())
}
