//! Text as users of `include_bytes!` write it: a literal, or `concat!` and `env!` of such. The compiler hands these to a
//! macro as they stand, so they are evaluated here.

use std::collections::BTreeSet;

use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Error, Expr, ExprLit, ExprMacro, Lit, LitStr, Result, Token};

type List = Punctuated<Expr, Token![,]>;

/// Parses and evaluates an argument; names of variables of the environment are added to those.
pub(crate) fn parse(input: ParseStream<'_>, variables: &mut BTreeSet<String>) -> Result<LitStr> {
    match unwrapped(&input.parse()?) {
        Expr::Lit(ExprLit {
            lit: Lit::Str(literal),
            ..
        }) => Ok(LitStr::new(&literal.value(), literal.span())),
        expression @ Expr::Macro(_) => {
            let text = value(expression, variables)?;
            Ok(LitStr::new(&text, expression.span()))
        }
        other => Err(unexpected(other)),
    }
}

/// An expression that came through a macro by example lies in a group that nobody wrote.
fn unwrapped(expression: &Expr) -> &Expr {
    match expression {
        Expr::Group(group) => unwrapped(&group.expr),
        expression => expression,
    }
}

fn value(expression: &Expr, variables: &mut BTreeSet<String>) -> Result<String> {
    match unwrapped(expression) {
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            Lit::Str(text) => Ok(text.value()),
            Lit::Char(character) => Ok(character.value().to_string()),
            Lit::Bool(truth) => Ok(truth.value.to_string()),
            Lit::Int(number) => Ok(number.base10_digits().to_owned()),
            _ => Err(unexpected(expression)),
        },
        Expr::Macro(called) => expand(called, variables),
        other => Err(unexpected(other)),
    }
}

fn expand(called: &ExprMacro, variables: &mut BTreeSet<String>) -> Result<String> {
    let tokens = called.mac.tokens.clone();
    let name = (called.mac.path.segments.last()).map(|segment| segment.ident.to_string());
    match name.as_deref() {
        Some("concat") => {
            let parts = List::parse_terminated.parse2(tokens)?;
            parts.iter().map(|part| value(part, variables)).collect()
        }
        Some("env") => {
            // What may follow is a message.
            let arguments = List::parse_terminated.parse2(tokens)?;
            let Some(name) = arguments.first() else {
                return Err(unexpected(called));
            };
            let name = value(name, variables)?;
            let text = std::env::var(&name).map_err(|_| {
                let missing =
                    format!("the environment variable `{name}` is not set, or is not text");
                Error::new(called.span(), missing)
            })?;
            variables.insert(name);
            Ok(text)
        }
        _ => Err(unexpected(called)),
    }
}

fn unexpected(what: &impl syn::spanned::Spanned) -> Error {
    Error::new(
        what.span(),
        "expected a string literal, or `concat!(…)` and `env!(…)` of such",
    )
}
