//! Where operands lie in the generated code: in the one arena of a model, or in the memories that it is spread over.
//!
//! Each memory is a struct of its own, so that the firmware can give it a section. Arena and state of a model are then parts of these, and
//! offsets count from where a part begins.

use castiron_runtime::crc::Crc32;
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote};

use super::RustOptions;
use super::names::capitalised;
use crate::plan::{Held, Part};
use crate::program::{Memory, Operand, Program, WeightPart};

/// The memories of a model.
pub(super) struct Memories<'a> {
    /// None where the model has all in itself.
    parts: &'a [Part],
    /// None where all constants have one place.
    roms: &'a [WeightPart],
    has_state: bool,
    /// Buffers that the caller hands over for a run.
    held: &'a [Held],
    /// The subgraph of each routine.
    routines: Vec<usize>,
    /// Whether parts are lent to the firmware's operators, so that nobody may look at them meanwhile.
    lends: bool,
}

/// What of the arena an operand lies in.
pub(super) struct Home {
    /// The variable of its cells.
    pub(super) cells: Ident,
    /// Its size.
    pub(super) bytes: TokenStream,
    /// Where it begins in the arena.
    pub(super) offset: usize,
}

impl<'a> Memories<'a> {
    pub(super) fn new(program: &'a Program, lends: bool) -> Self {
        Self {
            parts: &program.parts,
            roms: &program.roms,
            has_state: program.state_bytes > 0,
            held: &program.held,
            routines: program
                .routines
                .iter()
                .map(|routine| routine.graph)
                .collect(),
            lends,
        }
    }

    /// Whether the model borrows its memory.
    pub(super) fn are_several(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Whether there is memory that lasts.
    pub(super) fn has_state(&self) -> bool {
        self.has_state
    }

    /// `Model`, wherever it is used.
    pub(super) fn model(&self) -> TokenStream {
        match self.are_several() {
            true => quote!(Model<'_>),
            false => quote!(Model),
        }
    }

    /// The model as one of all models: the trait asks for one that borrows for good, as firmware does.
    pub(super) fn lasting_model(&self) -> TokenStream {
        match self.are_several() {
            true => quote!(Model<'static>),
            false => quote!(Model),
        }
    }

    /// The part of the arena from an offset on.
    pub(super) fn home(&self, offset: usize) -> Home {
        // They follow all else.
        if let Some(held) = Held::at(self.held, offset) {
            let bytes = Literal::usize_unsuffixed(held.bytes);
            return Home {
                cells: held_cells(held),
                bytes: quote!(#bytes),
                offset: held.offset,
            };
        }
        let part = self.parts.iter().rfind(|part| {
            let is_empty = part.arena_bytes == 0;
            !is_empty && part.offset <= offset
        });
        match part.or(self.parts.first()) {
            Some(part) => Home {
                cells: cells(part),
                bytes: arena_bytes(part).to_token_stream(),
                offset: part.offset,
            },
            None => Home {
                cells: Ident::new("arena", Span::call_site()),
                bytes: quote!(ARENA_BYTES),
                offset: 0,
            },
        }
    }

    /// Where an operand lies while the model runs.
    pub(super) fn place(&self, operand: &Operand) -> TokenStream {
        let view = self.view(operand);
        match operand.memory {
            Memory::Arena => {
                let cells = self.home(operand.offset).cells;
                quote!(#cells.at::<#view>())
            }
            Memory::State => quote!(state.at::<#view>()),
            Memory::Constants => {
                let weights = self.weights(operand.offset).0;
                quote!(#weights.at::<#view>())
            }
            Memory::Rows => quote!(row),
        }
    }

    /// The static of the constants from an offset on, and where it begins among them.
    fn weights(&self, offset: usize) -> (Ident, usize) {
        let part = self.roms.iter().rfind(|part| {
            let is_any = part.bytes > 0;
            is_any && part.offset <= offset
        });
        match part {
            Some(part) => (weights(part), part.offset),
            None => (Ident::new("WEIGHTS", Span::call_site()), 0),
        }
    }

    /// Element type, byte offset and length, as the arguments of a view.
    pub(super) fn view(&self, operand: &Operand) -> TokenStream {
        let element = Ident::new(operand.element.rust_name(), Span::call_site());
        let start = match operand.memory {
            Memory::Arena => self.home(operand.offset).offset,
            Memory::Constants => self.weights(operand.offset).1,
            Memory::State | Memory::Rows => 0,
        };
        let offset = Literal::usize_unsuffixed(operand.offset.saturating_sub(start));
        let len = Literal::usize_unsuffixed(operand.len);
        quote!(#element, #offset, #len)
    }

    /// The memory of `self` that an input or output lies in, and the view of it there.
    pub(super) fn field(&self, operand: &Operand) -> (TokenStream, TokenStream) {
        let field = match (operand.memory, self.are_several()) {
            (Memory::State, _) => self.state(),
            (Memory::Arena | Memory::Constants | Memory::Rows, false) => quote!(arena),
            (Memory::Arena | Memory::Constants | Memory::Rows, true) => {
                let offset = self.home(operand.offset).offset;
                let mut part = self.parts.iter();
                let part = part.rfind(|part| part.offset == offset && part.arena_bytes > 0);
                let name = part.or(self.parts.first()).map(field);
                quote!(#name.arena)
            }
        };
        (field, self.view(operand))
    }

    /// The memory of `self` that lasts.
    pub(super) fn state(&self) -> TokenStream {
        let part = self.parts.iter().find(|part| part.state_bytes > 0);
        match part.map(field) {
            Some(name) => quote!(#name.state),
            None => quote!(state),
        }
    }

    /// The arena of `self` at hand.
    pub(super) fn arena_at_hand(&self) -> TokenStream {
        let method = match self.lends {
            false => quote!(cells),
            true => quote!(cells_mut),
        };
        if !self.are_several() {
            let unused = self.has_held().then(|| quote!(#[allow(unused_variables)]));
            return quote! {
                #unused
                let arena = self.arena.#method();
            };
        }
        let parts = self.used().map(|part| {
            let (cells, name) = (cells(part), field(part));
            quote! {
                #[allow(unused_variables)]
                let #cells = self.#name.arena.#method();
            }
        });
        quote!(#(#parts)*)
    }

    /// All memory of `self` at hand.
    pub(super) fn at_hand(&self) -> TokenStream {
        let method = match self.lends {
            false => quote!(cells),
            true => quote!(cells_mut),
        };
        let state = self.state();
        match (self.has_state, self.are_several()) {
            (false, _) => self.arena_at_hand(),
            (true, false) => quote! {
                #[allow(unused_variables)]
                let (arena, state) = (self.arena.#method(), self.state.#method());
            },
            (true, true) => {
                let arena = self.arena_at_hand();
                quote! {
                    #arena
                    #[allow(unused_variables)]
                    let state = self.#state.#method();
                }
            }
        }
    }

    /// Whether inputs or outputs of the model are the caller's.
    pub(super) fn has_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// The buffer that an operand lies in.
    pub(super) fn held(&self, operand: &Operand) -> Option<&Held> {
        match operand.memory {
            Memory::Arena => Held::at(self.held, operand.offset),
            Memory::State | Memory::Constants | Memory::Rows => None,
        }
    }

    /// The buffers of an entry.
    pub(super) fn held_of(&self, graph: usize) -> Vec<Held> {
        let held = self.held.iter().filter(|held| held.graph == graph);
        held.copied().collect()
    }

    /// The buffers that a routine works in.
    pub(super) fn held_of_routine(&self, routine: usize) -> Vec<Held> {
        let graph = self.routines.get(routine).copied();
        let all = graph.map_or_else(Vec::new, |graph| self.held_of(graph));
        all.into_iter().filter(|held| held.direct).collect()
    }

    /// A buffer at hand, of the values of this name.
    pub(super) fn held_at_hand(&self, held: &Held, values: &Ident) -> TokenStream {
        let mutable = self.lends.then(|| quote!(mut));
        let (cells, bytes) = (held_cells(held), Literal::usize_unsuffixed(held.bytes));
        quote! {
            #[allow(unused_variables)]
            let #cells = &#mutable ::castiron::Held::<#bytes>::new(#values)?;
        }
    }

    /// What a function takes that works in the memory, and in these buffers.
    pub(super) fn parameters(&self, held: &[Held]) -> TokenStream {
        let mutable = self.lends.then(|| quote!(mut));
        let held = held.iter().map(|held| {
            let (cells, bytes) = (held_cells(held), Literal::usize_unsuffixed(held.bytes));
            quote!(#cells: &#mutable ::castiron::Held<'_, #bytes>,)
        });
        let held = quote!(#(#held)*);
        let state = self
            .has_state
            .then(|| quote!(state: &#mutable ::castiron::Cells<STATE_BYTES>,));
        if !self.are_several() {
            return quote!(arena: &#mutable ::castiron::Cells<ARENA_BYTES>, #state #held);
        }
        let parts = self.used().map(|part| {
            let (cells, bytes) = (cells(part), arena_bytes(part));
            quote!(#cells: &#mutable ::castiron::Cells<#bytes>,)
        });
        quote!(#(#parts)* #state #held)
    }

    /// Whether a function may have parameters that it does not need.
    pub(super) fn may_be_unused(&self) -> bool {
        self.has_state || self.are_several() || self.has_held()
    }

    /// What it is called with.
    pub(super) fn arguments(&self, held: &[Held]) -> TokenStream {
        let word = |word| Ident::new(word, Span::call_site());
        let mut all: Vec<Ident> = match self.are_several() {
            true => self.used().map(cells).collect(),
            false => vec![word("arena")],
        };
        all.extend(self.has_state.then(|| word("state")));
        all.extend(held.iter().map(held_cells));
        quote!(#(#all),*)
    }

    /// What begins a run: writes the guard words behind the memory of `self`, where there are some.
    pub(super) fn guard(&self) -> TokenStream {
        let all = self.guarded();
        quote!(#(self.#all.guard();)*)
    }

    /// What ends one.
    pub(super) fn check_guard(&self) -> TokenStream {
        Self::check_guard_of(&quote!(self))
    }

    /// What ends a run of that model.
    pub(super) fn check_guard_of(model: &TokenStream) -> TokenStream {
        quote! {
            ::core::debug_assert!(
                #model.is_guarded(),
                "somebody wrote behind the model's memory: an operator of the firmware, a device, or the stack"
            );
        }
    }

    /// `Model::is_guarded`.
    pub(super) fn is_guarded(&self) -> TokenStream {
        let all = self.guarded();
        quote! {
            /// Whether the guard words behind the model's memory, where there are some, are as the last run wrote them.
            #[doc(hidden)]
            #[inline(always)]
            #[must_use]
            pub fn is_guarded(&self) -> bool {
                #(self.#all.is_guarded())&&*
            }
        }
    }

    /// The arenas of `self`.
    fn guarded(&self) -> Vec<TokenStream> {
        let mut all: Vec<TokenStream> = match self.are_several() {
            false => vec![quote!(arena)],
            true => {
                let parts = self.parts.iter().map(field);
                parts.map(|name| quote!(#name.arena)).collect()
            }
        };
        all.extend(self.has_state.then(|| self.state()));
        all
    }

    fn used(&self) -> impl Iterator<Item = &'a Part> {
        self.parts.iter().filter(|part| part.arena_bytes > 0)
    }

    /// The struct of each memory.
    pub(super) fn items(&self) -> TokenStream {
        let items = self.parts.iter().map(|part| {
            let (kind, bytes) = (kind(part), arena_bytes(part));
            let name = &part.ram.name;
            let (arena_bytes, state_bytes) = (part.arena_bytes, part.state_bytes);
            let bytes_doc = format!(" Bytes of working memory in a [`{kind}`].");
            let doc = match part.state_bytes {
                0 => format!(" What a [`Model`] keeps in the memory `{name}`: {arena_bytes} bytes of working memory."),
                state => format!(
                    " What a [`Model`] keeps in the memory `{name}`: {arena_bytes} bytes of working memory and {state} that last from run to run."
                ),
            };
            let has_state = state_bytes > 0;
            let state = has_state.then(|| quote!(state: ::castiron::Arena<STATE_BYTES>,));
            let no_state = has_state.then(|| quote!(state: ::castiron::Arena::new(),));
            quote! {
                #[doc = #bytes_doc]
                pub const #bytes: usize = #arena_bytes;
                #[doc = #doc]
                #[derive(Debug)]
                #[repr(C)]
                pub struct #kind {
                    arena: ::castiron::Arena<#bytes>,
                    #state
                }

                impl #kind {
                    /// Memory of zeros: a static one lives in `.bss`, or in the section that it is given.
                    #[must_use]
                    pub const fn new() -> Self {
                        Self { arena: ::castiron::Arena::new(), #no_state }
                    }
                }

                impl ::core::default::Default for #kind {
                    fn default() -> Self {
                        Self::new()
                    }
                }
            }
        });
        quote!(#(#items)*)
    }

    /// The fields of a model, and what makes one.
    pub(super) fn fields(&self) -> TokenStream {
        let parts = self.parts.iter().map(|part| {
            let (name, kind) = (field(part), kind(part));
            quote!(#name: &'m mut #kind,)
        });
        quote!(#(#parts)*)
    }

    /// `Model::new` for memories that are handed over.
    pub(super) fn constructor(&self) -> TokenStream {
        let names: Vec<Ident> = self.parts.iter().map(field).collect();
        let kinds = self.parts.iter().map(kind);
        let state = self.state();
        let first = self
            .has_state
            .then(|| quote!(#state = ::castiron::Arena::new();));
        let doc = match self.has_state {
            true => {
                "A model that works in these memories, whatever is in them: what lasts from run to run is as at first."
            }
            false => "A model that works in these memories, whatever is in them.",
        };
        quote! {
            #[doc = #doc]
            #[must_use]
            pub const fn new(#(#names: &'m mut #kinds),*) -> Self {
                #first
                #(#names.arena.unguard();)*
                Self { #(#names),* }
            }
        }
    }
}

/// The statics of a program's constants: one, or one for each memory that some of them lie in.
pub(super) fn weight_items(program: &Program, options: &RustOptions) -> TokenStream {
    let all = program.constants.bytes();
    if program.roms.iter().all(|part| part.bytes == 0) {
        let section = options.section.as_ref();
        let section = section.map(|section| quote!(#[unsafe(link_section = #section)]));
        let (bytes, data) = (
            all.len(),
            match &options.constants_file {
                Some(file) => quote!(*include_bytes!(#file)),
                None => {
                    let literal = Literal::byte_string(all);
                    quote!(*#literal)
                }
            },
        );
        return quote! {
            #section
            static WEIGHTS: ::castiron::Constants<#bytes> = ::castiron::Constants(#data);
        };
    }
    let statics = program.roms.iter().filter(|part| part.bytes > 0);
    let statics = statics.map(|part| {
        let (name, offset, bytes) = (weights(part), part.offset, part.bytes);
        let value = match &options.constants_file {
            Some(file) => quote!(::castiron::Constants::part(include_bytes!(#file), #offset)),
            None => {
                let own = all.get(offset..offset + bytes).unwrap_or_default();
                let literal = Literal::byte_string(own);
                quote!(::castiron::Constants(*#literal))
            }
        };
        let section = weight_section(part, options.section.as_deref());
        quote! {
            // Those of other formats have names of other kinds.
            #[cfg_attr(not(any(target_vendor = "apple", windows)), unsafe(link_section = #section))]
            static #name: ::castiron::Constants<#bytes> = #value;
        }
    });
    quote!(#(#statics)*)
}

/// `verify`: each static against its CRC-32.
pub(super) fn verify(program: &Program) -> TokenStream {
    let all = program.constants.bytes();
    let parts = program.roms.iter().filter(|part| part.bytes > 0);
    let mut statics: Vec<(Ident, &[u8])> = parts
        .map(|part| {
            let own = all.get(part.offset..part.offset + part.bytes);
            (weights(part), own.unwrap_or_default())
        })
        .collect();
    if statics.is_empty() {
        statics.push((Ident::new("WEIGHTS", Span::call_site()), all));
    }
    let checks = statics.iter().map(|(name, bytes)| {
        let crc = Literal::u32_unsuffixed(Crc32::of(bytes));
        quote!(#name.is_intact(#crc))
    });
    quote! {
        /// Whether the weights in flash are what they were when this was generated, by their CRC-32 (IEEE). It reads all of them: call it when the
        /// firmware starts, or where there is time.
        #[must_use]
        pub fn verify() -> bool {
            #(#checks)&&*
        }
    }
}

/// The linker section of what of the constants lies in a memory. Unless said, linker scripts that do not know it take it for `.rodata`.
fn weight_section(part: &WeightPart, before: Option<&str>) -> String {
    let before = before.unwrap_or(".rodata.castiron");
    format!("{before}.{}", part.rom.name)
}

fn weights(part: &WeightPart) -> Ident {
    format_ident!("WEIGHTS_{}", part.rom.name.to_ascii_uppercase())
}

/// Names of the structs of a program's memories, in their order.
pub fn memory_structs(program: &Program) -> Vec<String> {
    let structs = program.parts.iter().map(|part| kind(part).to_string());
    structs.collect()
}

fn field(part: &Part) -> Ident {
    Ident::new(&part.ram.name, Span::call_site())
}

fn kind(part: &Part) -> Ident {
    let words = part.ram.name.split('_').map(capitalised);
    Ident::new(&words.collect::<String>(), Span::call_site())
}

fn held_cells(held: &Held) -> Ident {
    format_ident!("held_{}", held.number)
}

fn cells(part: &Part) -> Ident {
    format_ident!("arena_{}", part.ram.name)
}

fn arena_bytes(part: &Part) -> Ident {
    format_ident!("{}_BYTES", part.ram.name.to_ascii_uppercase())
}
