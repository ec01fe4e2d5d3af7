//! What is written between the parentheses of `include_model!`.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};

use crate::input::{Error, Input, Result};
use crate::text::{self, Text};

/// `[vis] [mod name =] "path" [, labels = "path"] [, section = "name"] [, engine = "tflm"]
/// [, optimize = "size"] [, shape = "input=1x96x96x3"] [, without_pass = "all"] [, ops = path] [, scratch = "Op=256"]
/// [, state = "Op=256"] [, crate = path]`, with [`text`] wherever there is a literal.
pub(crate) struct Arguments {
    pub(crate) visibility: TokenStream,
    pub(crate) name: Option<Ident>,
    pub(crate) path: Text,
    pub(crate) labels: Option<Text>,
    pub(crate) section: Option<Text>,
    pub(crate) engine: Option<Text>,
    /// The path of the crate `castiron`.
    pub(crate) crate_path: Option<TokenStream>,
    pub(crate) optimize: Option<Text>,
    /// Of inputs whose sizes the file leaves open: one each.
    pub(crate) shapes: Vec<Text>,
    /// Passes to leave out: one each.
    pub(crate) without: Vec<Text>,
    /// The path of the type that computes custom operators.
    pub(crate) ops: Option<TokenStream>,
    /// Memory of custom operators: one each.
    pub(crate) scratch: Vec<Text>,
    pub(crate) state: Vec<Text>,
    /// Variables of the environment that any of these name.
    pub(crate) variables: BTreeSet<String>,
}

impl Arguments {
    pub(crate) fn parse(tokens: TokenStream) -> Result<Self> {
        let input = &mut Input::new(tokens, Span::call_site());
        let visibility = visibility(input);
        let name = match input.word("mod") {
            Some(_) => {
                let name = input.ident()?;
                input.expect('=')?;
                Some(name)
            }
            None => None,
        };
        let mut variables = BTreeSet::new();
        let path = text::parse(input, &mut variables)?;
        let mut arguments = Self {
            visibility,
            name,
            path,
            labels: None,
            section: None,
            engine: None,
            crate_path: None,
            optimize: None,
            shapes: Vec::new(),
            without: Vec::new(),
            ops: None,
            scratch: Vec::new(),
            state: Vec::new(),
            variables,
        };
        while input.peek().is_some() {
            input.expect(',')?;
            if input.peek().is_some() {
                arguments.option(input)?;
            }
        }
        Ok(arguments)
    }

    fn option(&mut self, input: &mut Input) -> Result<()> {
        let key = input.ident()?;
        let mut text = || {
            input.expect('=')?;
            text::parse(input, &mut self.variables)
        };
        let key_text = key.to_string();
        let before = match key_text.as_str() {
            "labels" => self.labels.replace(text()?).is_some(),
            "section" => self.section.replace(text()?).is_some(),
            "engine" => self.engine.replace(text()?).is_some(),
            "optimize" => self.optimize.replace(text()?).is_some(),
            "shape" | "scratch" | "state" => {
                let text = text()?;
                let list = match key_text.as_str() {
                    "shape" => &mut self.shapes,
                    "scratch" => &mut self.scratch,
                    _ => &mut self.state,
                };
                list.push(text);
                false
            }
            "without_pass" => {
                let pass = text()?;
                self.without.push(pass);
                false
            }
            "ops" => {
                input.expect('=')?;
                self.ops.replace(path(input)?).is_some()
            }
            "crate" => {
                input.expect('=')?;
                self.crate_path.replace(path(input)?).is_some()
            }
            _ => {
                return Err(Error::new(
                    key.span(),
                    "unknown option; the options are `labels = \"file\"`, `section = \"name\"`, \
                     `optimize = \"size\"`, `shape = \"input=1x96x96x3\"`, `without_pass = \"all\"`, `ops = path`, \
                     `scratch = \"MyOp=256\"`, `state = \"MyOp=256\"`, `engine = \"tflm\"` and `crate = path`",
                ));
            }
        };
        match before {
            false => Ok(()),
            true => Err(Error::new(key.span(), "this option is given twice")),
        }
    }
}

/// What stands before `mod`, or nothing.
fn visibility(input: &mut Input) -> TokenStream {
    let Some(word) = input.word("pub") else {
        return TokenStream::new();
    };
    let within = input.group(Delimiter::Parenthesis).map(TokenTree::from);
    [Some(word.into()), within].into_iter().flatten().collect()
}

/// A path that means the same within the module as beside the call.
fn path(input: &mut Input) -> Result<TokenStream> {
    let start = input.span();
    let (path, [first, last]) = input.path()?;
    match first == "self" || first == "super" {
        true => Err(Error::between(
            [start, last.span()],
            "this path has another meaning inside the module; start it with `crate` or a crate's name",
        )),
        false => Ok(path),
    }
}
