//! What is written between the parentheses of `include_model!`.

use std::collections::BTreeSet;

use proc_macro2::{Group, Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitInt, LitStr, Result, Token, braced, token};

use crate::text;

/// Options that are text, each once at most; what they mean, the generator says.
const ONCE: [&str; 12] = [
    "section",
    "engine",
    "optimize",
    "max_arena",
    "max_flash",
    "max_macs",
    "input_by",
    "buffers",
    "isa",
    "server",
    "steps",
    "verify",
];
/// Those of them that are numbers, with a unit or without, and need no quotes.
const NUMBERS: [&str; 3] = ["max_arena", "max_flash", "max_macs"];
/// Those of them that are true or false, and need no quotes either.
const TRUTHS: [&str; 2] = ["steps", "verify"];
/// Options that are text, any number of times.
const REPEATED: [&str; 4] = ["shape", "without_pass", "scratch", "state"];

/// `[vis] [mod name =] "path"`, or the name of a model of `castiron.toml` as a word, `[, labels = "path"] [, section = "name"] [, engine = "tflm"]
/// [, optimize = "size"] [, max_arena = 32k] [, max_flash = 256k] [, max_macs = 3M] [, memories = { dtcm = 64k fast }] [, input_by = "rows"] [, buffers = "caller"] [, server = "kenning"] [, verify = true] [, shape = "input=1x96x96x3"] [, without_pass = "all"] [, steps = true] [, ops = path] [, scratch = "Op=256"]
/// [, state = "Op=256"] [, crate = path]`, with [`text`] wherever there is a literal.
pub(crate) struct Arguments {
    /// The instructions of the processor that the model is for.
    pub(crate) target: Option<LitStr>,
    pub(crate) visibility: TokenStream,
    pub(crate) name: Option<Ident>,
    /// The model's file, or its name in `castiron.toml`.
    pub(crate) path: LitStr,
    /// Whether it can only be a name, as a word is.
    pub(crate) is_name: bool,
    pub(crate) labels: Option<LitStr>,
    /// The path of the crate `castiron`.
    pub(crate) crate_path: Option<TokenStream>,
    /// The path of the type that computes custom operators.
    pub(crate) ops: Option<TokenStream>,
    /// All other options: their names, texts and places.
    pub(crate) options: Vec<(String, String, Span)>,
    /// Variables of the environment that any of these name.
    pub(crate) variables: BTreeSet<String>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        // What the crate `castiron` says of the processor, before what its user does: `@"dsp"`.
        let target = match input.parse::<Option<Token![@]>>()? {
            Some(_) => Some(input.parse()?),
            None => None,
        };
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
        let word = text::word_alone(input)?;
        let is_name = word.is_some();
        let path = match word {
            Some(word) => word,
            None => text::parse(input, &mut variables)?,
        };
        let mut arguments = Self {
            target,
            visibility,
            name,
            path,
            is_name,
            labels: None,
            crate_path: None,
            ops: None,
            options: Vec::new(),
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
    fn option(&mut self, input: ParseStream<'_>) -> Result<()> {
        let key = input.call(Ident::parse_any)?;
        let name = key.to_string();
        let is_text = ONCE.contains(&&*name) || REPEATED.contains(&&*name);
        if !is_text && !["labels", "memories", "ops", "crate"].contains(&&*name) {
            return Err(Error::new(
                key.span(),
                "unknown option; the options are `labels = \"file\"`, `section = \"name\"`, \
                 `optimize = \"size\"`, `max_arena = 32k`, `max_flash = 256k`, `max_macs = 3M`, `memories = { dtcm = 64k fast, sram = 256k }`, `input_by = \"rows\"`, `buffers = \"caller\"`, `isa = \"dsp\"`, `server = \"kenning\"`, `verify = true`, `shape = \"input=1x96x96x3\"`, `without_pass = \"all\"`, `steps = true`, `ops = path`, \
                 `scratch = \"MyOp=256\"`, `state = \"MyOp=256\"`, `engine = \"tflm\"` and `crate = path`",
            ));
        }
        input.parse::<Token![=]>()?;
        let had = self.options.iter().any(|(other, ..)| *other == name);
        let before = match &*name {
            "labels" => {
                let labels = text::parse(input, &mut self.variables)?;
                self.labels.replace(labels).is_some()
            }
            "ops" => self.ops.replace(path(input, Names::Type)?).is_some(),
            "crate" => (self.crate_path.replace(path(input, Names::Crate)?)).is_some(),
            "memories" => {
                let memories = memories(input)?.into_iter();
                let memories = memories.map(|(text, span)| (name.clone(), text, span));
                self.options.extend(memories);
                had
            }
            _ => {
                let plain = match &*name {
                    name if NUMBERS.contains(&name) => text::number(input)?,
                    name if TRUTHS.contains(&name) => text::truth(input)?,
                    _ => None,
                };
                let text = match plain {
                    Some(plain) => plain,
                    None => text::parse(input, &mut self.variables)?,
                };
                let is_once = ONCE.contains(&&*name);
                self.options.push((name, text.value(), text.span()));
                had && is_once
            }
        };
        match before {
            false => Ok(()),
            true => Err(Error::new(key.span(), "this option is given twice")),
        }
    }
}

/// `{ dtcm = 64k fast, sram = 256k }`, each as `dtcm=64k:fast`.
fn memories(input: ParseStream<'_>) -> Result<Vec<(String, Span)>> {
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
        memories.push((text, name.span()));
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
fn visibility(input: ParseStream<'_>) -> Result<TokenStream> {
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
fn path(input: ParseStream<'_>, names: Names) -> Result<TokenStream> {
    let (path, words) = text::path(input)?;
    let is_beside = |first: &Ident| first == "self" || first == "super";
    match &words[..] {
        [first, rest @ ..] if is_beside(first) || (rest.is_empty() && names == Names::Type) => {
            Err(Error::new(
                first.span(),
                "this path has another meaning inside the module; start it with `crate` or a crate's name",
            ))
        }
        _ => Ok(path),
    }
}
