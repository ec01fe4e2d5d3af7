//! What is written between the parentheses of `include_model!`.

use std::collections::BTreeSet;

use castiron_codegen::plan::TargetMemory;
use castiron_codegen::target::Isa;
use proc_macro2::{Group, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitInt, LitStr, Token, braced, token};

use crate::text;

/// `[vis] [mod name =] "path" [, labels = "path"] [, section = "name"] [, engine = "tflm"]
/// [, optimize = "size"] [, max_arena = "32k"] [, memories = { dtcm = 64k fast }] [, input_by = "rows"] [, shape = "input=1x96x96x3"] [, without_pass = "all"] [, ops = path] [, scratch = "Op=256"]
/// [, state = "Op=256"] [, crate = path]`, with [`text`] wherever there is a literal.
pub(crate) struct Arguments {
    /// The instructions of the processor that the model is for.
    pub(crate) isa: Isa,
    pub(crate) visibility: TokenStream,
    pub(crate) name: Option<Ident>,
    pub(crate) path: LitStr,
    pub(crate) labels: Option<LitStr>,
    pub(crate) section: Option<LitStr>,
    pub(crate) engine: Option<LitStr>,
    /// The path of the crate `castiron`.
    pub(crate) crate_path: Option<TokenStream>,
    pub(crate) optimize: Option<LitStr>,
    /// The most bytes of arena.
    pub(crate) max_arena: Option<LitStr>,
    /// The memories of the arena.
    pub(crate) memories: Vec<TargetMemory>,
    pub(crate) input_by: Option<LitStr>,
    /// The instructions that the user says the processor has.
    pub(crate) isa_literal: Option<LitStr>,
    /// Of inputs whose sizes the file leaves open: one each.
    pub(crate) shapes: Vec<LitStr>,
    /// Passes to leave out: one each.
    pub(crate) without: Vec<LitStr>,
    /// The path of the type that computes custom operators.
    pub(crate) ops: Option<TokenStream>,
    /// Memory of custom operators: one each.
    pub(crate) scratch: Vec<LitStr>,
    pub(crate) state: Vec<LitStr>,
    /// Variables of the environment that any of these name.
    pub(crate) variables: BTreeSet<String>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let isa = isa(input)?;
        let visibility = visibility(input)?;
        let name = if input.peek(Token![mod]) {
            input.parse::<Token![mod]>()?;
            let name = input.parse()?;
            input.parse::<Token![=]>()?;
            Some(name)
        } else {
            None
        };
        let mut variables = BTreeSet::new();
        let path = text::parse(input, &mut variables)?;
        let mut arguments = Self {
            isa,
            visibility,
            name,
            path,
            labels: None,
            section: None,
            engine: None,
            crate_path: None,
            optimize: None,
            max_arena: None,
            memories: Vec::new(),
            input_by: None,
            isa_literal: None,
            shapes: Vec::new(),
            without: Vec::new(),
            ops: None,
            scratch: Vec::new(),
            state: Vec::new(),
            variables,
        };
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            arguments.option(input)?;
        }
        Ok(arguments)
    }
}

impl Arguments {
    fn option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let key = input.call(Ident::parse_any)?;
        let mut text = || {
            input.parse::<Token![=]>()?;
            text::parse(input, &mut self.variables)
        };
        let key_text = key.to_string();
        let before = match key_text.as_str() {
            "labels" => self.labels.replace(text()?).is_some(),
            "section" => self.section.replace(text()?).is_some(),
            "engine" => self.engine.replace(text()?).is_some(),
            "optimize" => self.optimize.replace(text()?).is_some(),
            "max_arena" => self.max_arena.replace(text()?).is_some(),
            "memories" => {
                input.parse::<Token![=]>()?;
                !std::mem::replace(&mut self.memories, memories(input)?).is_empty()
            }
            "input_by" => self.input_by.replace(text()?).is_some(),
            "isa" => self.isa_literal.replace(text()?).is_some(),
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
                input.parse::<Token![=]>()?;
                self.ops.replace(path(input, Names::Type)?).is_some()
            }
            "crate" => {
                input.parse::<Token![=]>()?;
                self.crate_path
                    .replace(path(input, Names::Crate)?)
                    .is_some()
            }
            _ => {
                return Err(syn::Error::new(
                    key.span(),
                    "unknown option; the options are `labels = \"file\"`, `section = \"name\"`, \
                     `optimize = \"size\"`, `max_arena = \"32k\"`, `memories = { dtcm = 64k fast, sram = 256k }`, `input_by = \"rows\"`, `isa = \"dsp\"`, `shape = \"input=1x96x96x3\"`, `without_pass = \"all\"`, `ops = path`, \
                     `scratch = \"MyOp=256\"`, `state = \"MyOp=256\"`, `engine = \"tflm\"` and `crate = path`",
                ));
            }
        };
        match before {
            false => Ok(()),
            true => Err(syn::Error::new(key.span(), "this option is given twice")),
        }
    }
}

/// What the crate `castiron` says of the processor, before what its user does: `@"dsp"`.
fn isa(input: ParseStream<'_>) -> syn::Result<Isa> {
    if !input.peek(Token![@]) {
        return Ok(Isa::default());
    }
    input.parse::<Token![@]>()?;
    let name: LitStr = input.parse()?;
    let isa = Isa::ALL.into_iter().find(|isa| isa.name() == name.value());
    isa.ok_or_else(|| syn::Error::new(name.span(), "unknown instructions"))
}

/// `{ dtcm = 64k fast, sram = 256k }`.
fn memories(input: ParseStream<'_>) -> syn::Result<Vec<TargetMemory>> {
    let list;
    braced!(list in input);
    let mut memories = Vec::new();
    while !list.is_empty() {
        let name = list.call(Ident::parse_any)?;
        list.parse::<Token![=]>()?;
        let size: LitInt = list.parse()?;
        let mut text = format!("{name}={size}");
        while list.peek(Ident) {
            text += &format!(":{}", list.parse::<Ident>()?);
        }
        let memory = text.parse::<TargetMemory>();
        memories.push(memory.map_err(|problem| syn::Error::new(name.span(), problem))?);
        if !list.is_empty() {
            list.parse::<Token![,]>()?;
        }
    }
    match memories.is_empty() {
        false => Ok(memories),
        true => Err(list.error("name a memory, as `dtcm = 64k fast`")),
    }
}

/// `pub`, with what may be in parentheses behind it.
fn visibility(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    if !input.peek(Token![pub]) {
        return Ok(TokenStream::new());
    }
    let public = input.call(Ident::parse_any)?;
    let within: Option<Group> = match input.peek(token::Paren) {
        true => Some(input.parse()?),
        false => None,
    };
    Ok(quote!(#public #within))
}

/// What a path leads to.
#[derive(PartialEq)]
enum Names {
    Crate,
    Type,
}

/// A path that means the same within the module as beside the call. A type of one word is beside the call alone.
fn path(input: ParseStream<'_>, names: Names) -> syn::Result<TokenStream> {
    let (path, words) = text::path(input)?;
    let is_beside = |first: &Ident| first == "self" || first == "super";
    match &words[..] {
        [first, rest @ ..] if is_beside(first) || (rest.is_empty() && names == Names::Type) => {
            Err(syn::Error::new(
                first.span(),
                "this path has another meaning inside the module; start it with `crate` or a crate's name",
            ))
        }
        _ => Ok(path),
    }
}
