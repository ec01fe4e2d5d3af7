//! Program → Rust module: what `include_model!` expands to and `castiron generate` writes.

mod entry;
mod firmware;
#[doc(hidden)]
pub mod literals;
mod memories;
#[doc(hidden)]
pub mod names;
mod rows;
#[doc(hidden)]
pub mod runtime;
mod server;
mod steps;
mod stepwise;
mod tflm;
mod traits;

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::program::Program;
use entry::EntryCode;
pub use entry::{accessors, held_types};
use firmware::Firmware;
#[cfg(feature = "text")]
pub use firmware::type_path;
pub use firmware::{check_operators, operator_traits};
use memories::Memories;
pub use memories::memory_structs;
pub use names::module_name;
pub use server::{KenningServer, check_server};
use steps::{StepsCode, routine_name};
use stepwise::StepwiseCode;
pub use stepwise::check_steps;
pub use tflm::TflmModule;

/// What a user may choose about the Rust module.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RustOptions {
    /// Class labels, as `LABELS`.
    pub labels: Vec<String>,
    /// Linker section of the packed constants.
    pub section: Option<String>,
    /// Absolute path of a file whose change must rebuild the user's crate: the model.
    pub tracked: Vec<String>,
    /// Reads the packed constants from this file, beside the module, rather than from a literal.
    pub constants_file: Option<String>,
    /// The path of the crate `castiron` where it has another than `::castiron`: from the root of a crate, as `crate::deps::castiron`.
    pub crate_path: Option<TokenStream>,
    /// What people call that path, where something else stands for it in the tokens.
    #[doc(hidden)]
    pub crate_name: Option<String>,
    /// The type that computes the model's custom operators: from the root of a crate, as `crate::MyOps`. `Ops` beside the module
    /// unless said.
    pub ops: Option<TokenStream>,
    /// The module's name, for people; the model's unless said.
    pub module: Option<String>,
    /// Adds `run_traced` to the default entry: a run that shows every operator's outputs. There is none where the input comes row by row, or the
    /// caller holds inputs or outputs.
    pub traced: bool,
    /// Lets the model be served by Kenning's protocol: the trait `castiron::kenning::Served`, and `run_traced`. [`check_server`] says of a program
    /// whether it can be.
    pub server: Option<KenningServer>,
    /// Adds a run in parts to the default entry: `Steps` and `run_async`. [`check_steps`] says whether there is one.
    pub steps: bool,
    /// Adds the function `verify`, which compares the weights in flash with the CRC-32 that they have here.
    pub verify: bool,
}

/// The items of the model's module.
pub fn items(program: &Program, options: &RustOptions) -> TokenStream {
    let mut items = TokenStream::new();
    parts(program, options, |part| items.extend(part));
    items
}

/// The module in parts of whole items, so that a model of thousands of operators is formatted without all
/// of it in memory as syntax.
fn parts(program: &Program, options: &RustOptions, take: impl FnMut(TokenStream)) {
    let arena_bytes = program.arena_bytes;
    let constant_bytes = program.constants.bytes().len();
    let macs = Literal::u64_unsuffixed(program.entries.first().map_or(0, |e| e.macs));
    let weights = memories::weight_items(program, options);
    let verify = options.verify.then(|| memories::verify(program));
    let tracked = tracked(options);
    let labels = labels(options);
    let several = program.entries.len() > 1;
    let state_bytes = program.state_bytes;
    let may_end_early = program.may_end_early();
    let firmware = Firmware::new(program, options);
    let firmware = firmware.as_ref();
    let memories = Memories::new(program, firmware.is_some());
    let entries = EntryCode::all(program, &memories, firmware, options);
    let ops = firmware.map(Firmware::module);
    let default_items = entries.first().map(|e| e.items(None));
    let default_methods = entries.first().map(|e| e.methods(None));
    let named = entries.iter().filter(|_| several);
    let named_items = named.clone().map(|e| e.items(Some(e.name())));
    let named_methods = named.map(|e| e.methods(Some(e.name())));
    let summary = format!(" The model `{}`.", program.name);
    let guard = runtime::guard();
    let memory_items = memories.items();
    let head = quote! {
        #guard
        #tracked

        /// Bytes of working memory in a [`Model`].
        pub const ARENA_BYTES: usize = #arena_bytes;
        /// Bytes of what lasts from run to run in a [`Model`], beside those.
        pub const STATE_BYTES: usize = #state_bytes;
        /// Bytes of weights and other constants in flash.
        pub const WEIGHT_BYTES: usize = #constant_bytes;
        /// Multiply-accumulates of one run.
        pub const MACS: u64 = #macs;
        #labels
        #default_items
        #(#named_items)*
        #ops
        #memory_items

        #weights
        #verify
    };
    let routines: Vec<StepsCode<'_>> = (program.routines.iter().enumerate())
        .map(|(position, routine)| StepsCode {
            steps: &routine.steps,
            prefix: format!("R{position}_"),
            memories: &memories,
            held: memories.held_of_routine(position),
            may_end_early,
            firmware,
        })
        .collect();
    let traced = program.entries.first().zip(entries.first());
    let traced = traced.filter(|(entry, _)| {
        (options.traced || options.server.is_some())
            && entry.input_rows().is_none()
            && !memories.has_held()
    });
    let traced = traced.map(|(entry, code)| {
        let own = program.routines.iter().position(|r| r.graph == entry.graph);
        code.traced(own.map(|position| (position, &routines[position])))
    });
    let has_steps = options.steps && check_steps(program).is_ok();
    let stepwise = entries.first().filter(|_| has_steps);
    let stepwise = stepwise.map(|entry| StepwiseCode {
        program,
        steps: entry.steps(),
    });
    let step_items = stepwise.as_ref().map(StepwiseCode::items);
    let step_methods = stepwise.as_ref().map(StepwiseCode::methods);
    let of_routines = routines.iter().enumerate().flat_map(|(position, routine)| {
        let function = routine.function(&routine_name(position), &routine.body());
        routine.parts().chain([function])
    });
    let steps = of_routines.chain(entries.iter().flat_map(EntryCode::parts));
    let debug = traits::debug(&memories.model(), &program.name);
    let of_all = entries.first().and_then(EntryCode::of_all);
    let served = (options.server.filter(|_| traced.is_some()))
        .and_then(|server| server::served(server, program, &memories));
    let body = match memories.are_several() {
        true => borrowing(&memories),
        false => owning(program),
    };
    let ModelCode {
        about,
        generics,
        fields,
        constructor,
        default,
    } = body;
    let not_within = memories.has_held().then(|| {
        let [inputs, outputs] = program.held_sides();
        let what = match (inputs, outputs) {
            (true, true) => "Inputs and outputs are",
            (true, false) => "Inputs are",
            (false, _) => "Outputs are",
        };
        let doc = format!(" {what} not in it: the caller hands them over for each run.");
        quote!(#[doc = #doc])
    });
    let reset = reset(&memories);
    let is_guarded = memories.is_guarded();
    let model = quote! {
        #[doc = #summary]
        ///
        #[doc = #about]
        #not_within
        pub struct Model #generics {
            #fields
        }

        impl #generics Model #generics {
            #constructor

            #reset
            #is_guarded

            #default_methods
            #traced
            #step_methods
            #(#named_methods)*
        }

        #default

        #debug
        #of_all
        #served
        #step_items
    };
    let parts = std::iter::once(head).chain(steps).chain([model]);
    parts.map(|part| finished(part, options)).for_each(take);
}

/// Tokens as they leave.
fn finished(tokens: TokenStream, options: &RustOptions) -> TokenStream {
    let tokens = literals::without_suffixes(tokens);
    runtime::through(options.crate_path.as_ref(), tokens)
}

/// What of a model's code goes by where its memory is.
struct ModelCode {
    about: String,
    generics: TokenStream,
    fields: TokenStream,
    constructor: TokenStream,
    default: Option<TokenStream>,
}

/// A model that has its memory in itself.
fn owning(program: &Program) -> ModelCode {
    let (arena_bytes, state_bytes) = (program.arena_bytes, program.state_bytes);
    let has_state = state_bytes > 0;
    let state = has_state.then(|| quote!(state: ::castiron::Arena<STATE_BYTES>,));
    let first = has_state.then(|| quote!(state: ::castiron::Arena::new()));
    ModelCode {
        about: match has_state {
            false => format!(
                " Needs {arena_bytes} bytes of working memory; a static one lives in `.bss`."
            ),
            true => format!(
                " Needs {arena_bytes} bytes of working memory and {state_bytes} that last from run to run; a static one \
                 lives in `.bss`."
            ),
        },
        generics: TokenStream::new(),
        fields: quote! {
            arena: ::castiron::Arena<ARENA_BYTES>,
            #state
        },
        constructor: quote! {
            /// A model whose inputs are all zero.
            #[must_use]
            pub const fn new() -> Self {
                Self { arena: ::castiron::Arena::new(), #first }
            }
        },
        default: Some(quote! {
            impl ::core::default::Default for Model {
                fn default() -> Self {
                    Self::new()
                }
            }
        }),
    }
}

/// A model that borrows memories.
fn borrowing(memories: &Memories<'_>) -> ModelCode {
    ModelCode {
        about: " Works in memories that it borrows.".to_owned(),
        generics: quote!(<'m>),
        fields: memories.fields(),
        constructor: memories.constructor(),
        default: None,
    }
}

fn reset(memories: &Memories<'_>) -> TokenStream {
    let state = memories.state();
    match memories.has_state() {
        false => quote! {
            /// Forgets what earlier runs left. This model keeps nothing from run to run.
            pub fn reset(&mut self) {}
        },
        true => quote! {
            /// Forgets what earlier runs left: variables are as at first.
            pub fn reset(&mut self) {
                self.#state = ::castiron::Arena::new();
            }
        },
    }
}

/// The module as a source file of its own, formatted.
#[cfg(feature = "text")]
pub fn file(program: &Program, options: &RustOptions) -> String {
    let mut text = first_line(&program.name);
    parts(program, options, |part| text += &formatted(part));
    text
}

#[cfg(feature = "text")]
fn first_line(name: &str) -> String {
    format!(
        "// Generated by castiron {} from {}.tflite; do not edit.\n\n",
        env!("CARGO_PKG_VERSION"),
        name.escape_debug(),
    )
}

#[cfg(feature = "text")]
fn formatted(items: TokenStream) -> String {
    let parsed = syn::parse2::<syn::File>(items.clone());
    parsed.map_or_else(
        |_| items.to_string(),
        |mut file| {
            file.items.iter_mut().for_each(allow_unused);
            prettyplease::unparse(&file)
        },
    )
}

#[cfg(feature = "text")]
/// A module offers more than most programs take. Its file is included where no attribute of the whole can stand.
fn allow_unused(item: &mut syn::Item) {
    use syn::Item::{Const, Impl, Mod, Struct, Type};
    let attributes = match item {
        Const(item) if item.ident != "_" => &mut item.attrs,
        Impl(item) => &mut item.attrs,
        Mod(item) => &mut item.attrs,
        Struct(item) => &mut item.attrs,
        Type(item) => &mut item.attrs,
        _ => return,
    };
    attributes.push(syn::parse_quote!(#[allow(dead_code)]));
}

/// What makes the compiler look at the model's files again.
fn tracked(options: &RustOptions) -> TokenStream {
    let paths = &options.tracked;
    quote!(#(const _: &[u8] = include_bytes!(#paths);)*)
}

fn labels(options: &RustOptions) -> Option<TokenStream> {
    let labels = &options.labels;
    let count = labels.len();
    (!labels.is_empty()).then(|| {
        quote! {
            /// Names of the classes, in the order of the output's values.
            pub const LABELS: [&str; #count] = [#(#labels),*];
        }
    })
}
