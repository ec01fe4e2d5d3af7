//! What ties a module to the runtime that it calls: the runtime's path and its version.

use proc_macro2::{Group, Spacing, TokenStream, TokenTree};
use quote::quote;

/// This crate's version, which is the runtime's: Cargo.toml pins it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Fails to compile beside a runtime of another version.
pub(super) fn guard() -> TokenStream {
    let message = format!(
        "castiron {VERSION} generated this module, but the crate castiron here is of another version: \
         depend on castiron = \"={VERSION}\", or generate the module again"
    );
    quote! {
        const _: () = ::core::assert!(::castiron::is_version(#VERSION), #message);
    }
}

/// The tokens with another path in place of each `::castiron`. Only this generator writes that path: what a model's
/// author wrote is in literals, or is an identifier without a path before it.
pub fn through(path: Option<&TokenStream>, tokens: TokenStream) -> TokenStream {
    match path {
        Some(path) => renamed(path, tokens),
        None => tokens,
    }
}

fn renamed(path: &TokenStream, tokens: TokenStream) -> TokenStream {
    let mut result = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), renamed(path, group.stream()));
                inner.set_span(group.span());
                result.extend([TokenTree::Group(inner)]);
            }
            TokenTree::Punct(colon)
                if colon.as_char() == ':' && colon.spacing() == Spacing::Joint =>
            {
                let second = tokens.next();
                match tokens
                    .next_if(|token| matches!(token, TokenTree::Ident(name) if name == "castiron"))
                {
                    Some(_) => result.extend(path.clone()),
                    None => result.extend(std::iter::once(TokenTree::Punct(colon)).chain(second)),
                }
            }
            other => result.extend([other]),
        }
    }
    result
}
