//! What the text of a `castiron.toml` says.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Bytes, Config};
use crate::error::Diagnostic;
use crate::plan::TargetMemory;

const KEYS: &str = "optimize, max_arena and [memories]";

pub(super) fn parse(text: &str) -> Result<Config, Diagnostic> {
    let table = DeTable::parse(text).map_err(|e| {
        let problem = Diagnostic::new(e.message()).help(format_args!(
            "correct it: {} is TOML with {KEYS}",
            Config::FILE
        ));
        at(text, e.span().map_or(0, |span| span.start), problem)
    })?;
    let mut config = Config::default();
    for (key, value) in table.get_ref() {
        let name = key.get_ref().as_ref();
        let wrong = |d: Diagnostic| at(text, value.span().start, d);
        match name {
            "optimize" => {
                config.optimize = Some(word(name, value).map_err(wrong)?.parse().map_err(wrong)?)
            }
            "max_arena" => {
                let Bytes(bytes) = word(name, value).map_err(wrong)?.parse().map_err(wrong)?;
                config.max_arena = Some(bytes);
            }
            "memories" => config.memories = memories(text, value)?,
            _ => {
                let unknown = Diagnostic::new("castiron does not know this key")
                    .expected(KEYS)
                    .found(format_args!("{name:?}"));
                return Err(at(text, key.span().start, unknown));
            }
        }
    }
    Ok(config)
}

/// `dtcm = "64k fast"`, one for each.
fn memories(text: &str, value: &Spanned<DeValue<'_>>) -> Result<Vec<TargetMemory>, Diagnostic> {
    let Some(table) = value.get_ref().as_table() else {
        let problem = Diagnostic::new("memories are a table")
            .expected("[memories] with lines such as dtcm = \"64k fast\"");
        return Err(at(text, value.span().start, problem));
    };
    // The table is sorted by names.
    let mut lines: Vec<_> = table.iter().collect();
    lines.sort_by_key(|(name, _)| name.span().start);
    let memories = lines.into_iter().map(|(name, value)| {
        let wrong = |d: Diagnostic| at(text, name.span().start, d);
        let name = name.get_ref();
        let words = word(name, value).map_err(wrong)?;
        let words: Vec<&str> = words.split_whitespace().collect();
        format!("{name}={}", words.join(":")).parse().map_err(wrong)
    });
    memories.collect()
}

/// A text, or a number as one.
fn word(key: &str, value: &Spanned<DeValue<'_>>) -> Result<String, Diagnostic> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Integer(number) => Ok(number.as_str().to_owned()),
        other => Err(Diagnostic::new("this is no text")
            .expected(format_args!("{key} = \"…\""))
            .found(other.type_str())),
    }
}

/// What is wrong at a byte of the text.
fn at(text: &str, byte: usize, problem: Diagnostic) -> Diagnostic {
    let before = text.get(..byte).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    problem.at_line(line, before[start..].chars().count() + 1)
}
