//! The module of a model that TFLM computes: the names and types of the compiled engine, with the
//! library's C interface behind them.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::quote;

use super::entry::{Named, element, named, port_items};
use super::{RustOptions, finished, labels, runtime, tracked, traits};
use crate::error::{Diagnostic, Result};
use crate::graph::{Graph, Model, Signature, TensorId, names_of_ports};
use crate::program::{ElementType, Memory, Operand, Port};

/// A model whose first subgraph TFLM computes.
#[derive(Debug, Clone)]
pub struct TflmModule {
    /// The model's name.
    name: String,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    macs: u64,
    prefix: String,
    bindings: String,
}

impl TflmModule {
    /// The module of a model. `prefix` is that of its C interface; bindings to it are in the file of
    /// this path, relative to the crate's `OUT_DIR`.
    ///
    /// # Errors
    /// If an input or output has a type that Rust has no numbers for.
    pub fn new(model: &Model, prefix: &str, bindings: &str) -> Result<Self> {
        let of_model = || {
            let Some(graph) = model.graphs.first() else {
                return Err(Diagnostic::new("the model has no subgraph to run").into());
            };
            let signature = model.signatures.iter().find(|s| s.graph == 0);
            let operators = 0..graph.operators.len();
            Ok(Self {
                name: model.stem().to_owned(),
                inputs: ports(graph, signature, &graph.inputs)?,
                outputs: ports(graph, signature, &graph.outputs)?,
                macs: operators
                    .map(|i| crate::work::macs(graph, i).unwrap_or(0))
                    .sum(),
                prefix: prefix.to_owned(),
                bindings: bindings.to_owned(),
            })
        };
        of_model().map_err(|e: crate::error::Error| e.in_file(&model.file))
    }

    /// The items of the module.
    pub fn items(&self, options: &RustOptions) -> TokenStream {
        let inputs = named(&self.inputs, "input");
        let outputs = named(&self.outputs, "output");
        let tracked = tracked(options);
        let labels = labels(options);
        let macs = Literal::u64_unsuffixed(self.macs);
        let ports = inputs.iter().chain(&outputs).map(port_items);
        let interface = self.interface();
        let methods = methods(&inputs, &outputs);
        let summary = format!(" The model `{}`, computed by TFLM's kernels.", self.name);
        let instance = self.c("model");
        let [arena, weights, bytes] = ["ARENA_BYTES", "WEIGHT_BYTES", "MODEL_BYTES"]
            .map(|name| Ident::new(&self.macro_name(name), Span::call_site()));
        let guard = runtime::guard();
        let debug = traits::debug(&quote!(Model), &self.name);
        let of_all = traits::model(&quote!(Model), &inputs, &outputs);
        let items = quote! {
            #guard
            #tracked

            #interface

            /// Bytes of working memory in a [`Model`].
            pub const ARENA_BYTES: usize = c::#arena as usize;
            /// TFLM keeps what lasts from run to run among those.
            pub const STATE_BYTES: usize = 0;
            /// Bytes of weights and other constants in flash.
            pub const WEIGHT_BYTES: usize = c::#weights as usize;
            /// Multiply-accumulates of one run.
            pub const MACS: u64 = #macs;
            #labels
            #(#ports)*

            #[doc = #summary]
            ///
            /// The first use initialises it. It may be moved; the next run after that notes the new
            /// addresses.
            pub struct Model {
                engine: ::castiron::Foreign<c::#instance>,
            }

            impl Model {
                /// A model whose inputs are all zero.
                #[must_use]
                pub const fn new() -> Self {
                    let bytes = [0; c::#bytes as usize];
                    Self { engine: ::castiron::Foreign::new(c::#instance { bytes }) }
                }

                /// Prepares TFLM's kernels, which the first use does otherwise.
                ///
                /// # Errors
                /// If a kernel refuses the model or its memory is too small.
                pub fn init(&mut self) -> ::core::result::Result<(), ::castiron::EngineError> {
                    self.engine.init()
                }

                /// Forgets what earlier runs left: variables are as at first. Write the inputs again before the
                /// next run.
                pub fn reset(&mut self) {
                    self.engine.reset();
                }

                /// How the last run went.
                ///
                /// # Errors
                /// If a kernel refused the model. Outputs mean nothing then.
                pub fn status(&self) -> ::core::result::Result<(), ::castiron::EngineError> {
                    self.engine.status()
                }

                #methods
            }

            impl ::core::default::Default for Model {
                fn default() -> Self {
                    Self::new()
                }
            }

            #debug
            #of_all
        };
        finished(items, options)
    }

    /// The module as a source file of its own, formatted.
    #[cfg(feature = "text")]
    pub fn file(&self, options: &RustOptions) -> String {
        super::first_line(&self.name) + &super::formatted(self.items(options))
    }

    /// The library's functions as the runtime wants them.
    fn interface(&self) -> TokenStream {
        let bindings = format!("/{}", self.bindings);
        let [instance, status, init, input, run, reset, output] = [
            "model",
            "status",
            "model_init",
            "model_input",
            "model_run",
            "model_reset",
            "model_output",
        ]
        .map(|name| self.c(name));
        let bytes = |role: &'static str, count: usize| {
            (0..count).map(move |i| {
                let name = self.macro_name(&format!("{role}_{i}_BYTES"));
                Ident::new(&name, Span::call_site())
            })
        };
        let inputs = bytes("INPUT", self.inputs.len());
        let outputs = bytes("OUTPUT", self.outputs.len());
        quote! {
            #[allow(unsafe_code, missing_docs, non_camel_case_types, non_snake_case)]
            #[allow(non_upper_case_globals, missing_debug_implementations)]
            mod c {
                include!(concat!(env!("OUT_DIR"), #bindings));

                // SAFETY: bindgen made the instance and its functions from the header that castiron
                // generated with this library.
                unsafe impl ::castiron::CInterface for #instance {
                    type Status = #status;
                    const OK: #status = 0;
                    const INPUT_BYTES: &'static [usize] = &[#(#inputs as usize),*];
                    const OUTPUT_BYTES: &'static [usize] = &[#(#outputs as usize),*];
                    const INIT: unsafe extern "C" fn(*mut Self) -> #status = #init;
                    const INPUT: unsafe extern "C" fn(*mut Self, usize) -> *mut ::core::ffi::c_void =
                        #input;
                    const RUN: unsafe extern "C" fn(*mut Self) -> #status = #run;
                    const RESET: unsafe extern "C" fn(*mut Self) -> #status = #reset;
                    const OUTPUT: unsafe extern "C" fn(
                        *const Self,
                        usize,
                    ) -> *const ::core::ffi::c_void = #output;
                }
            }
        }
    }

    fn c(&self, name: &str) -> Ident {
        Ident::new(&format!("{}_{name}", self.prefix), Span::call_site())
    }

    fn macro_name(&self, name: &str) -> String {
        format!("{}_{name}", self.prefix.to_ascii_uppercase())
    }
}

/// Access to inputs and outputs, `run` and `predict`, as the compiled engine has them.
fn methods(inputs: &[Named<'_>], outputs: &[Named<'_>]) -> TokenStream {
    let view = |index: usize, named: &Named<'_>| {
        let element = element(&named.port.operand);
        let [index, len] = [index, named.port.operand.len].map(Literal::usize_unsuffixed);
        quote!(#element, #index, #len)
    };
    let accessors = inputs.iter().enumerate().map(|(i, named)| {
        let (view, type_name) = (view(i, named), &named.type_name);
        let method = quote::format_ident!("{}_mut", named.method);
        let doc = format!(
            " The memory of `{}`, to fill before a run; a run may overwrite it.",
            named.port.name.escape_debug()
        );
        quote! {
            #[doc = #doc]
            #[inline]
            pub fn #method(&mut self) -> &mut #type_name {
                self.engine.input_mut::<#view>()
            }
        }
    });
    let results = outputs.iter().enumerate().map(|(i, named)| {
        let (view, type_name, method) = (view(i, named), &named.type_name, &named.method);
        let doc = format!(" `{}` of the last run.", named.port.name.escape_debug());
        quote! {
            #[doc = #doc]
            #[inline]
            #[must_use]
            pub fn #method(&self) -> &#type_name {
                self.engine.output::<#view>()
            }
        }
    });
    let parameters = inputs.iter().map(|named| {
        let (name, type_name) = (&named.method, &named.type_name);
        quote!(#name: &#type_name)
    });
    let fill = inputs.iter().enumerate().map(|(i, named)| {
        let (view, name) = (view(i, named), &named.method);
        quote!(*self.engine.input_mut::<#view>() = *#name;)
    });
    let types: Vec<_> = outputs.iter().map(|named| &named.type_name).collect();
    let values = outputs.iter().enumerate().map(|(i, named)| {
        let view = view(i, named);
        quote!(self.engine.output::<#view>())
    });
    let (result_type, result) = match outputs.len() {
        1 => (quote!(#(&#types)*), quote!(#(#values)*)),
        _ => (quote!((#(&#types),*)), quote!((#(#values),*))),
    };
    quote! {
        #(#accessors)*
        #(#results)*

        /// Computes the outputs from the inputs; [`status`](Self::status) says whether it could.
        pub fn run(&mut self) {
            self.engine.run();
        }

        /// Copies the inputs in, runs, and gives the outputs; [`status`](Self::status) says whether
        /// they are the model's.
        pub fn predict(&mut self, #(#parameters),*) -> #result_type {
            #(#fill)*
            self.run();
            #result
        }
    }
}

/// Inputs or outputs with the names that a signature has for them. Only their types and lengths
/// count: where they lie, the library knows.
fn ports(graph: &Graph, signature: Option<&Signature>, ids: &[TensorId]) -> Result<Vec<Port>> {
    let named = signature.into_iter();
    let names = names_of_ports(named.flat_map(|s| s.inputs.iter().chain(&s.outputs)));
    let port = |id: &TensorId| {
        let tensor = graph.tensor(*id);
        let element = ElementType::of(tensor.dtype).ok_or_else(|| {
            Diagnostic::new("Rust has no number type for the element type")
                .at_tensor(id.index(), &tensor.name)
                .found(tensor.dtype)
        })?;
        Ok(Port {
            name: names.get(id).map_or(&tensor.name, |name| *name).clone(),
            shape: tensor.shape.clone(),
            dtype: tensor.dtype,
            quantization: tensor.quantization.clone(),
            operand: Operand {
                memory: Memory::Arena,
                element,
                offset: 0,
                len: tensor.shape.iter().product(),
            },
        })
    };
    ids.iter().map(port).collect()
}
