//! Text as users of `include_bytes!` write it: a literal, or `concat!` and `env!` of such. The compiler hands these to a
//! macro as they stand, so they are evaluated here.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};

use crate::input::{Error, Input, Result};
use crate::literal;

/// A text, and where it is.
pub(crate) struct Text {
    value: String,
    span: Span,
}

impl Text {
    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    pub(crate) fn span(&self) -> Span {
        self.span
    }
}

/// Parses and evaluates an argument; names of variables of the environment are added to those.
pub(crate) fn parse(input: &mut Input, variables: &mut BTreeSet<String>) -> Result<Text> {
    let span = input.span();
    let value = match input.peek() {
        Some(TokenTree::Literal(literal)) => match literal::string(literal) {
            Some(value) => {
                input.next();
                value
            }
            None => return Err(unexpected(span)),
        },
        _ => called(input, variables)?,
    };
    Ok(Text { value, span })
}

/// What may be an argument of `concat!`.
fn value(input: &mut Input, variables: &mut BTreeSet<String>) -> Result<String> {
    let span = input.span();
    let text = match input.peek() {
        Some(TokenTree::Literal(literal)) => literal::text(literal),
        Some(TokenTree::Ident(word)) if word == "true" || word == "false" => Some(word.to_string()),
        _ => return called(input, variables),
    };
    input.next();
    text.ok_or_else(|| unexpected(span))
}

/// The value of a macro's call.
fn called(input: &mut Input, variables: &mut BTreeSet<String>) -> Result<String> {
    let span = input.span();
    if input.peek().is_none() {
        return Err(input.error("a string literal"));
    }
    let unexpected = || unexpected(span);
    let (_, [_, name]) = input.path().map_err(|_| unexpected())?;
    input.sign('!').ok_or_else(unexpected)?;
    let delimiters = [Delimiter::Parenthesis, Delimiter::Bracket, Delimiter::Brace];
    let group: Option<Group> = delimiters.into_iter().find_map(|d| input.group(d));
    let group = group.ok_or_else(unexpected)?;
    match name.to_string().as_str() {
        "concat" => Ok(list(group.stream(), span, variables)?.concat()),
        "env" => {
            // What may follow is a message.
            let arguments = list(group.stream(), span, variables)?;
            let name = arguments.first().ok_or_else(unexpected)?;
            let text = std::env::var(name).map_err(|_| {
                let missing =
                    format!("the environment variable `{name}` is not set, or is not text");
                Error::new(span, missing)
            })?;
            variables.insert(name.clone());
            Ok(text)
        }
        _ => Err(unexpected()),
    }
}

/// The values between a macro's parentheses.
fn list(tokens: TokenStream, end: Span, variables: &mut BTreeSet<String>) -> Result<Vec<String>> {
    let mut input = Input::new(tokens, end);
    let mut values = Vec::new();
    while input.peek().is_some() {
        values.push(value(&mut input, variables)?);
        if input.peek().is_some() {
            input.expect(',')?;
        }
    }
    Ok(values)
}

fn unexpected(span: Span) -> Error {
    Error::new(
        span,
        "expected a string literal, or `concat!(…)` and `env!(…)` of such",
    )
}
