//! What the generator is told of a call, and what it is not: tokens that have a meaning only where they were written.

use std::env;
use std::ffi::OsString;

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use syn::{Error, Result};

use crate::arguments::Arguments;
use crate::files;

/// What a field of a call is called, and its value.
pub(crate) type Field = (String, OsString);

/// What stands in generated code for the paths that a user writes.
const OPS: &str = "__castiron_ops";
const CRATE: &str = "__castiron_crate";

/// A call as the generator takes it, and where each field of it was written.
#[derive(Default)]
pub(crate) struct Call {
    pub(crate) fields: Vec<Field>,
    spans: Vec<Span>,
}

impl Call {
    /// Errors that belong nowhere else are told at the first field, which is the path.
    pub(crate) fn of(arguments: &Arguments) -> Result<Self> {
        let mut call = Self::default();
        let path = &arguments.path;
        call.add("path", path.value(), path.span());
        if let Some(file) = files::of_model(path, arguments.is_name)? {
            call.add("file", file, path.span());
        }
        if let Some(labels) = &arguments.labels {
            call.add("labels", files::resolve(labels)?, labels.span());
        }
        if let Some(target) = &arguments.target {
            call.add("target", target.value(), target.span());
        }
        if let Some(name) = &arguments.name {
            call.add("module", name.to_string(), name.span());
        }
        if arguments.ops.is_some() {
            call.add("ops", OPS, span(&arguments.ops));
        }
        if let Some(path) = &arguments.crate_path {
            let span = span(&arguments.crate_path);
            call.add("crate", CRATE, span);
            call.add("crate_name", path.to_string().replace(' ', ""), span);
        }
        for (name, text, span) in &arguments.options {
            call.add(name, text, *span);
        }
        for (name, variable) in [("manifest", "CARGO_MANIFEST_DIR"), ("out", "OUT_DIR")] {
            if let Some(folder) = env::var_os(variable) {
                call.add(name, folder, path.span());
            }
        }
        Ok(call)
    }

    fn add(&mut self, name: &str, value: impl Into<OsString>, span: Span) {
        self.fields.push((name.to_owned(), value.into()));
        self.spans.push(span);
    }

    /// What is wrong with a field.
    pub(crate) fn error(&self, field: usize, message: &str) -> Error {
        let span = self.spans.get(field).copied();
        Error::new(span.unwrap_or_else(Span::call_site), message)
    }
}

/// Where tokens begin.
fn span(tokens: &Option<TokenStream>) -> Span {
    let first = tokens.clone().and_then(|tokens| tokens.into_iter().next());
    first.map_or_else(Span::call_site, |token| token.span())
}

/// Generated code with the user's paths in their places.
pub(crate) fn with_paths(code: TokenStream, arguments: &Arguments) -> TokenStream {
    match (&arguments.ops, &arguments.crate_path) {
        (None, None) => code,
        (ops, crate_path) => replaced(code, &|name| match name {
            _ if name == OPS => ops.as_ref(),
            _ if name == CRATE => crate_path.as_ref(),
            _ => None,
        }),
    }
}

fn replaced<'a>(
    code: TokenStream,
    path: &impl Fn(&Ident) -> Option<&'a TokenStream>,
) -> TokenStream {
    let mut result = TokenStream::new();
    for token in code {
        match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), replaced(group.stream(), path));
                inner.set_span(group.span());
                result.extend([TokenTree::Group(inner)]);
            }
            TokenTree::Ident(name) => match path(&name) {
                Some(path) => result.extend(path.clone()),
                None => result.extend([TokenTree::Ident(name)]),
            },
            other => result.extend([other]),
        }
    }
    result
}
