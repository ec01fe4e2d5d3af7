//! Rust identifiers from a model's free text.

use crate::ident::{self, Language, Names};

/// A module name from a file's stem: `my-model v2` → `my_model_v2`.
pub fn module_name(stem: &str) -> String {
    snake_case(stem)
}

/// Snake case out of any text; `model` where nothing usable is left.
pub(super) fn snake_case(text: &str) -> String {
    ident::identifier(&text.to_ascii_lowercase(), Language::Rust)
}

/// Distinct names for the inputs or outputs of an entry point; a position stands for a name
/// without a usable character.
pub fn port_names<'a>(ports: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names = Names::new();
    ports
        .enumerate()
        .map(|(i, text)| match says_something(text) {
            true => names.unique(&snake_case(text)),
            false => names.unique(&i.to_string()),
        })
        .collect()
}

/// A word with a capital.
pub(super) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Whether a name would keep anything as an identifier.
pub(super) fn says_something(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_alphanumeric())
}
