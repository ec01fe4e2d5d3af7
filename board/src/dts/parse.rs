//! Text to tree. winnow reads one statement at a time and a stack of open nodes makes the tree of
//! them, so that nesting costs no recursion.

use std::collections::{BTreeMap, HashMap, HashSet};

use winnow::combinator::{
    alt, cut_err, delimited, dispatch, fail, opt, preceded, repeat, separated, terminated,
};
use winnow::error::{ContextError, StrContext, StrContextValue};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location};
use winnow::token::{any, none_of, take_until, take_while};

use super::{Cell, Devicetree, Node, Reference, Value};
use castiron_codegen::error::{Diagnostic, Result};

/// Nodes within nodes; real devicetrees have eight.
const DEEPEST: usize = 64;
/// Nodes at all; Zephyr's largest boards have 600.
const MOST_NODES: usize = 1 << 14;
/// Bytes of a path. Each node that is left out is named by its path.
const LONGEST_PATH: usize = 1024;

const FLATTENED: &str = "give the build's flattened devicetree, build/zephyr/zephyr.dts";

type Input<'s> = LocatingSlice<&'s str>;

#[derive(Clone)]
enum Statement {
    /// `labels: name {` or `&reference {`
    Open(Vec<String>, Subject),
    Close,
    Property(String, Vec<Value>),
    DeleteNode(Subject),
    DeleteProperty(String),
    /// What says nothing about the hardware, such as `/dts-v1/;`.
    Nothing,
}

#[derive(Clone)]
enum Subject {
    Name(String),
    Reference(Reference),
}

impl Devicetree {
    /// Parses a flattened devicetree.
    ///
    /// # Errors
    /// If the text is not devicetree source, with line and column; if it is source that a compiler
    /// has to process first.
    pub fn parse(source: &str) -> Result<Self> {
        let mut builder = Builder::default();
        let mut input = Input::new(source);
        loop {
            space.parse_next(&mut input).ok();
            if input.is_empty() {
                break;
            }
            let start = input.current_token_start();
            match statement.parse_next(&mut input) {
                Ok(statement) => {
                    (builder.take(statement)).map_err(|d| located(d, source, start))?;
                }
                Err(error) => {
                    // What a preprocessor should have taken out is named where it begins.
                    let at = match unprocessed(&source[start..]) {
                        true => start,
                        false => input.current_token_start(),
                    };
                    let error = error.into_inner().unwrap_or_default();
                    return Err(located(explain(&error, source, at), source, at).into());
                }
            }
        }
        builder
            .finish()
            .map_err(|d| located(d, source, source.len()).into())
    }
}

fn located(diagnostic: Diagnostic, source: &str, offset: usize) -> Diagnostic {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before[start..].chars().count() + 1;
    diagnostic.at_line(line, column)
}

fn explain(error: &ContextError, source: &str, at: usize) -> Diagnostic {
    let rest = source.get(at..).unwrap_or_default();
    // The innermost is the most exact.
    let expected = error.context().find_map(|context| match context {
        StrContext::Expected(what) => Some(what.to_string()),
        _ => None,
    });
    let found: String = rest.chars().take_while(|c| *c != '\n').take(24).collect();
    let found = match found.trim_end() {
        "" if rest.is_empty() => "the end of the file".to_owned(),
        "" => "the end of the line".to_owned(),
        text => format!("\"{}\"", text.escape_debug()),
    };
    let message = if unprocessed(rest) {
        "this devicetree source is not preprocessed"
    } else if rest.starts_with('(') {
        "there is an expression where a flattened devicetree has a value"
    } else {
        "this is not devicetree source"
    };
    let mut diagnostic = Diagnostic::new(message).found(found).help(FLATTENED);
    if let Some(expected) = expected {
        diagnostic = diagnostic.expected(expected);
    }
    diagnostic
}

/// Whether a preprocessor has work to do here.
fn unprocessed(rest: &str) -> bool {
    let directives = ["#include", "/include/", "#define", "#if"];
    directives
        .iter()
        .any(|directive| rest.starts_with(directive))
}

/// The tree so far and the nodes that are open.
#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    labels: BTreeMap<String, usize>,
    open: Vec<usize>,
    /// Nodes that were deleted.
    cut_off: HashSet<usize>,
}

impl Builder {
    fn take(&mut self, statement: Statement) -> Result<(), Diagnostic> {
        match statement {
            Statement::Open(labels, subject) => self.enter(labels, subject),
            Statement::Close => match self.open.pop() {
                Some(_) => Ok(()),
                None => Err(Diagnostic::new("the end of a node has no beginning")
                    .help("the file is damaged: build again")),
            },
            Statement::Property(name, values) => {
                let node = self.current()?;
                self.nodes[node].properties.insert(name, values);
                Ok(())
            }
            Statement::DeleteProperty(name) => {
                let node = self.current()?;
                self.nodes[node].properties.remove(&name);
                Ok(())
            }
            Statement::DeleteNode(subject) => self.delete(&subject),
            Statement::Nothing => Ok(()),
        }
    }

    fn current(&self) -> Result<usize, Diagnostic> {
        self.open.last().copied().ok_or_else(|| {
            Diagnostic::new("a property is outside of all nodes")
                .expected("/ { … };")
                .help(FLATTENED)
        })
    }

    fn enter(&mut self, labels: Vec<String>, subject: Subject) -> Result<(), Diagnostic> {
        if self.open.len() >= DEEPEST {
            return Err(
                Diagnostic::new(format!("nodes are nested deeper than {DEEPEST}"))
                    .help("real devicetrees are smaller: check that this is the right file"),
            );
        }
        if self.nodes.len() >= MOST_NODES {
            return Err(Diagnostic::new("this devicetree is too large")
                .expected(format!("at most {MOST_NODES} nodes"))
                .found("more")
                .help("real devicetrees are smaller: check that this is the right file"));
        }
        let parent = self.open.last().copied();
        if let Subject::Name(name) = &subject {
            let above = parent.map_or(0, |parent| self.nodes[parent].path_length);
            if above + name.len() > LONGEST_PATH {
                return Err(Diagnostic::new(format!(
                    "a node's path is longer than {LONGEST_PATH} bytes"
                ))
                .help("real devicetrees have shorter paths: check that this is the right file"));
            }
        }
        let index = match (&subject, parent) {
            (Subject::Name(name), None) if name == "/" => match self.nodes.is_empty() {
                true => self.add(name, None),
                false => 0,
            },
            (Subject::Name(name), None) => {
                return Err(Diagnostic::new(format!(
                    "node \"{}\" stands outside of the root",
                    name.escape_debug()
                ))
                .expected("/ { … };")
                .help(FLATTENED));
            }
            (Subject::Name(name), Some(parent)) => match self.child(parent, name) {
                Some(child) => child,
                None => self.add(name, Some(parent)),
            },
            (Subject::Reference(reference), _) => self.find(reference)?,
        };
        for label in labels {
            let before = self.labels.insert(label.clone(), index);
            let labels = &mut self.nodes[index].labels;
            // A label may have been another node's in between.
            if before.is_none() || (before != Some(index) && !labels.contains(&label)) {
                labels.push(label);
            }
        }
        self.open.push(index);
        Ok(())
    }

    fn add(&mut self, name: &str, parent: Option<usize>) -> usize {
        let index = self.nodes.len();
        let above = parent.map_or(0, |parent| self.nodes[parent].path_length);
        self.nodes.push(Node {
            name: name.to_owned(),
            path_length: above + name.len() + 1,
            labels: Vec::new(),
            parent,
            children: Vec::new(),
            by_name: HashMap::new(),
            properties: BTreeMap::new(),
        });
        if let Some(parent) = parent {
            let parent = &mut self.nodes[parent];
            parent.children.push(index);
            parent.by_name.insert(name.to_owned(), index);
        }
        index
    }

    fn child(&self, parent: usize, name: &str) -> Option<usize> {
        self.nodes[parent].by_name.get(name).copied()
    }

    fn find(&self, reference: &Reference) -> Result<usize, Diagnostic> {
        let found = match reference {
            Reference::Label(label) => self.labels.get(label).copied(),
            Reference::Path(path) => find_path(&self.nodes, path),
        };
        found.ok_or_else(|| {
            Diagnostic::new("the extended node does not exist")
                .found(reference)
                .help(FLATTENED)
        })
    }

    fn delete(&mut self, subject: &Subject) -> Result<(), Diagnostic> {
        let index = match subject {
            Subject::Name(name) => {
                let current = self.current()?;
                self.child(current, name)
            }
            Subject::Reference(reference) => Some(self.find(reference)?),
        };
        // What is cut off stays in the list of nodes, but nothing leads to it any more.
        if let Some(index) = index
            && let Some(parent) = self.nodes[index].parent
        {
            let name = self.nodes[index].name.clone();
            self.nodes[parent].by_name.remove(&name);
            self.cut_off.insert(index);
            for label in &self.nodes[index].labels {
                if self.labels.get(label) == Some(&index) {
                    self.labels.remove(label);
                }
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Devicetree, Diagnostic> {
        if !self.open.is_empty() {
            return Err(Diagnostic::new("the file ends within a node")
                .expected("};")
                .help("the file is cut off: build again"));
        }
        if self.nodes.is_empty() {
            return Err(Diagnostic::new("the file has no devicetree")
                .expected("/ { … };")
                .help(FLATTENED));
        }
        if !self.cut_off.is_empty() {
            for node in &mut self.nodes {
                node.children.retain(|child| !self.cut_off.contains(child));
            }
        }
        let mut phandles = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            if let Some([Value::Cells(cells)]) = node.properties.get("phandle").map(Vec::as_slice)
                && let [Cell::Number(number)] = cells[..]
            {
                phandles.insert(number, index);
            }
        }
        Ok(Devicetree {
            nodes: self.nodes,
            labels: self.labels,
            phandles,
        })
    }
}

/// The node at an absolute path.
pub(super) fn find_path(nodes: &[Node], path: &str) -> Option<usize> {
    let mut index = 0;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        index = *nodes.get(index)?.by_name.get(name)?;
    }
    Some(index)
}

fn statement(input: &mut Input<'_>) -> ModalResult<Statement> {
    let directive = dispatch! {terminated(take_while(2.., word_or_slash), space);
        "/dts-v1/" | "/plugin/" => end.value(Statement::Nothing),
        "/memreserve/" => (word, word, end).value(Statement::Nothing),
        "/omit-if-no-ref/" => open,
        "/delete-node/" => terminated(subject, end).map(Statement::DeleteNode),
        "/delete-property/" => terminated(word, end)
            .map(|name: &str| Statement::DeleteProperty(name.to_owned())),
        _ => fail,
    };
    let close = (symbol('}'), opt(end)).value(Statement::Close);
    let property = (
        preceded(labels, word),
        opt(preceded(
            symbol('='),
            cut_err(separated(1.., value, symbol(','))),
        )),
        // What follows a name decides between a property and a node.
        end,
    )
        .map(|(name, values, _)| Statement::Property(name.to_owned(), values.unwrap_or_default()));
    alt((close, directive, open, property))
        .context(expected("a node, a property or the end of a node"))
        .parse_next(input)
}

fn open(input: &mut Input<'_>) -> ModalResult<Statement> {
    terminated((labels, subject), symbol('{'))
        .map(|(labels, subject)| Statement::Open(labels, subject))
        .parse_next(input)
}

fn subject(input: &mut Input<'_>) -> ModalResult<Subject> {
    alt((
        reference.map(Subject::Reference),
        word.map(|name: &str| Subject::Name(name.to_owned())),
        symbol('/').map(|_| Subject::Name("/".to_owned())),
    ))
    .parse_next(input)
}

fn labels(input: &mut Input<'_>) -> ModalResult<Vec<String>> {
    repeat(0.., label).parse_next(input)
}

fn label(input: &mut Input<'_>) -> ModalResult<String> {
    let name = take_while(1.., |c: char| c.is_ascii_alphanumeric() || c == '_');
    terminated(name.map(str::to_owned), (':', space)).parse_next(input)
}

fn value(input: &mut Input<'_>) -> ModalResult<Value> {
    let bits = (word_is("/bits/"), word);
    preceded(
        (labels, opt(bits)),
        alt((
            delimited(symbol('<'), cells, cut_err(symbol('>'))).map(Value::Cells),
            text.map(Value::Text),
            delimited(symbol('['), bytes, cut_err(symbol(']'))).map(Value::Bytes),
            reference.map(Value::Path),
        )),
    )
    .context(expected("a value"))
    .parse_next(input)
}

fn cells(input: &mut Input<'_>) -> ModalResult<Vec<Cell>> {
    let cell = alt((
        reference.map(Cell::Reference),
        number.map(Cell::Number),
        character.map(Cell::Number),
    ));
    repeat(0.., preceded(labels, cell)).parse_next(input)
}

fn number(input: &mut Input<'_>) -> ModalResult<u64> {
    let digits = take_while(1.., |c: char| c.is_ascii_alphanumeric());
    terminated(digits.verify_map(parse_number), space)
        .context(expected("a number"))
        .parse_next(input)
}

fn parse_number(text: &str) -> Option<u64> {
    let text = text.trim_end_matches(['u', 'U', 'l', 'L']);
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u64::from_str_radix(text, 8).ok(),
        None => text.parse().ok(),
    }
}

fn character(input: &mut Input<'_>) -> ModalResult<u64> {
    let quoted = delimited('\'', preceded(opt('\\'), any), ('\'', space));
    quoted
        .map(|c: char| u64::from(u32::from(c)))
        .parse_next(input)
}

fn bytes(input: &mut Input<'_>) -> ModalResult<Vec<u8>> {
    let byte = take_while(2..=2, |c: char| c.is_ascii_hexdigit())
        .verify_map(|digits| u8::from_str_radix(digits, 16).ok());
    repeat(0.., terminated(byte, space)).parse_next(input)
}

fn text(input: &mut Input<'_>) -> ModalResult<String> {
    let character = alt((preceded('\\', any.map(unescape)), none_of(['"', '\\'])));
    let inner = repeat(0.., character).fold(String::new, |mut text, c| {
        text.push(c);
        text
    });
    let closing = '"'.context(expected("the closing quote"));
    delimited('"', inner, (cut_err(closing), space)).parse_next(input)
}

/// Octal and hexadecimal escapes are not told apart from letters: no name or text that is asked
/// for has one.
fn unescape(c: char) -> char {
    match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        other => other,
    }
}

fn reference(input: &mut Input<'_>) -> ModalResult<Reference> {
    let path = delimited('{', take_while(1.., |c| c != '}' && c != '\n'), '}');
    let label = take_while(1.., |c: char| c.is_ascii_alphanumeric() || c == '_');
    let target = alt((
        path.map(|path: &str| Reference::Path(path.to_owned())),
        label.map(|label: &str| Reference::Label(label.to_owned())),
    ));
    delimited('&', target, space).parse_next(input)
}

/// A name of a node (with its unit address) or of a property.
fn word<'s>(input: &mut Input<'s>) -> ModalResult<&'s str> {
    terminated(take_while(1.., is_word), space)
        .context(expected("a name"))
        .parse_next(input)
}

fn word_is<'s>(name: &'static str) -> impl ModalParser<Input<'s>, &'s str, ContextError> {
    terminated(name, space)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || ",._+*#?@-".contains(c)
}

fn word_or_slash(c: char) -> bool {
    c == '/' || is_word(c)
}

fn symbol<'s>(c: char) -> impl ModalParser<Input<'s>, char, ContextError> {
    terminated(c, space).context(StrContext::Expected(StrContextValue::CharLiteral(c)))
}

fn end(input: &mut Input<'_>) -> ModalResult<()> {
    symbol(';').void().parse_next(input)
}

fn expected(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

/// White space and comments. A comment that never ends is left, to be found where it begins.
fn space(input: &mut Input<'_>) -> ModalResult<()> {
    let comment = alt((
        ("//", take_while(0.., |c| c != '\n')).void(),
        ("/*", take_until(0.., "*/"), "*/").void(),
    ));
    let blank = take_while(1.., char::is_whitespace).void();
    repeat(0.., alt((blank, comment))).parse_next(input)
}
