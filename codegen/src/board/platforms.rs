//! Entries of Kenning's `platforms.yml`, and their merge into a file that people edit.

use std::fmt::Write;

use saphyr::{LoadableYamlNode, MarkedYaml, YamlData};
use serde::Serialize;

use super::memory::{Facts, no_sram};
use crate::cortex::Cortex;
use crate::error::{Diagnostic, Result};

const NO_YAML: &str = "keep to block style: a board's name, then its fields, one a line";

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
    List(Vec<&'static str>),
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
            fields.push(("compilation_flags", Field::Text(flags)));
        }
        fields.push(("default_platform", Field::Text("ZephyrPlatform".to_owned())));
        let optimizers = vec!["TFLiteCompiler", "TVMCompiler"];
        fields.push(("default_optimizer", Field::List(optimizers)));
        Ok(Self {
            key: key.to_owned(),
            fields,
        })
    }
}

/// TVM's target of an Arm processor, as Kenning writes it; others have none.
fn compilation_flags(key: &str, facts: &Facts) -> Option<String> {
    let cortex = Cortex::of_compatible(facts.cpu.as_deref()?)?;
    let (core, architecture) = (cortex.name, cortex.architecture.name());
    let flags = format!("-keys=arm_cpu,cpu -device=arm_cpu -march={architecture} -mcpu={core}");
    // Board targets have the system behind the board.
    let soc = key.split('/').nth(1).or(facts.soc.as_deref());
    Some(match soc {
        Some(soc) => format!("{flags} -model={soc}"),
        None => flags,
    })
}

/// A file of entries alone.
pub fn to_yaml(entries: &[Entry]) -> String {
    entries
        .iter()
        .map(|entry| block(entry, 2))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Puts entries into a file. What it has stays as it is, comments too: boards and fields that it
/// lacks are added as lines.
///
/// # Errors
/// If the file is no YAML, or no mapping of boards in block style.
pub fn merge(existing: &str, entries: &[Entry]) -> Result<Merged> {
    let documents = load(existing)?;
    let boards = boards(&documents)?;
    let mut merged = Merged {
        text: String::new(),
        added: Vec::new(),
        completed: Vec::new(),
        kept: Vec::new(),
    };
    // Lines to put in, behind the line of a board's key.
    let mut insertions: Vec<(usize, String)> = Vec::new();
    let mut tail = String::new();
    for entry in entries {
        let Some((key, value)) = boards
            .iter()
            .find(|(key, _)| key.data.as_str() == Some(&entry.key))
        else {
            if merged.added.contains(&entry.key) {
                continue;
            }
            merged.added.push(entry.key.clone());
            tail.push('\n');
            tail += &block(entry, 2);
            continue;
        };
        let line = key.span.start.line();
        let fields = match &value.data {
            YamlData::Mapping(fields) => fields.iter().collect(),
            data if data.is_null() => Vec::new(),
            _ => return Err(not_block(&entry.key).into()),
        };
        let indent = match fields.first() {
            Some((first, _)) if first.span.start.line() > line => first.span.start.col(),
            None => 2,
            Some(_) => return Err(not_block(&entry.key).into()),
        };
        let mut lines = String::new();
        for (name, field) in &entry.fields {
            let place = format!("{}.{name}", entry.key);
            match fields
                .iter()
                .find(|(key, _)| key.data.as_str() == Some(name))
            {
                None => {
                    lines += &field_lines(name, field, indent);
                    merged.completed.push(place);
                }
                Some((_, theirs)) if !same(&theirs.data, field) => merged.kept.push(place),
                Some(_) => {}
            }
        }
        if !lines.is_empty() {
            insertions.push((line, lines));
        }
    }
    for (index, line) in existing.split_inclusive('\n').enumerate() {
        merged.text += line;
        for (_, lines) in insertions.iter().filter(|(behind, _)| *behind == index + 1) {
            if !merged.text.ends_with('\n') {
                merged.text.push('\n');
            }
            merged.text += lines;
        }
    }
    if !merged.text.is_empty() && !merged.text.ends_with('\n') {
        merged.text.push('\n');
    }
    // Nothing but comments, or nothing at all, needs no line in between.
    merged.text += match merged.text.is_empty() {
        true => tail.trim_start_matches('\n'),
        false => &tail,
    };
    Ok(merged)
}

/// The sizes that a file has for a board.
///
/// # Errors
/// If the file is no YAML, has no such board, which names those that are like it, or has no size
/// of its RAM.
pub fn sizes(text: &str, board: &str) -> Result<Sizes> {
    let documents = load(text)?;
    let boards = boards(&documents)?;
    let names: Vec<&str> = boards
        .iter()
        .filter_map(|(key, _)| key.data.as_str())
        .collect();
    let name = super::fit::find_board(board, names.iter().copied())?;
    let entry = boards
        .iter()
        .find(|(key, _)| key.data.as_str() == Some(name));
    let field = |field: &str| {
        let (_, entry) = entry?;
        let YamlData::Mapping(fields) = &entry.data else {
            return None;
        };
        let (_, value) = fields
            .iter()
            .find(|(key, _)| key.data.as_str() == Some(field))?;
        Some(value)
    };
    let number = |name: &str| {
        let Some(value) = field(name) else {
            return Ok(None);
        };
        let number = value.data.as_integer().and_then(|n| u64::try_from(n).ok());
        number.map(Some).ok_or_else(|| {
            Diagnostic::new(format!("{name} is no size"))
                .expected("a whole number of KB")
                .at_line(value.span.start.line(), value.span.start.col() + 1)
                .help("write it without quotes and unit")
        })
    };
    let sizes = Sizes {
        flash_kb: number("flash_size_kb")?,
        ram_kb: number("ram_size_kb")?,
    };
    if sizes.ram_kb.is_none() {
        let diagnostic = Diagnostic::new("the size of the board's RAM is not known")
            .expected("ram_size_kb")
            .found(format!("{name} without it"))
            .help("add ram_size_kb to the board, or give its devicetree with --dts");
        return Err(diagnostic.into());
    }
    Ok(sizes)
}

type Pair<'d, 't> = (&'d MarkedYaml<'t>, &'d MarkedYaml<'t>);

fn load(text: &str) -> Result<Vec<MarkedYaml<'_>>> {
    MarkedYaml::load_from_str(text).map_err(|e| {
        let marker = e.marker();
        Diagnostic::new(format!("this is no YAML: {}", e.info()))
            .at_line(marker.line(), marker.col() + 1)
            .help("correct the file, or write to another")
            .into()
    })
}

fn boards<'d, 't>(documents: &'d [MarkedYaml<'t>]) -> Result<Vec<Pair<'d, 't>>> {
    match documents {
        [] => Ok(Vec::new()),
        [document] if document.data.is_null() => Ok(Vec::new()),
        [document] => match &document.data {
            YamlData::Mapping(boards) => Ok(boards.iter().collect()),
            _ => Err(no_boards().into()),
        },
        _ => Err(no_boards().into()),
    }
}

fn no_boards() -> Diagnostic {
    Diagnostic::new("the file is no list of platforms")
        .expected("one mapping of boards to fields")
        .help(NO_YAML)
}

fn not_block(board: &str) -> Diagnostic {
    Diagnostic::new(format!("fields of {board} stand where none can be added")).help(NO_YAML)
}

fn same<'t>(theirs: &YamlData<'t, MarkedYaml<'t>>, ours: &Field) -> bool {
    match ours {
        Field::Number(number) => {
            theirs.as_integer().and_then(|n| u64::try_from(n).ok()) == Some(*number)
        }
        Field::Text(text) => theirs.as_str() == Some(text),
        Field::List(list) => match theirs {
            YamlData::Sequence(items) => items
                .iter()
                .map(|item| item.data.as_str())
                .eq(list.iter().map(|i| Some(*i))),
            _ => false,
        },
    }
}

fn block(entry: &Entry, indent: usize) -> String {
    let mut text = scalar(&entry.key) + ":\n";
    for (name, field) in &entry.fields {
        text += &field_lines(name, field, indent);
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
                .try_for_each(|value| writeln!(text, "{space}  - {value}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str) -> Entry {
        Entry {
            key: key.to_owned(),
            fields: vec![
                ("display_name", Field::Text("A: board".to_owned())),
                ("ram_size_kb", Field::Number(256)),
                ("default_optimizer", Field::List(vec!["TFLiteCompiler"])),
            ],
        }
    }

    #[test]
    fn what_people_wrote_stays() {
        let text = "# mine\none/soc:\n    ram_size_kb: 320 # counted by hand\n    uart_port_wildcard: /dev/tty*\ntwo:\n";
        let merged = merge(text, &[entry("one/soc"), entry("two"), entry("three")]).expect("YAML");
        insta::assert_snapshot!(merged.text);
        assert_eq!(merged.kept, ["one/soc.ram_size_kb"]);
        assert_eq!(merged.added, ["three"]);
        let again = merge(
            &merged.text,
            &[entry("one/soc"), entry("two"), entry("three")],
        );
        let again = again.expect("YAML");
        assert_eq!(again.text, merged.text);
        assert!(again.added.is_empty() && again.completed.is_empty());
    }

    #[test]
    fn an_empty_file_takes_what_comes() {
        let merged = merge("", &[entry("one")]).expect("YAML");
        assert_eq!(merged.text, to_yaml(&[entry("one")]));
        let sizes = sizes(&merged.text, "one").expect("a board");
        assert_eq!(sizes.ram_kb, Some(256));
    }

    #[test]
    fn what_cannot_be_merged_is_an_error() {
        for text in [
            "one: { ram_size_kb: 1 }\n",
            "- one\n",
            "one: two\n",
            "a: [\n",
        ] {
            assert!(merge(text, &[entry("one")]).is_err(), "{text}");
        }
    }
}
