//! What is written between the parentheses of `include_model!`.

use std::collections::BTreeSet;

use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitStr, Token, Visibility};

use crate::text;

/// `[vis] [mod name =] "path" [, labels = "path"] [, section = "name"] [, engine = "tflm"]
/// [, optimize = "size"]`, with [`text`] wherever there is a literal.
pub(crate) struct Arguments {
    pub(crate) visibility: Visibility,
    pub(crate) name: Option<Ident>,
    pub(crate) path: LitStr,
    pub(crate) labels: Option<LitStr>,
    pub(crate) section: Option<LitStr>,
    pub(crate) engine: Option<LitStr>,
    pub(crate) optimize: Option<LitStr>,
    /// Variables of the environment that any of these name.
    pub(crate) variables: BTreeSet<String>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let visibility: Visibility = input.parse()?;
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
            visibility,
            name,
            path,
            labels: None,
            section: None,
            engine: None,
            optimize: None,
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
        let key: Ident = input.parse()?;
        let slot = match key.to_string().as_str() {
            "labels" => &mut self.labels,
            "section" => &mut self.section,
            "engine" => &mut self.engine,
            "optimize" => &mut self.optimize,
            _ => {
                return Err(syn::Error::new(
                    key.span(),
                    "unknown option; there are `labels = \"file\"`, `section = \"name\"`, \
                     `engine = \"tflm\"` and `optimize = \"size\"`",
                ));
            }
        };
        input.parse::<Token![=]>()?;
        match slot.replace(text::parse(input, &mut self.variables)?) {
            None => Ok(()),
            Some(_) => Err(syn::Error::new(key.span(), "this option is given twice")),
        }
    }
}
