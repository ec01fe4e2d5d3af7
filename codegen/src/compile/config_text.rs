//! What the text of a `castiron.toml` says.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::config::nearest;
use super::{Bytes, Config, EngineName, Key, Macs, ModelEntry, SectionName, Settings, Written};
use crate::error::{Diagnostic, Place};
use crate::ident::{Language, identifier};
use crate::passes::Passes;
use crate::plan::TargetMemory;

/// The tables beside keys that are for all models.
const TABLES: [&str; 2] = ["model", "defaults"];

type Result<T> = std::result::Result<T, Diagnostic>;
type Value<'t> = Spanned<DeValue<'t>>;

pub(super) fn parse(text: &str, file: &Path) -> Result<Config> {
    let lines = line_starts(text);
    let reading = Reading {
        text,
        lines: &lines,
        file,
    };
    let table = DeTable::parse(text).map_err(|e| {
        let problem = Diagnostic::new(e.message()).help(format_args!(
            "correct it: {} is TOML, in which text has quotes",
            Config::FILE
        ));
        reading.at(e.span().map_or(0, |span| span.start), problem)
    })?;
    let mut config = Config {
        file: Some(file.to_owned()),
        ..Config::default()
    };
    let mut seen = Vec::new();
    let table = table.get_ref();
    for (key, value) in in_order(table) {
        match &*plain(key) {
            "model" => {}
            "defaults" => {
                for (key, value) in in_order(reading.table(value, "[defaults]")?) {
                    reading.set(&mut config.defaults, key, value, Key::OF_ALL, &mut seen)?;
                }
            }
            _ => {
                reading.known(key, Key::OF_ALL, &TABLES)?;
                reading.set(&mut config.defaults, key, value, Key::OF_ALL, &mut seen)?;
            }
        }
    }
    let models = table.iter().find(|(key, _)| plain(key) == "model");
    if let Some((_, value)) = models {
        let mut outputs = HashMap::new();
        for (name, value) in in_order(reading.table(value, "[model.NAME]")?) {
            let entry = reading.model(name, value, &config, &mut outputs)?;
            config.models.push(entry);
        }
    }
    Ok(config)
}

/// A text that is read, with its file for places and paths.
#[derive(Clone, Copy)]
struct Reading<'t> {
    text: &'t str,
    /// Where its lines begin.
    lines: &'t [usize],
    file: &'t Path,
}

/// A key as castiron names it.
fn plain<'k>(key: &'k Spanned<Cow<'_, str>>) -> Cow<'k, str> {
    match key.get_ref().contains('_') {
        true => key.get_ref().replace('_', "-").into(),
        false => key.get_ref().as_ref().into(),
    }
}

/// A table as it stands in the file; it is sorted by names.
fn in_order<'a, 't>(table: &'a DeTable<'t>) -> Vec<(&'a Spanned<Cow<'t, str>>, &'a Value<'t>)> {
    let mut lines: Vec<_> = table.iter().collect();
    lines.sort_by_key(|(name, _)| name.span().start);
    lines
}

impl Reading<'_> {
    /// `[model.NAME]`. What outputs of models before it are called is in `outputs`, by which model.
    fn model(
        self,
        name: &Spanned<Cow<'_, str>>,
        value: &Value<'_>,
        config: &Config,
        outputs: &mut HashMap<String, String>,
    ) -> Result<ModelEntry> {
        let wrong = |problem| self.at(name.span().start, problem);
        let text = name.get_ref();
        if !Config::is_name(text) {
            return Err(wrong(
                Diagnostic::new("this cannot be the name of a model")
                    .expected("letters, digits, - and _")
                    .found(format_args!("{text:?}")),
            ));
        }
        // As modules and files are called.
        let output = identifier(&text.to_ascii_lowercase(), Language::Rust);
        if let Some(before) = outputs.get(&output) {
            return Err(wrong(
                Diagnostic::new("the outputs of two models would have one name")
                    .expected("names that differ in more than case, - and _")
                    .found(format_args!("{before:?} and {text:?}, both {output}"))
                    .help("give one of them another name"),
            ));
        }
        outputs.insert(output, text.to_string());
        let (mut settings, mut seen, mut file) = (Settings::default(), Vec::new(), None);
        let table = self.table(value, &format!("[model.{text}]"))?;
        for (key, value) in in_order(table) {
            if plain(key) == "file" {
                file = Some(self.path("file", value)?);
                continue;
            }
            let known: Vec<Key> = Key::OF_MODEL.iter().chain(Key::OF_ALL).copied().collect();
            self.set(&mut settings, key, value, &known, &mut seen)?;
            let engine = (table.iter().find(|(key, _)| plain(key) == "engine"))
                .and_then(|(_, value)| value.get_ref().as_str()?.parse().ok());
            let is_compiled = known
                .iter()
                .any(|known| known.name == plain(key) && known.is_compiled);
            if is_compiled && engine.or(config.defaults.engine) == Some(EngineName::Tflm) {
                let problem = Diagnostic::new(format!(
                    "{} is for castiron's kernels, but this model uses TensorFlow Lite Micro's",
                    plain(key)
                ));
                let help = format_args!(
                    "leave it out, or write engine = \"{}\"",
                    EngineName::Compiled
                );
                return Err(self.at(key.span().start, problem.help(help)));
            }
        }
        let file = file.ok_or_else(|| {
            wrong(
                Diagnostic::new("this model has no file")
                    .expected(format_args!("file = \"….tflite\" in [model.{text}]")),
            )
        })?;
        Ok(ModelEntry {
            name: text.to_string(),
            file,
            settings,
        })
    }

    /// That there is such a key.
    fn known(
        self,
        key: &Spanned<Cow<'_, str>>,
        keys: &[Key],
        tables: &[&'static str],
    ) -> Result<()> {
        let name = plain(key);
        let names: Vec<&str> = keys
            .iter()
            .map(|key| key.name)
            .chain(tables.iter().copied())
            .collect();
        if names.contains(&&*name) {
            return Ok(());
        }
        let mut problem = Diagnostic::new("castiron does not know this key")
            .expected(names.join(", "))
            .found(format_args!("{:?}", key.get_ref()));
        if name == "file" || Key::OF_MODEL.iter().any(|key| key.name == name) {
            problem = problem.help("it is of one model: write it in [model.NAME]");
        } else if let Some(near) = nearest(&name, &names) {
            problem = problem.help(format_args!("write {near}"));
        }
        Err(self.at(key.span().start, problem))
    }

    /// Takes what a key says; keys that were there are in `seen`.
    fn set(
        self,
        settings: &mut Settings,
        key: &Spanned<Cow<'_, str>>,
        value: &Value<'_>,
        keys: &[Key],
        seen: &mut Vec<String>,
    ) -> Result<()> {
        self.known(key, keys, &[])?;
        let name = plain(key).into_owned();
        if seen.contains(&name) {
            let twice = Diagnostic::new("this is said twice").found(format_args!("{name:?}"));
            return Err(self.at(key.span().start, twice.help("leave one of them out")));
        }
        match &*name {
            "engine" => settings.engine = Some(self.word(&name, value)?),
            "board" => {
                let board = self.text_of(&name, value)?;
                settings.board = Some(self.placed(value, board));
            }
            "target" => settings.target = Some(self.text_of(&name, value)?),
            "cpu" => settings.cpu = Some(self.text_of(&name, value)?),
            "optimize" => settings.optimize = Some(self.word(&name, value)?),
            "isa" => settings.isa = Some(self.word(&name, value)?),
            "max-arena" => {
                let most = self.written::<Bytes>(&name, value)?;
                settings.max_arena = Some(most.map(|Bytes(bytes)| bytes));
            }
            "max-flash" => {
                let most = self.written::<Bytes>(&name, value)?;
                settings.max_flash = Some(most.map(|Bytes(bytes)| bytes as u64));
            }
            "max-macs" => {
                let most = self.written::<Macs>(&name, value)?;
                settings.max_macs = Some(most.map(|Macs(macs)| macs));
            }
            "memories" => settings.memories = self.memories(value)?,
            "input-by" => settings.input_by = Some(self.word(&name, value)?),
            "buffers" => settings.buffers = Some(self.word(&name, value)?),
            "steps" => settings.steps = Some(self.truth(&name, value)?),
            "shape" => settings.shapes = self.words(&name, value)?,
            "without-pass" => {
                let passes: Vec<Passes> = self.words(&name, value)?;
                settings.without = passes.into_iter().collect();
            }
            "labels" => settings.labels = Some(self.path(&name, value)?),
            "io-spec" => settings.io_spec = Some(self.path(&name, value)?),
            "section" => {
                let SectionName(section) = self.word(&name, value)?;
                settings.section = Some(section);
            }
            "verify" => settings.verify = Some(self.truth(&name, value)?),
            _ => {
                let fault = Diagnostic::fault(format_args!("nothing takes the key {name:?}"));
                return Err(self.at(key.span().start, fault));
            }
        }
        seen.push(name);
        Ok(())
    }

    /// `dtcm = "64k fast"`, one for each.
    fn memories(self, value: &Value<'_>) -> Result<Vec<TargetMemory>> {
        let Some(table) = value.get_ref().as_table() else {
            let problem = Diagnostic::new("memories are a table")
                .expected("[memories] with lines such as dtcm = \"64k fast\"");
            return Err(self.at(value.span().start, problem));
        };
        let memories = in_order(table).into_iter().map(|(name, value)| {
            let words = self.text_of(name.get_ref(), value)?;
            let words: Vec<&str> = words.split_whitespace().collect();
            let memory = format!("{}={}", name.get_ref(), words.join(":")).parse();
            memory.map_err(|problem| self.at(name.span().start, problem))
        });
        memories.collect()
    }

    /// A file's path.
    fn path(self, key: &str, value: &Value<'_>) -> Result<Written<PathBuf>> {
        let path = self.text_of(key, value)?;
        let folder = self.file.parent().unwrap_or(Path::new(""));
        Ok(self.placed(value, folder.join(path)))
    }

    /// What a text or a number says, with its place.
    fn written<T: FromStr<Err = Diagnostic>>(
        self,
        key: &str,
        value: &Value<'_>,
    ) -> Result<Written<T>> {
        let parsed = self.word(key, value)?;
        Ok(self.placed(value, parsed))
    }

    fn placed<T>(self, value: &Value<'_>, parsed: T) -> Written<T> {
        Written {
            value: parsed,
            place: Place {
                file: Some(self.file.display().to_string()),
                position: Some(self.position(value.span().start)),
                ..Place::default()
            },
        }
    }

    /// What a text or a number says.
    fn word<T: FromStr<Err = Diagnostic>>(self, key: &str, value: &Value<'_>) -> Result<T> {
        let parsed = self.text_of(key, value)?.parse();
        parsed.map_err(|problem| self.at(value.span().start, problem))
    }

    /// What one text says, or each of a list.
    fn words<T: FromStr<Err = Diagnostic>>(self, key: &str, value: &Value<'_>) -> Result<Vec<T>> {
        match value.get_ref().as_array() {
            Some(list) => list.iter().map(|value| self.word(key, value)).collect(),
            None => Ok(vec![self.word(key, value)?]),
        }
    }

    /// `true` or `false`.
    fn truth(self, key: &str, value: &Value<'_>) -> Result<bool> {
        value.get_ref().as_bool().ok_or_else(|| {
            let problem = Diagnostic::new("this is neither true nor false")
                .expected(format_args!("{key} = true"))
                .found(value.get_ref().type_str());
            self.at(value.span().start, problem)
        })
    }

    /// A text, or a number as one.
    fn text_of(self, key: &str, value: &Value<'_>) -> Result<String> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.clone().into_owned()),
            DeValue::Integer(number) => {
                let decimal = u64::from_str_radix(number.as_str(), number.radix());
                // One that is negative or too large is no number of anything, whoever reads it.
                Ok(decimal.map_or_else(|_| number.to_string(), |number| number.to_string()))
            }
            other => {
                let problem = Diagnostic::new("this is no text")
                    .expected(format_args!("{key} = \"…\""))
                    .found(other.type_str());
                Err(self.at(value.span().start, problem))
            }
        }
    }

    fn table<'v, 't>(self, value: &'v Value<'t>, name: &str) -> Result<&'v DeTable<'t>> {
        value.get_ref().as_table().ok_or_else(|| {
            let problem = Diagnostic::new("this is a table")
                .expected(format_args!("{name} with a line for each key"))
                .found(value.get_ref().type_str());
            self.at(value.span().start, problem)
        })
    }

    /// What is wrong at a byte of the text.
    fn at(self, byte: usize, problem: Diagnostic) -> Diagnostic {
        let (line, column) = self.position(byte);
        problem.at_line(line, column)
    }

    /// Line and column of a byte.
    fn position(self, byte: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= byte);
        let start = self.lines.get(line.wrapping_sub(1)).copied().unwrap_or(0);
        let before = self.text.get(start..byte).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

/// Where lines begin: searching the text for each place would take a file of many models long.
fn line_starts(text: &str) -> Vec<usize> {
    let behind = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(behind).collect()
}
