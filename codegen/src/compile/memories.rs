//! Memories as users write them.

use std::str::FromStr;

use super::Bytes;
use crate::error::Diagnostic;
use crate::ident::{Language, identifier};
use crate::plan::{Ram, Speed};

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

/// `NAME=SIZE` or `NAME=SIZE:SPEED`.
impl FromStr for Ram {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let wrong = || {
            Diagnostic::new("this is no memory")
                .expected("NAME=SIZE or NAME=SIZE:SPEED, as dtcm=64k:fast (in include_model! dtcm = 64k fast); a speed is fast, normal or slow")
                .found(format_args!("{text:?}"))
        };
        let (name, rest) = text.split_once('=').ok_or_else(wrong)?;
        let (size, speed) = match rest.split_once(':') {
            Some((size, speed)) => (size, speed),
            None => (rest, Speed::default().name()),
        };
        let all = [Speed::Fast, Speed::Normal, Speed::Slow];
        let speed = all.into_iter().find(|known| known.name() == speed);
        let Bytes(bytes) = size.parse()?;
        let ram = Self {
            name: name.to_owned(),
            bytes: bytes.min(usize::MAX / 4),
            speed: speed.ok_or_else(wrong)?,
            section: None,
        };
        checked_name(name)?;
        Ok(ram)
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
pub(super) fn check(rams: &[Ram]) -> Result<(), Diagnostic> {
    let twice = (rams.iter().enumerate())
        .find(|(at, ram)| rams[..*at].iter().any(|before| before.name == ram.name));
    match twice {
        Some((_, ram)) => Err(Diagnostic::new("two memories have one name")
            .found(format_args!("{:?} twice", ram.name))),
        None => Ok(()),
    }
}
