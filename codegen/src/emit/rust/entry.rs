//! The code of one entry point: types, descriptions, parameters and methods.

use std::collections::{HashMap, HashSet};

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote};

use super::RustOptions;
use super::firmware::Firmware;
use super::memories::Memories;
use super::names::{self, capitalised, port_names, snake_case};
use super::rows::{self, RowsCode};
use super::steps::StepsCode;
use crate::ident::Names;
use crate::program::{Entry, Operand, Port, Program};

/// Methods that every model has.
const METHODS: [&str; 6] = ["new", "run", "predict", "reset", "default", "is_guarded"];
/// Those of a run in parts.
const STEPWISE: [&str; 3] = ["steps", "run_async", "run_part"];
/// Modules of these names would hide what the generated code refers to.
const SHADOWING: [&str; 11] = [
    "castiron", "f32", "i16", "i32", "i64", "i8", "ops", "u16", "u32", "u8", "usize",
];

pub(super) struct EntryCode<'a> {
    entry: &'a Entry,
    name: Ident,
    /// Its steps; their prefix says whether there are several entries.
    steps: StepsCode<'a>,
}

/// One input or output with the names it goes by.
pub(super) struct Named<'a> {
    pub(super) port: &'a Port,
    /// `Input` or `InputX`.
    pub(super) type_name: Ident,
    /// `INPUT` or `INPUT_X`.
    spec_name: Ident,
    /// `input` or `input_x`.
    pub(super) method: Ident,
}

impl<'a> EntryCode<'a> {
    /// The code of a model's entries. Of several, each has a name that leaves every module and
    /// method of the model distinct.
    pub(super) fn all(
        program: &'a Program,
        memories: &'a Memories<'a>,
        firmware: Option<&'a Firmware>,
        options: &RustOptions,
    ) -> Vec<Self> {
        let entries = &program.entries;
        let may_end_early = program.may_end_early();
        let several = entries.len() > 1;
        let mut taken: HashSet<String> = METHODS.map(str::to_owned).into();
        let is_held = memories.has_held();
        taken.extend(is_held.then(|| "run_with".to_owned()));
        let of_steps = STEPWISE.iter().filter(|_| options.steps);
        taken.extend(of_steps.map(|method| (*method).to_owned()));
        taken.extend(entries.first().into_iter().flat_map(accessors).flatten());
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let codes = entries.iter().enumerate().map(|(position, entry)| {
            let name = entry
                .signature
                .as_deref()
                .filter(|s| names::says_something(s));
            let wanted = match name.map(snake_case) {
                Some(name) if !METHODS.contains(&&*name) => name,
                _ => format!("entry_{position}"),
            };
            // Numbers that were no good for one signature are none for the next of its name.
            let number = numbers.entry(wanted.clone()).or_insert(1);
            let first = *number;
            let name = (first..)
                .map(|n: usize| {
                    *number = n + 1;
                    match n {
                        1 => wanted.clone(),
                        _ => format!("{wanted}_{n}"),
                    }
                })
                .find(|name| {
                    let mut methods = methods_of(entry, name);
                    methods.extend(is_held.then(|| format!("run_{name}_with")));
                    let free = !SHADOWING.contains(&&**name)
                        && methods.iter().all(|method| !taken.contains(method));
                    if free {
                        taken.extend(methods);
                    }
                    free
                })
                .unwrap_or(wanted);
            Self {
                entry,
                name: Ident::new(&name, Span::call_site()),
                steps: StepsCode {
                    steps: &entry.steps,
                    prefix: match several {
                        true => format!("E{position}_"),
                        false => String::new(),
                    },
                    memories,
                    held: memories.held_of(entry.graph),
                    may_end_early,
                    firmware,
                },
            }
        });
        codes.collect()
    }

    pub(super) fn name(&self) -> &Ident {
        &self.name
    }

    pub(super) fn steps(&self) -> &StepsCode<'a> {
        &self.steps
    }

    /// Types and descriptions of inputs and outputs, in a module of their own for a signature.
    pub(super) fn items(&self, module: Option<&Ident>) -> TokenStream {
        let items = self
            .ports()
            .into_iter()
            .flatten()
            .map(|named| port_items(&named));
        let rows = self.rows().map(|code| rows::items(&code.rows, &code.input));
        let items = items.chain(rows);
        match module {
            None => quote!(#(#items)*),
            Some(module) => {
                let macs = Literal::u64_unsuffixed(self.entry.macs);
                let doc = format!(" Inputs and outputs of {}.", self.described(module));
                quote! {
                    #[doc = #doc]
                    pub mod #module {
                        /// Multiply-accumulates of one run.
                        pub const MACS: u64 = #macs;
                        #(#items)*
                    }
                }
            }
        }
    }

    /// The signature as the file calls it, which is not always the module's name.
    fn described(&self, module: &Ident) -> String {
        match &self.entry.signature {
            Some(name) if !name.is_empty() => format!("the signature `{}`", name.escape_debug()),
            _ => format!("the signature `{module}`"),
        }
    }

    /// What its methods need beside them.
    pub(super) fn parts(&self) -> impl Iterator<Item = TokenStream> {
        let functions: Vec<TokenStream> = match self.entry.input_rows() {
            Some(rows) => rows::behind(&self.steps, &rows).function_parts().collect(),
            None => self.steps.function_parts().collect(),
        };
        self.steps.constants().chain(functions)
    }

    /// The code that takes the input row by row, if it comes so.
    fn rows(&self) -> Option<RowsCode<'_>> {
        let [inputs, outputs] = self.ports();
        Some(RowsCode {
            rows: self.entry.input_rows()?,
            input: inputs.into_iter().next()?,
            outputs,
            steps: &self.steps,
        })
    }

    /// Access to inputs and outputs, `run` and `predict`; for a signature, prefixed by its name.
    pub(super) fn methods(&self, module: Option<&Ident>) -> TokenStream {
        if let Some(rows) = self.rows() {
            return rows.methods();
        }
        let [inputs, outputs] = self.ports();
        let prefixed = |name: &Ident| match module {
            Some(module) => format_ident!("{module}_{name}"),
            None => name.clone(),
        };
        let path = module.map(|m| quote!(#m::));
        let memories = self.steps.memories;
        let within = |named: &&Named<'_>| memories.held(&named.port.operand).is_none();
        let accessors = inputs.iter().filter(within).map(|named| {
            let (method, type_name) = (prefixed(&named.method), &named.type_name);
            let method = format_ident!("{method}_mut");
            let (field, view) = self.steps.memories.field(&named.port.operand);
            let doc = format!(
                " The memory of `{}`, to fill before a run; a run may overwrite it.",
                named.port.name.escape_debug()
            );
            quote! {
                #[doc = #doc]
                #[inline]
                pub fn #method(&mut self) -> &mut #path #type_name {
                    self.#field.get_mut::<#view>()
                }
            }
        });
        let results = outputs.iter().filter(within).map(|named| {
            let (method, type_name) = (prefixed(&named.method), &named.type_name);
            let (field, view) = self.steps.memories.field(&named.port.operand);
            let doc = format!(" `{}` of the last run.", named.port.name.escape_debug());
            quote! {
                #[doc = #doc]
                #[inline]
                #[must_use]
                pub fn #method(&self) -> &#path #type_name {
                    self.#field.get::<#view>()
                }
            }
        });
        if memories.has_held() {
            let run = self.run_with(module, [&inputs, &outputs]);
            return quote!(#(#accessors)* #(#results)* #run);
        }
        let run = match module {
            Some(module) => format_ident!("run_{module}"),
            None => format_ident!("run"),
        };
        let predict = module.cloned().unwrap_or_else(|| format_ident!("predict"));
        let body = self.run_body(module.is_none() && !self.steps.prefix.is_empty());
        let parameters = inputs.iter().map(|named| {
            let (name, type_name) = (&named.method, &named.type_name);
            quote!(#name: &#path #type_name)
        });
        let fill = inputs.iter().map(|named| {
            let name = &named.method;
            let (field, view) = self.steps.memories.field(&named.port.operand);
            quote!(*self.#field.get_mut::<#view>() = *#name;)
        });
        let (result_type, result) = {
            let types = outputs.iter().map(|named| {
                let type_name = &named.type_name;
                quote!(&#path #type_name)
            });
            let values = outputs.iter().map(|named| {
                let (field, view) = self.steps.memories.field(&named.port.operand);
                quote!(self.#field.get::<#view>())
            });
            match outputs.len() {
                1 => (quote!(#(#types)*), quote!(#(#values)*)),
                _ => (quote!((#(#types),*)), quote!((#(#values),*))),
            }
        };
        let nothing = TokenStream::new();
        let ended = self.steps.unless_ended();
        let (run_result, result_type) =
            (self.steps.result(&nothing), self.steps.result(&result_type));
        let result = self.steps.done(&result);
        let early = self.early();
        let of = module.map_or_else(String::new, |module| {
            format!(" of {}", self.described(module))
        });
        let run_doc = format!(" Computes the outputs{of} from the inputs.");
        let predict_doc = format!(" Copies the inputs in, runs, and gives the outputs{of}.");
        quote! {
            #(#accessors)*
            #(#results)*

            #[doc = #run_doc]
            #early
            pub fn #run(&mut self) #run_result {
                #body
            }

            #[doc = #predict_doc]
            #early
            pub fn #predict(&mut self, #(#parameters),*) #result_type {
                #(#fill)*
                self.#run()#ended;
                #result
            }
        }
    }

    /// `run_with`: takes what the caller holds, inputs before outputs.
    fn run_with(&self, module: Option<&Ident>, ports: [&[Named<'_>]; 2]) -> TokenStream {
        let memories = self.steps.memories;
        let path = module.map(|m| quote!(#m::));
        let name = |module: Option<&Ident>| match module {
            Some(module) => format_ident!("run_{module}_with"),
            None => format_ident!("run_with"),
        };
        let all = ports.into_iter().flatten();
        let held = all.filter_map(|named| Some((named, memories.held(&named.port.operand)?)));
        let held: Vec<_> = held.collect();
        let parameters = held.iter().map(|(named, _)| {
            let (name, type_name) = (&named.method, &named.type_name);
            quote!(#name: &mut #path #type_name)
        });
        let (run, values) = (name(module), held.iter().map(|(named, _)| &named.method));
        let delegates = module.is_none() && !self.steps.prefix.is_empty();
        let body = match delegates {
            true => {
                let run = name(Some(&self.name));
                quote!(self.#run(#(#values),*))
            }
            false => {
                let buffers = held
                    .iter()
                    .map(|(named, held)| memories.held_at_hand(held, &named.method));
                let (memory, body) = (memories.at_hand(), self.steps.body());
                let (guard, check) = (memories.guard(), memories.check_guard());
                quote! {
                    #guard
                    #(#buffers)*
                    #memory
                    #body
                    #check
                    ::core::result::Result::Ok(())
                }
            }
        };
        let of = module.map_or_else(String::new, |module| {
            format!(" of {}", self.described(module))
        });
        let doc = format!(
            " Computes the outputs{of}. Each buffer begins at a multiple of 16 bytes, as a `castiron::Buffer` does; the model forgets it when the run ends."
        );
        quote! {
            #[doc = #doc]
            /// A run writes to no buffer of an input.
            ///
            /// # Errors
            /// If a buffer begins elsewhere: nothing ran. Or if the run ended before there were outputs, where the model waits for more inputs.
            pub fn #run(
                &mut self,
                #(#parameters),*
            ) -> ::core::result::Result<(), ::castiron::RunError> {
                #body
            }
        }
    }

    /// What the documentation says of a run that may end early.
    fn early(&self) -> Option<TokenStream> {
        self.steps.may_end_early.then(|| {
            quote! {
                ///
                /// # Errors
                /// If the run ended before there were outputs: a buffer of the model waits for more inputs. Outputs then hold nothing.
            }
        })
    }

    /// The model, with this as its default entry, as one of all models: of those that have inputs and outputs in themselves, take inputs as a
    /// whole, and have outputs behind every run.
    pub(super) fn of_all(&self) -> Option<TokenStream> {
        let [inputs, outputs] = self.ports();
        let is_one = !self.steps.may_end_early
            && self.entry.input_rows().is_none()
            && !self.steps.memories.has_held();
        is_one
            .then(|| super::traits::model(&self.steps.memories.lasting_model(), &inputs, &outputs))
    }

    /// The kernel calls; the default entry of a model with several calls its signature's method.
    fn run_body(&self, delegate: bool) -> TokenStream {
        if delegate {
            let run = format_ident!("run_{}", self.name);
            return match self.steps.may_end_early {
                true => quote!(self.#run()),
                false => quote!(self.#run();),
            };
        }
        let done = self.steps.done(&TokenStream::new());
        let (memories, body) = (self.steps.memories, self.steps.body());
        let (guard, check) = (memories.guard(), memories.check_guard());
        if body.is_empty() {
            return quote!(#guard #done);
        }
        let memory = memories.at_hand();
        quote!(#guard #memory #body #check #done)
    }

    /// `run`, with a look at every operator's outputs as soon as they are there.
    pub(super) fn traced(&self, own: Option<(usize, &StepsCode<'_>)>) -> TokenStream {
        let memories = self.steps.memories;
        let (guard, memory, check) = (memories.guard(), memories.at_hand(), memories.check_guard());
        let body = self.steps.traced_body(own);
        let nothing = TokenStream::new();
        let (result, done) = (self.steps.result(&nothing), self.steps.done(&nothing));
        let early = self.early();
        quote! {
            /// Computes the outputs from the inputs and hands over every operator's outputs: index of
            /// the operator in the model, position among its outputs, bytes.
            #early
            pub fn run_traced(
                &mut self,
                mut after: impl FnMut(usize, usize, &[::core::cell::Cell<u8>]),
            ) #result {
                #guard
                #memory
                #body
                #check
                #done
            }
        }
    }

    fn ports(&self) -> [Vec<Named<'a>>; 2] {
        [
            (&self.entry.inputs, "input"),
            (&self.entry.outputs, "output"),
        ]
        .map(|(ports, role)| named(ports, role))
    }
}

/// The type and the description of an input or output.
pub(super) fn port_items(named: &Named<'_>) -> TokenStream {
    let Named {
        port,
        type_name,
        spec_name,
        ..
    } = named;
    let element = element(&port.operand);
    let len = port.operand.len;
    let name = &port.name;
    let shape = &port.shape;
    let quantization = port.quantization.as_ref();
    let per_tensor = quantization.and_then(|q| q.per_tensor());
    let (scale, zero_point) = per_tensor.unwrap_or((1.0, 0));
    let scale = Literal::f32_unsuffixed(scale);
    let zero_point = Literal::i32_unsuffixed(zero_point);
    let shape_literals = shape.iter().map(|d| Literal::usize_unsuffixed(*d));
    let len_literal = Literal::usize_unsuffixed(len);
    let doc = format!(
        " Values of `{}`: {} {:?}.",
        name.escape_debug(),
        port.dtype,
        shape
    );
    let stored_as = match (per_tensor, quantization) {
        (Some((scale, zero_point)), _) => format!("scale {scale:?}, zero point {zero_point}"),
        (None, Some(_)) => "a scale for each channel, which is not here".to_owned(),
        (None, None) => "not quantised".to_owned(),
    };
    let spec_doc = format!(
        " `{}`: {} of shape {shape:?}, {stored_as}.",
        name.escape_debug(),
        port.dtype,
    );
    quote! {
        #[doc = #doc]
        pub type #type_name = [#element; #len_literal];
        #[doc = #spec_doc]
        pub const #spec_name: ::castiron::TensorSpec<#element> = ::castiron::TensorSpec {
            name: #name,
            shape: &[#(#shape_literals),*],
            scale: #scale,
            zero_point: #zero_point,
            element: ::core::marker::PhantomData,
        };
    }
}

/// Parameters of `run_with` of a model's first entry, and their types in the model's module.
pub fn held_types(program: &Program) -> Vec<(String, String)> {
    let entry = program.entries.first();
    let sides = entry.map(|entry| [(&entry.inputs, "input"), (&entry.outputs, "output")]);
    let all = sides.into_iter().flatten();
    let all = all.flat_map(|(ports, role)| named(ports, role));
    let held = all.filter(|named| program.is_held(named.port));
    held.map(|named| (named.method.to_string(), named.type_name.to_string()))
        .collect()
}

/// Names of the methods that give an entry's inputs and outputs, of a model with one entry.
pub fn accessors(entry: &Entry) -> [Vec<String>; 2] {
    let names = |ports: &[Port], role: &str, suffix: &str| {
        let named = named(ports, role).into_iter();
        named.map(|n| format!("{}{suffix}", n.method)).collect()
    };
    [
        names(&entry.inputs, "input", "_mut"),
        names(&entry.outputs, "output", ""),
    ]
}

/// Names of the methods of a signature's entry; the first is its module's name as well.
fn methods_of(entry: &Entry, name: &str) -> Vec<String> {
    let accessors = accessors(entry).into_iter().flatten();
    [name.to_owned(), format!("run_{name}")]
        .into_iter()
        .chain(accessors.map(|accessor| format!("{name}_{accessor}")))
        .collect()
}

pub(super) fn named<'a>(ports: &'a [Port], role: &str) -> Vec<Named<'a>> {
    let names = port_names(ports.iter().map(|p| p.name.as_str()));
    // `x_2` and `x2` differ, but not as types.
    let mut types = Names::new();
    ports
        .iter()
        .zip(names)
        .map(|(port, name)| {
            let method = if ports.len() == 1 {
                role.to_owned()
            } else {
                format!("{role}_{name}")
            };
            let camel: String = method.split('_').map(capitalised).collect();
            let camel = types.unique_by(&camel, |n| match n {
                2 => format!("{camel}Again"),
                _ => format!("{camel}Again{}", n - 1),
            });
            Named {
                port,
                type_name: Ident::new(&camel, Span::call_site()),
                spec_name: Ident::new(&method.to_ascii_uppercase(), Span::call_site()),
                method: Ident::new(&method, Span::call_site()),
            }
        })
        .collect()
}

pub(super) fn element(operand: &Operand) -> Ident {
    Ident::new(operand.element.rust_name(), Span::call_site())
}
