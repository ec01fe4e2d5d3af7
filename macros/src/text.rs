//! Text as users of `include_bytes!` write it: a literal, or `concat!` and `env!` of such. The compiler hands these to a
//! macro as they stand, so they are evaluated here.
//!
//! What came through a macro by example lies in groups that nobody wrote; syn looks into them.

use std::collections::BTreeSet;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::parse::{ParseBuffer, ParseStream};
use syn::{Error, Ident, Lit, LitBool, LitInt, LitStr, Result, Token, parenthesized};

/// Parses and evaluates an argument; names of variables of the environment are added to those.
pub(crate) fn parse(input: ParseStream<'_>, variables: &mut BTreeSet<String>) -> Result<LitStr> {
    if input.peek(LitStr) {
        return input.parse();
    }
    let span = input.span();
    match input.peek(Lit) {
        true => Err(unexpected(span)),
        false => Ok(LitStr::new(&expand(input, variables)?, span)),
    }
}

/// A word that is no call: the name of something.
pub(crate) fn word_alone(input: ParseStream<'_>) -> Result<Option<LitStr>> {
    if !input.peek(Ident) || input.peek2(Token![!]) || input.peek2(Token![::]) {
        return Ok(None);
    }
    let word: Ident = input.parse()?;
    Ok(Some(LitStr::new(&word.unraw().to_string(), word.span())))
}

/// A number with a unit or without, as `6144` or `32k`, where one stands.
pub(crate) fn number(input: ParseStream<'_>) -> Result<Option<LitStr>> {
    if input.peek(LitStr) || !input.peek(Lit) {
        return Ok(None);
    }
    if !input.peek(LitInt) {
        return Err(Error::new(
            input.span(),
            "expected a number, as `6144` or `32k`",
        ));
    }
    let number: LitInt = input.parse()?;
    let text = format!("{}{}", number.base10_digits(), number.suffix());
    Ok(Some(LitStr::new(&text, number.span())))
}

/// `true` or `false`, where one stands.
pub(crate) fn truth(input: ParseStream<'_>) -> Result<Option<LitStr>> {
    if input.peek(LitStr) || !input.peek(Lit) {
        return Ok(None);
    }
    if !input.peek(LitBool) {
        return Err(Error::new(input.span(), "expected `true` or `false`"));
    }
    let truth: LitBool = input.parse()?;
    Ok(Some(LitStr::new(&truth.value.to_string(), truth.span())))
}

/// A part of `concat!`.
fn value(input: ParseStream<'_>, variables: &mut BTreeSet<String>) -> Result<String> {
    let span = input.span();
    if !input.peek(Lit) {
        return expand(input, variables);
    }
    match input.parse()? {
        Lit::Str(text) => Ok(text.value()),
        Lit::Char(character) => Ok(character.value().to_string()),
        Lit::Bool(truth) => Ok(truth.value.to_string()),
        Lit::Int(number) => Ok(number.base10_digits().to_owned()),
        _ => Err(unexpected(span)),
    }
}

/// A call of `concat!` or `env!`.
fn expand(input: ParseStream<'_>, variables: &mut BTreeSet<String>) -> Result<String> {
    let span = input.span();
    let (name, arguments) = call(input).map_err(|_| unexpected(span))?;
    if name == "concat" {
        let mut text = String::new();
        while !arguments.is_empty() {
            text += &value(&arguments, variables)?;
            comma(&arguments)?;
        }
        return Ok(text);
    }
    if name != "env" || arguments.is_empty() {
        return Err(unexpected(span));
    }
    let name = value(&arguments, variables)?;
    comma(&arguments)?;
    // What may follow is a message.
    arguments.parse::<TokenStream>()?;
    let text = std::env::var(&name).map_err(|_| {
        let missing = format!("the environment variable `{name}` is not set, or is not text");
        Error::new(span, missing)
    })?;
    variables.insert(name);
    Ok(text)
}

/// The name of the macro that is called, without the path to it, and what it is given.
fn call<'a>(input: ParseStream<'a>) -> Result<(Ident, ParseBuffer<'a>)> {
    let (_, mut words) = path(input)?;
    input.parse::<Token![!]>()?;
    let arguments;
    parenthesized!(arguments in input);
    match words.pop() {
        Some(name) => Ok((name, arguments)),
        None => Err(input.error("expected a name")),
    }
}

/// A path without arguments, and its words.
pub(crate) fn path(input: ParseStream<'_>) -> Result<(TokenStream, Vec<Ident>)> {
    let first: Option<Token![::]> = input.parse()?;
    let first = first.map(|_| quote!(::));
    let mut words = vec![word(input)?];
    while input.parse::<Option<Token![::]>>()?.is_some() {
        words.push(word(input)?);
    }
    Ok((quote!(#first #(#words)::*), words))
}

fn word(input: ParseStream<'_>) -> Result<Ident> {
    let leads = input.peek(Token![crate]) || input.peek(Token![self]) || input.peek(Token![super]);
    match leads {
        true => input.call(Ident::parse_any),
        false => input.parse(),
    }
}

/// What is between arguments.
fn comma(input: ParseStream<'_>) -> Result<()> {
    match input.is_empty() {
        true => Ok(()),
        false => input.parse::<Token![,]>().map(drop),
    }
}

fn unexpected(span: Span) -> Error {
    Error::new(
        span,
        "expected a string literal, or `concat!(…)` and `env!(…)` of such",
    )
}
