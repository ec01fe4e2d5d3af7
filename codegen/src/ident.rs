//! Identifiers made from any text.

use std::collections::{HashMap, HashSet};

/// Whose keywords an identifier has to avoid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// C and C++ together: a header is read by both.
    C,
    /// Rust, edition 2024.
    Rust,
}

/// Longest identifier made; more helps nobody and some linkers cut names.
pub const MAX_LEN: usize = 64;

/// An identifier of ASCII letters, digits and single underscores made from `text`.
///
/// It starts with a letter, never holds two underscores in a row (reserved in C++) and is no
/// keyword of `language`. Text without a usable character gives `model`.
pub fn identifier(text: &str, language: Language) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        if out.len() == MAX_LEN {
            break;
        }
    }
    let out = out.trim_end_matches('_');
    match out.bytes().next() {
        None => "model".to_owned(),
        Some(b'0'..=b'9') => format!("m{out}"),
        Some(_) if is_keyword(out, language) => format!("{out}_model"),
        Some(_) => out.to_owned(),
    }
}

/// Whether `word` is a keyword of `language`, or a name every program of it already has.
pub fn is_keyword(word: &str, language: Language) -> bool {
    match language {
        Language::C => C_KEYWORDS.binary_search(&word).is_ok(),
        Language::Rust => RUST_KEYWORDS.binary_search(&word).is_ok(),
    }
}

/// Names already given out in one scope.
#[derive(Debug, Clone, Default)]
pub struct Names {
    taken: HashSet<String>,
    /// The number that the next one who wants a name tries first.
    next: HashMap<String, usize>,
}

impl Names {
    /// No name taken yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// These names taken already.
    pub fn without<'a>(taken: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            taken: taken.into_iter().map(str::to_owned).collect(),
            next: HashMap::new(),
        }
    }

    /// `wanted`, or `wanted_2`, `wanted_3`, … when it is taken.
    pub fn unique(&mut self, wanted: &str) -> String {
        self.unique_by(wanted, |n| format!("{wanted}_{n}"))
    }

    /// `wanted`, or the first that is free of what `numbered` makes of 2, 3, … when it is taken.
    pub fn unique_by(&mut self, wanted: &str, numbered: impl Fn(usize) -> String) -> String {
        if self.taken.insert(wanted.to_owned()) {
            return wanted.to_owned();
        }
        let n = self.next.entry(wanted.to_owned()).or_insert(2);
        loop {
            let name = numbered(*n);
            *n += 1;
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

// Sorted: looked up by binary search.
pub const C_KEYWORDS: &[&str] = &[
    "NULL",
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "char16_t",
    "char32_t",
    "char8_t",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "errno",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "fortran",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "main",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "nullptr",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "requires",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "std",
    "struct",
    "switch",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "typeof_unqual",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
];

pub const RUST_KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "core", "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen",
    "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv",
    "pub", "ref", "return", "self", "static", "std", "struct", "super", "trait", "true", "try",
    "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];
