//! Memories as users write them.

use std::str::FromStr;

use super::Bytes;
use crate::error::Diagnostic;
use crate::ident::{Language, identifier};
use crate::plan::{MemoryKind, Speed, TargetMemory};

/// How users mark memory for weights.
const ROM: &str = "rom";

/// Names that would hide, or be hidden by, others of the generated code.
const TAKEN: [&str; 15] = [
    "arena",
    "init",
    "labels",
    "m",
    "macs",
    "model",
    "push_rows",
    "reset",
    "run",
    "self_test",
    "state",
    "status",
    "status_text",
    "weight",
    "weights",
];

/// `NAME=SIZE`, `NAME=SIZE:SPEED`, `NAME=SIZE:rom` or both.
impl FromStr for TargetMemory {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let wrong = || {
            Diagnostic::new("this is no memory")
                .expected("NAME=SIZE, with a speed and rom behind it where they hold, as dtcm=64k:fast or qspi=8M:slow:rom (in include_model! dtcm = 64k fast); a speed is fast, normal or slow")
                .found(format_args!("{text:?}"))
        };
        let (name, rest) = text.split_once('=').ok_or_else(wrong)?;
        let mut words = rest.split(':');
        let Bytes(bytes) = words.next().unwrap_or_default().parse()?;
        let all = [Speed::Fast, Speed::Normal, Speed::Slow];
        let (mut speed, mut kind) = (None, None);
        for word in words {
            let known = all.into_iter().find(|known| known.name() == word);
            let is_new = match known {
                Some(known) => speed.replace(known).is_none(),
                None => word == ROM && kind.replace(MemoryKind::Rom).is_none(),
            };
            if !is_new {
                return Err(wrong());
            }
        }
        let memory = Self {
            name: name.to_owned(),
            bytes: bytes.min(usize::MAX / 4),
            speed: speed.unwrap_or_default(),
            kind: kind.unwrap_or_default(),
            section: None,
        };
        checked_name(name)?;
        Ok(memory)
    }
}

/// A name has to be a word of its own in Rust and in C, and what is made of it must not be another's.
fn checked_name(name: &str) -> Result<(), Diagnostic> {
    let is_word = [Language::Rust, Language::C]
        .into_iter()
        .all(|language| identifier(name, language) == name);
    let words = name.split('_');
    let is_plain = words.clone().all(|word| {
        let mut letters = word.bytes();
        letters
            .next()
            .is_some_and(|first| first.is_ascii_lowercase())
            && letters.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    });
    let first = words.clone().next();
    let is_taken =
        TAKEN.contains(&name) || first.is_some_and(|word| ["input", "output"].contains(&word));
    match is_word && is_plain && !is_taken {
        true => Ok(()),
        false => Err(Diagnostic::new("a memory cannot have this name in the generated code")
            .expected("words of small letters and digits with _ between, as dtcm or ext_ram; not a word of the generated interface, as model, run, state or weights, or input and output in front")
            .found(format_args!("{name:?}"))),
    }
}

/// What is wrong with memories together.
pub(super) fn check(rams: &[TargetMemory]) -> Result<(), Diagnostic> {
    let twice = (rams.iter().enumerate())
        .find(|(at, ram)| rams[..*at].iter().any(|before| before.name == ram.name));
    match twice {
        Some((_, ram)) => Err(Diagnostic::new("two memories have one name")
            .found(format_args!("{:?} twice", ram.name))),
        None => Ok(()),
    }
}
