//! Literals as people write them: `3` for `3usize`, since every place here has a type.

use proc_macro2::{Group, Literal, TokenStream, TokenTree};

/// Takes the type suffixes off all number literals.
pub(super) fn without_suffixes(tokens: TokenStream) -> TokenStream {
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
    let number = match syn::parse_str(&text) {
        Ok(syn::Lit::Int(int)) if !int.suffix().starts_with('f') => int.base10_digits().to_owned(),
        Ok(syn::Lit::Int(int)) => format!("{}.0", int.base10_digits()),
        Ok(syn::Lit::Float(float)) => match float.base10_digits() {
            digits if digits.contains(['.', 'e', 'E']) => digits.to_owned(),
            digits => format!("{digits}.0"),
        },
        _ => return literal,
    };
    number.parse().unwrap_or(literal)
}

#[cfg(test)]
mod tests {
    use super::without_suffixes;
    use quote::quote;

    #[test]
    fn suffixes_go_and_values_stay() {
        let tokens = quote!([1usize, -2i32, 0.5f32, 3f32, 1e10f32, "4usize", b"5u8", {
            6u64
        }]);
        let expected = quote!([1, -2, 0.5, 3.0, 1e10, "4usize", b"5u8", { 6 }]);
        assert_eq!(without_suffixes(tokens).to_string(), expected.to_string());
    }
}
