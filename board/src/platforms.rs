//! Entries of Kenning's `platforms.yml`, and their merge into a file that people edit.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use serde::Serialize;

use super::memory::{Facts, no_sram};
use super::yaml::{self, Node, Value, Yaml};
use castiron_codegen::cortex::Cortex;
use castiron_codegen::error::{Diagnostic, Result};

const NO_YAML: &str = "keep to block style: a board's name, then its fields, one a line";
/// Programs that read YAML 1.1, as Kenning's do, and those that read YAML 1.2 see other lines.
const OTHER_LINE_ENDS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// What Kenning knows of a platform and a devicetree says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The key: Zephyr's name of the board target.
    pub key: String,
    /// The fields in the order in which they are written.
    pub fields: Vec<(&'static str, Field)>,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Field {
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
    /// Texts.
    List(Vec<String>),
}

/// A file with entries in it, and what was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// The file's text.
    #[serde(skip)]
    pub text: String,
    /// Boards that were not there.
    pub added: Vec<String>,
    /// Fields that boards did not have, as `board.field`.
    pub completed: Vec<String>,
    /// Fields that say something else than the devicetree, and stay.
    pub kept: Vec<String>,
}

/// An entry of a file, as far as sizes go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sizes {
    /// `flash_size_kb`.
    pub flash_kb: Option<u64>,
    /// `ram_size_kb`.
    pub ram_kb: Option<u64>,
}

impl Entry {
    /// The entry of a board.
    ///
    /// # Errors
    /// If the devicetree has no SRAM.
    pub fn new(key: &str, facts: &Facts) -> Result<Self> {
        let Some(ram) = facts.memory.ram else {
            return Err(no_sram("none with a size").into());
        };
        let mut fields = vec![("display_name", Field::Text(facts.name.clone()))];
        if let Some(flash) = facts.memory.flash {
            fields.push(("flash_size_kb", Field::Number(flash / 1024)));
        }
        fields.push(("ram_size_kb", Field::Number(ram / 1024)));
        if let Some(rate) = facts.baud_rate {
            fields.push(("uart_baudrate", Field::Number(rate)));
            fields.push(("uart_log_baudrate", Field::Number(rate)));
        }
        if let Some(flags) = compilation_flags(key, facts) {
            fields.push(("compilation_flags", Field::List(flags)));
        }
        fields.push(("default_platform", Field::Text("ZephyrPlatform".to_owned())));
        let optimizers = ["TFLiteCompiler", "TVMCompiler"].map(str::to_owned);
        fields.push(("default_optimizer", Field::List(optimizers.into())));
        Ok(Self {
            key: key.to_owned(),
            fields,
        })
    }
}

/// TVM's target of an Arm processor, as Kenning writes it: a flag an item. Others have none.
fn compilation_flags(key: &str, facts: &Facts) -> Option<Vec<String>> {
    let cortex = Cortex::of_compatible(facts.cpu.as_deref()?)?;
    let mut flags = vec![
        "-keys=arm_cpu,cpu".to_owned(),
        "-device=arm_cpu".to_owned(),
        format!("-march={}", cortex.architecture.name()),
        format!("-mcpu={}", cortex.name),
    ];
    // Board targets have the system behind the board.
    let soc = key.split('/').nth(1).or(facts.soc.as_deref());
    flags.extend(soc.map(|soc| format!("-model={soc}")));
    Some(flags)
}

/// A file of entries alone.
pub fn to_yaml(entries: &[Entry]) -> String {
    entries
        .iter()
        .map(|entry| block(entry, 0))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Puts entries into a file. What it has stays as it is, comments too: boards and fields that it
/// lacks are added as lines.
///
/// # Errors
/// If the file is no YAML, or nothing can be added without a change to what is there.
pub fn merge(existing: &str, entries: &[Entry]) -> Result<Merged> {
    if let Some(c) = existing.chars().find(|c| OTHER_LINE_ENDS.contains(c)) {
        let c = c.escape_unicode();
        let message = format!("YAML 1.1 ends a line at {c}, and YAML 1.2 does not");
        return Err(Diagnostic::new(message).help("write \\n for it").into());
    }
    let yaml = yaml::load(existing)?;
    let there = boards(&yaml)?;
    let anchors = yaml.anchors();
    let mut merged = Merged {
        text: String::new(),
        added: Vec::new(),
        completed: Vec::new(),
        kept: Vec::new(),
    };
    let mut addition = Addition::default();
    for entry in entries {
        if merged.added.contains(&entry.key) {
            continue;
        }
        let Some(board) = there.find(&entry.key) else {
            merged.added.push(entry.key.clone());
            addition.boards.push(entry);
            continue;
        };
        let missing = complete(&anchors, board, entry, &mut merged)?;
        if !missing.is_empty() && yaml.referred.contains(&board.1.anchor) {
            return Err(referred(&board.0).into());
        }
        if !missing.is_empty() {
            addition.fields.push((board, missing));
        }
    }
    if yaml.ends_in_block && !existing.ends_with(['\n', '\r']) && !addition.boards.is_empty() {
        let message = "the last line is part of a text, and a new line would change it";
        return Err(Diagnostic::new(message)
            .help("end it with a line break")
            .into());
    }
    let meant = addition.meant(&there)?;
    // A place that is right for nearly every file, and what is left for the others.
    let places = [there.column(), there.mapping.map_or(0, |m| m.column)];
    let tries = places
        .iter()
        .flat_map(|indent| [(*indent, true), (*indent, false)]);
    let from = there.mapping.map_or(0, |m| m.line);
    for form in tries {
        let text = addition.written(existing, from, form);
        let read = yaml::load(&text);
        if read.is_ok_and(|new| boards(&new).is_ok_and(|new| new.pairs() == meant)) {
            merged.text = text;
            return Ok(merged);
        }
    }
    let message = "castiron cannot add an entry here without changing existing ones";
    Err(Diagnostic::new(message).help(NO_YAML).into())
}

/// The fields that a board of the file lacks. What it has and says otherwise goes to `kept`.
fn complete<'e>(
    anchors: &Anchors<'_>,
    (key, value): &Pair,
    entry: &'e Entry,
    merged: &mut Merged,
) -> Result<Vec<&'e (&'static str, Field)>> {
    let fields = match &value.value {
        Value::Mapping(fields) => fields.as_slice(),
        _ if value.is_null() => &[],
        _ => return Err(not_block(key).into()),
    };
    if fields
        .first()
        .is_some_and(|(first, _)| first.line <= key.end_line)
    {
        return Err(not_block(key).into());
    }
    let mut missing = Vec::new();
    for field in &entry.fields {
        let (name, ours) = field;
        let place = format!("{}.{name}", entry.key);
        match find_field(anchors, value, name) {
            None => {
                merged.completed.push(place);
                missing.push(field);
            }
            Some(theirs) if !same(theirs, ours) => merged.kept.push(place),
            Some(_) => {}
        }
    }
    Ok(missing)
}

/// What goes into a file.
#[derive(Default)]
struct Addition<'f, 'e> {
    /// Fields of boards that are there.
    fields: Vec<(&'f Pair, Vec<&'e (&'static str, Field)>)>,
    boards: Vec<&'e Entry>,
}

impl Addition<'_, '_> {
    /// The boards that the file has to have then, in its order.
    fn meant(&self, there: &Boards<'_>) -> Result<Vec<Pair>> {
        let mut all = there.pairs().to_vec();
        for (key, value) in &mut all {
            let Some((_, missing)) = self.fields.iter().find(|((k, _), _)| k == key) else {
                continue;
            };
            let text = missing
                .iter()
                .map(|(name, field)| field_lines(name, field, 0));
            let mut fields = boards(&yaml::load(&text.collect::<String>())?)?
                .pairs()
                .to_vec();
            if let Value::Mapping(had) = &value.value {
                fields.extend(had.iter().cloned());
            }
            value.value = Value::Mapping(fields);
        }
        for entry in &self.boards {
            all.extend_from_slice(boards(&yaml::load(&block(entry, 0))?)?.pairs());
        }
        Ok(all)
    }

    /// The file's text with it. Boards go behind line `from`, indented, and an empty line before each.
    fn written(&self, text: &str, from: usize, (indent, gap): (usize, bool)) -> String {
        let end = match text.find("\r\n") {
            Some(_) => "\r\n",
            None if text.contains('\r') && !text.contains('\n') => "\r",
            None => "\n",
        };
        let lines = lines(text);
        // Behind this mark a document has nothing more to say.
        let ends = |line: &str| {
            line.strip_prefix("...")
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
        };
        let after = |from: usize| lines.iter().skip(from).position(|line| ends(line));
        let tail = match self.boards.is_empty() {
            true => None,
            false => Some(after(from).map_or(lines.len(), |n| from + n)),
        };
        let mut out = String::new();
        let put = |out: &mut String, lines: &str| {
            if !out.is_empty() && !out.ends_with(['\n', '\r']) {
                *out += end;
            }
            *out += &lines.replace('\n', end);
        };
        for number in 0..=lines.len() {
            // `number` lines of the file are in front of what is put here.
            let behind = self
                .fields
                .iter()
                .filter(|((key, _), _)| key.end_line == number);
            for ((key, value), missing) in behind {
                let indent = match &value.value {
                    Value::Mapping(fields) => fields.first().map_or(0, |(first, _)| first.column),
                    _ => key.column + 2,
                };
                let text = missing
                    .iter()
                    .map(|(name, field)| field_lines(name, field, indent));
                put(&mut out, &text.collect::<String>());
            }
            if tail == Some(number) {
                for entry in &self.boards {
                    // Nothing but comments, or nothing at all, needs no line in between.
                    let between = if gap && !out.is_empty() { "\n" } else { "" };
                    put(&mut out, &(between.to_owned() + &block(entry, indent)));
                }
            }
            out += lines.get(number).unwrap_or(&"");
        }
        out
    }
}

/// Lines with their ends, as YAML has them.
fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = match rest.find(['\r', '\n']) {
            None => rest.len(),
            Some(at) if rest[at..].starts_with("\r\n") => at + 2,
            Some(at) => at + 1,
        };
        let (line, after) = rest.split_at(end);
        lines.push(line);
        rest = after;
    }
    lines
}

/// The sizes that a file has for a board.
///
/// # Errors
/// If the file is no YAML, has no such board, which names those that are like it, or has no size
/// of its RAM.
pub fn sizes(text: &str, board: &str) -> Result<Sizes> {
    let yaml = yaml::load(text)?;
    let there = boards(&yaml)?;
    let anchors = yaml.anchors();
    let names: Vec<&str> = (there.pairs().iter())
        .filter_map(|(key, _)| key.text())
        .collect();
    let name = super::fit::find_board(board, names.iter().copied())?;
    let entry = there.find(name).map(|(_, value)| value);
    let number = |name: &str| {
        let Some(value) = entry.and_then(|entry| find_field(&anchors, entry, name)) else {
            return Ok(None);
        };
        value.number().map(Some).ok_or_else(|| {
            Diagnostic::new(format!("{name} is not a size"))
                .expected("a whole number of KB")
                .at_line(value.line, value.column + 1)
                .help("write it without quotes and unit")
        })
    };
    let sizes = Sizes {
        flash_kb: number("flash_size_kb")?,
        ram_kb: number("ram_size_kb")?,
    };
    if sizes.ram_kb.is_none() {
        let diagnostic = Diagnostic::new("the size of the board's RAM is unknown")
            .expected("ram_size_kb")
            .found(format!("{name} without it"))
            .help("add ram_size_kb to the board, or give its devicetree with --dts");
        return Err(diagnostic.into());
    }
    Ok(sizes)
}

type Pair = (Node, Node);
/// What aliases may refer to.
type Anchors<'y> = HashMap<usize, &'y Node>;

/// The boards of a file.
struct Boards<'y> {
    /// None in a file that has nothing.
    mapping: Option<&'y Node>,
}

impl<'y> Boards<'y> {
    fn pairs(&self) -> &'y [Pair] {
        match self.mapping.map(|mapping| &mapping.value) {
            Some(Value::Mapping(pairs)) => pairs,
            _ => &[],
        }
    }

    fn find(&self, name: &str) -> Option<&'y Pair> {
        let mut pairs = self.pairs().iter();
        pairs.find(|(key, _)| key.text() == Some(name))
    }

    /// Where their names begin.
    fn column(&self) -> usize {
        self.pairs().first().map_or(0, |(key, _)| key.column)
    }
}

fn boards(yaml: &Yaml) -> Result<Boards<'_>> {
    let mapping = match yaml.documents.as_slice() {
        [] => None,
        [document] if document.is_null() => None,
        [document] if matches!(document.value, Value::Mapping(_)) => Some(document),
        _ => {
            let diagnostic = Diagnostic::new("the file is not a list of platforms")
                .expected("one mapping of boards to fields")
                .help(NO_YAML);
            return Err(diagnostic.into());
        }
    };
    Ok(Boards { mapping })
}

/// The value of a field: the mapping's own, or that of one which `<<` takes in.
fn find_field<'y>(anchors: &Anchors<'y>, mapping: &'y Node, name: &str) -> Option<&'y Node> {
    let mut left = vec![mapping];
    // Aliases may lead to one mapping on many ways, and to itself.
    let mut seen = HashSet::new();
    while let Some(node) = left.pop() {
        match &node.value {
            Value::Alias(anchor) if seen.insert(*anchor) => left.extend(anchors.get(anchor)),
            Value::Alias(_) | Value::Scalar { .. } => {}
            Value::Sequence(items) => left.extend(items.iter().rev()),
            Value::Mapping(pairs) => {
                let value = |name: &str| {
                    let mut pairs = pairs.iter();
                    let found = pairs.find(|(key, _)| key.text() == Some(name));
                    found.map(|(_, value)| value)
                };
                if let Some(value) = value(name) {
                    return Some(value);
                }
                left.extend(value("<<"));
            }
        }
    }
    None
}

fn not_block(board: &Node) -> Diagnostic {
    let name = board.text().unwrap_or_default();
    Diagnostic::new(format!("castiron cannot add fields to {name} here"))
        .at_line(board.line, board.column + 1)
        .help(NO_YAML)
}

fn referred(board: &Node) -> Diagnostic {
    let name = board.text().unwrap_or_default();
    Diagnostic::new(format!("other places of the file refer to {name}"))
        .at_line(board.line, board.column + 1)
        .help("add its fields by hand: those places get them, too")
}

fn same(theirs: &Node, ours: &Field) -> bool {
    match ours {
        Field::Number(number) => theirs.number() == Some(*number),
        Field::Text(text) => theirs.text() == Some(text),
        Field::List(list) => match &theirs.value {
            Value::Sequence(items) => {
                (items.iter().map(Node::text)).eq(list.iter().map(|item| Some(item.as_str())))
            }
            _ => false,
        },
    }
}

/// A board, its name `indent` columns from the left.
fn block(entry: &Entry, indent: usize) -> String {
    let mut text = format!("{:indent$}{}:\n", "", scalar(&entry.key));
    for (name, field) in &entry.fields {
        text += &field_lines(name, field, indent + 2);
    }
    text
}

fn field_lines(name: &str, field: &Field, indent: usize) -> String {
    let mut text = String::new();
    let space = " ".repeat(indent);
    // Writing to a string cannot fail.
    match field {
        Field::Number(number) => writeln!(text, "{space}{name}: {number}").ok(),
        Field::Text(value) => writeln!(text, "{space}{name}: {}", scalar(value)).ok(),
        Field::List(values) => {
            writeln!(text, "{space}{name}:").ok();
            values
                .iter()
                .try_for_each(|value| writeln!(text, "{space}  - {}", scalar(value)))
                .ok()
        }
    };
    text
}

/// A text as YAML reads it back: plain if it is harmless, in double quotes otherwise.
fn scalar(text: &str) -> String {
    let harmless = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/_- .()".contains(c))
        && !text.ends_with(' ')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    match harmless {
        true => text.to_owned(),
        // JSON's texts are YAML's.
        false => serde_json::Value::from(text).to_string(),
    }
}
