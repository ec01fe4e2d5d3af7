//! Literals as people write them: `3` for `3usize`, since every place here has a type.

use proc_macro2::{Group, Literal, TokenStream, TokenTree};

const SUFFIXES: [&str; 14] = [
    "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "u128", "i128", "usize", "isize", "f32",
    "f64",
];

/// Takes the type suffixes off all number literals.
pub fn without_suffixes(tokens: TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => {
                let inner = without_suffixes(group.stream());
                let mut plain = Group::new(group.delimiter(), inner);
                plain.set_span(group.span());
                TokenTree::Group(plain)
            }
            TokenTree::Literal(literal) => TokenTree::Literal(plain(literal)),
            other => other,
        })
        .collect()
}

fn plain(literal: Literal) -> Literal {
    let text = literal.to_string();
    // Strings are left as they are, unread: the weights are one.
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return literal;
    }
    let Some((digits, suffix)) =
        (SUFFIXES.iter()).find_map(|suffix| Some((text.strip_suffix(suffix)?, suffix)))
    else {
        return literal;
    };
    let number = match suffix.starts_with('f') && !digits.contains(['.', 'e', 'E']) {
        true => format!("{digits}.0"),
        false => digits.to_owned(),
    };
    number.parse().unwrap_or(literal)
}
