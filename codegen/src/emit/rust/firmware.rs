//! Custom operators that the firmware computes: the traits that it implements, and calls of them.
//!
//! A trait is for one operator and has one function, so that what is missing is a whole trait: the compiler then shows what the
//! trait says, which is the text to write.

use std::fmt::Write as _;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote};

use super::RustOptions;
use super::memories::Memories;
use super::names::{capitalised, module_name, snake_case};
use crate::emit::custom::{Parameter, Role, Signature, clash, operands};
#[cfg(feature = "text")]
use crate::error::Diagnostic;
use crate::error::Result;
use crate::ident::{Language, Names, identifier};
use crate::program::{CustomStep, Memory, Operand, Program};
use crate::sorted;

/// What the firmware is to compute, and the type that does.
pub(super) struct Firmware {
    /// The type that implements the traits.
    path: TokenStream,
    /// Each signature with its trait.
    traits: Vec<(Signature, Ident)>,
    /// The name of the model's module and the path of the runtime, for people.
    module: String,
    runtime: String,
}

/// The path of a type, for [`RustOptions::ops`].
///
/// # Errors
/// If the text is none.
#[cfg(feature = "text")]
pub fn type_path(text: &str) -> Result<TokenStream> {
    let path = syn::parse_str::<syn::Path>(text);
    let path = path.map_err(|_| {
        Diagnostic::new("this is no path of a type in Rust")
            .expected("crate::MyOps, or as it is called beside the module")
            .found(format_args!("{text:?}"))
    })?;
    Ok(quote!(#path))
}

/// Names of the traits in the module `ops`, in the order of [`Signature::all`].
pub fn operator_traits(program: &Program) -> Vec<String> {
    let mut names = Names::new();
    let name = |signature: Signature| {
        let name = trait_name(&signature.operator);
        names.unique_by(&name, |n| format!("{name}{n}"))
    };
    Signature::all(program).into_iter().map(name).collect()
}

/// The trait of an operator's first form: `MyScale` of `my scale`.
fn trait_name(operator: &str) -> String {
    let words = operator.split(|c: char| !c.is_ascii_alphanumeric());
    let camel: String = words.map(capitalised).collect();
    match camel.is_empty() {
        true => "Operator".to_owned(),
        false => identifier(&camel, Language::Rust),
    }
}

/// Fails where operators of two names have one trait: what firmware has for one would compute the other.
///
/// # Errors
/// With both names.
pub fn check_operators(program: &Program) -> Result<()> {
    let signatures = Signature::all(program);
    let wanted = signatures.iter().map(|s| trait_name(&s.operator));
    let wanted: Vec<String> = wanted.collect();
    match clash(&signatures, &wanted, &operator_traits(program)) {
        None => Ok(()),
        Some(diagnostic) => Err(diagnostic
            .help("rename one of them in the model's source")
            .into()),
    }
}

impl Firmware {
    /// `None` where castiron computes all.
    pub(super) fn new(program: &Program, options: &RustOptions) -> Option<Self> {
        let names = operator_traits(program).into_iter();
        let traits: Vec<_> = Signature::all(program)
            .into_iter()
            .zip(names.map(|name| Ident::new(&name, Span::call_site())))
            .collect();
        let text = |path: &TokenStream| path.to_string().replace(' ', "");
        (!traits.is_empty()).then(|| Self {
            path: options.ops.clone().unwrap_or_else(|| quote!(super::Ops)),
            traits,
            module: (options.module.clone()).unwrap_or_else(|| module_name(&program.name)),
            runtime: (options.crate_name.clone())
                .or_else(|| options.crate_path.as_ref().map(text))
                .unwrap_or_else(|| "castiron".to_owned()),
        })
    }

    /// The traits.
    pub(super) fn module(&self) -> TokenStream {
        let traits = self.traits.iter().map(|(signature, name)| {
            let operator = signature.operator.escape_debug();
            let doc = format!(" The custom operator `{operator}`.");
            let parameters = signature.parameters.iter().map(|parameter| {
                let name = Ident::new(&parameter.name, Span::call_site());
                let kind = kind(parameter);
                quote!(#name: #kind)
            });
            let braces = |text: &str| text.replace('{', "{{").replace('}', "}}");
            let message = braces(&format!("no code computes the custom operator `{operator}`"));
            let note = format!("write, where `{{Self}}` is:\n{}", self.example(signature, name));
            quote! {
                #[doc = #doc]
                #[allow(non_camel_case_types)]
                #[diagnostic::on_unimplemented(message = #message, label = "does not compute it", note = #note)]
                pub trait #name {
                    /// Computes the outputs.
                    fn run(options: &[u8], #(#parameters),*);
                }
            }
        });
        quote! {
            /// The custom operators of the model, which the firmware computes.
            pub mod ops {
                #(#traits)*
            }
        }
    }

    /// What to write, as the text of an attribute: braces twice, and `{Self}` for the type.
    fn example(&self, signature: &Signature, name: &Ident) -> String {
        let mut text = format!(
            "impl {}::ops::{name} for {{Self}} {{{{\n    fn run(\n        options: &[u8],\n",
            self.module
        );
        for parameter in &signature.parameters {
            let element = parameter.element.rust_name();
            let runtime = &self.runtime;
            let kind = match parameter.role {
                Role::Input => format!("{runtime}::Tensor<'_, {element}>"),
                Role::Variable | Role::Output => format!("{runtime}::TensorMut<'_, {element}>"),
                Role::Scratch | Role::State => format!("&mut [{element}]"),
            };
            // Writing to memory cannot fail.
            let _ = writeln!(text, "        {}: {kind},", parameter.name);
        }
        text + "    ) {{\n        todo!()\n    }}\n}}"
    }

    /// Descriptions of an operator's tensors.
    pub(super) fn constants(&self, prefix: &str, step: &CustomStep) -> TokenStream {
        let constants =
            operands(&step.call)
                .zip(&step.call.tensors)
                .map(|((parameter, _), tensor)| {
                    let name = spec(prefix, step, &parameter);
                    let element = Ident::new(parameter.element.rust_name(), Span::call_site());
                    let doc = format!(
                        " Operator {}: `{}` of {}",
                        step.origin.operator, parameter.name, step.origin.title
                    );
                    let text = &tensor.name;
                    let shape = tensor
                        .shape
                        .iter()
                        .map(|size| Literal::usize_unsuffixed(*size));
                    let (scale, zero_point) = tensor.quantization;
                    let (scale, zero_point) = (
                        Literal::f32_unsuffixed(scale),
                        Literal::i32_unsuffixed(zero_point),
                    );
                    quote! {
                        #[doc = #doc]
                        const #name: ::castiron::TensorSpec<#element> = ::castiron::TensorSpec {
                            name: #text,
                            shape: &[#(#shape),*],
                            scale: #scale,
                            zero_point: #zero_point,
                            element: ::core::marker::PhantomData,
                        };
                    }
                });
        quote!(#(#constants)*)
    }

    /// The call of an operator, where the model's memory is at hand and nobody looks at it.
    pub(super) fn call(
        &self,
        prefix: &str,
        step: &CustomStep,
        memories: &Memories<'_>,
    ) -> TokenStream {
        let wanted = Signature::of(&step.call);
        let name = self
            .traits
            .iter()
            .find(|(signature, _)| *signature == wanted);
        let name = name.map(|(_, name)| name);
        let path = &self.path;
        let lent = Lent::all(step, memories);
        let borrow = |operand: &Operand, is_written: bool| match (operand.memory, is_written) {
            (_, false) if operand.len == 0 => quote!(&[]),
            (_, true) if operand.len == 0 => quote!(&mut []),
            (Memory::Constants | Memory::Rows, _) => memories.place(operand),
            (Memory::Arena | Memory::State, _) => {
                let lent = lent.iter().find(|lent| lent.holds(operand));
                let borrow = lent.map(|lent| lent.borrow(operand, is_written, memories));
                quote!(#borrow)
            }
        };
        let options = borrow(&step.call.options, false);
        let arguments = operands(&step.call).map(|(parameter, operand)| {
            let values = borrow(&operand, parameter.role != Role::Input);
            let kind = match parameter.role {
                Role::Input => quote!(Tensor),
                Role::Variable | Role::Output => quote!(TensorMut),
                Role::Scratch | Role::State => return values,
            };
            let spec = spec(prefix, step, &parameter);
            quote!(::castiron::#kind { values: #values, spec: &#spec })
        });
        let lent = lent.iter().map(Lent::split);
        quote! {
            {
                #(#lent)*
                <#path as ops::#name>::run(#options, #(#arguments),*);
            }
        }
    }
}

fn kind(parameter: &Parameter) -> TokenStream {
    let element = Ident::new(parameter.element.rust_name(), Span::call_site());
    match parameter.role {
        Role::Input => quote!(::castiron::Tensor<'_, #element>),
        Role::Variable | Role::Output => quote!(::castiron::TensorMut<'_, #element>),
        Role::Scratch | Role::State => quote!(&mut [#element]),
    }
}

fn spec(prefix: &str, step: &CustomStep, parameter: &Parameter) -> Ident {
    let operator = snake_case(&step.call.name).to_ascii_uppercase();
    let parameter = parameter.name.to_ascii_uppercase();
    format_ident!("{prefix}CUSTOM_{operator}_{}_{parameter}", step.number)
}

/// What an operator borrows of a memory, in parts that do not overlap.
struct Lent {
    memory: Memory,
    /// The variable of the memory, and where it begins.
    cells: Ident,
    offset: usize,
    /// First byte, end, and whether it is written.
    parts: Vec<(usize, usize, bool)>,
}

impl Lent {
    /// What it borrows of all memories.
    fn all(step: &CustomStep, memories: &Memories<'_>) -> Vec<Self> {
        let [read, written] = step.call.places();
        let read = read.into_iter().map(|place| (place, false));
        let all = read.chain(written.into_iter().map(|place| (place, true)));
        let mut lent: Vec<Self> = Vec::new();
        for (place, is_written) in all.filter(|(place, _)| place.len > 0) {
            let (cells, offset) = match place.memory {
                Memory::Arena => {
                    let home = memories.home(place.offset);
                    (home.cells, home.offset)
                }
                Memory::State => (Ident::new("state", Span::call_site()), 0),
                Memory::Constants | Memory::Rows => continue,
            };
            let range = (place.range().start, place.range().end, is_written);
            match lent.iter_mut().find(|lent| lent.cells == cells) {
                Some(lent) => lent.parts.push(range),
                None => lent.push(Self {
                    memory: place.memory,
                    cells,
                    offset,
                    parts: vec![range],
                }),
            }
        }
        lent.into_iter().map(Self::merged).collect()
    }

    /// With parts in the order in which they lie, and none that meets another.
    fn merged(self) -> Self {
        let mut ranges = self.parts;
        sorted::by_key(&mut ranges, |range| *range);
        let mut parts: Vec<(usize, usize, bool)> = Vec::new();
        for (start, end, is_written) in ranges {
            match parts.last_mut() {
                // Of tensors that are only read, one may be the bytes of another.
                Some(last) if start < last.1 => last.1 = last.1.max(end),
                _ => parts.push((start, end, is_written)),
            }
        }
        Self { parts, ..self }
    }

    fn name(&self, position: usize) -> Ident {
        format_ident!("{}_{position}", self.cells)
    }

    fn holds(&self, operand: &Operand) -> bool {
        let start = operand.range().start;
        let mut parts = self.parts.iter();
        self.memory == operand.memory && parts.any(|part| (part.0..part.1).contains(&start))
    }

    fn borrow(&self, operand: &Operand, is_written: bool, memories: &Memories<'_>) -> TokenStream {
        let start = operand.range().start;
        let position = self
            .parts
            .partition_point(|part| part.0 <= start)
            .saturating_sub(1);
        let (name, view) = (self.name(position), memories.view(operand));
        match is_written {
            false => quote!(#name.get::<#view>()),
            true => quote!(#name.get_mut::<#view>()),
        }
    }

    fn split(&self) -> TokenStream {
        let cells = &self.cells;
        let mut rest = quote!(#cells.part());
        let parts = self
            .parts
            .iter()
            .enumerate()
            .map(|(position, (start, end, is_written))| {
                let whole = std::mem::replace(&mut rest, quote!(rest));
                let name = self.name(position);
                let mutable = is_written.then(|| quote!(mut));
                let [start, end] = [*start, *end]
                    .map(|at| Literal::usize_unsuffixed(at.saturating_sub(self.offset)));
                let after = match position + 1 == self.parts.len() {
                    true => quote!(_),
                    false => quote!(rest),
                };
                quote! {
                    let (_, rest) = #whole.split::<#start>();
                    let (#mutable #name, #after) = rest.split::<#end>();
                }
            });
        parts.collect()
    }
}
