//! Steps as Rust: kernels' parameters as constants, and what calls them as statements.

use std::ops::Range;

use castiron_runtime::host::Expression;
use castiron_runtime::kernels::{Line, StageRows};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::firmware::Firmware;
use super::memories::{Home, Memories};
use super::names::snake_case;
use crate::plan::Held;
use crate::program::{
    ElementType, KernelCall, Memory, Moves, Observation, Operand, StageCall, Step, StreamStep,
    calls, custom_calls, streams,
};

/// Kernel calls in one function: compilers take long for long ones.
const MOST_CALLS: usize = 256;

/// The steps of an entry or of a subgraph that others run.
pub(super) struct StepsCode<'a> {
    pub(super) steps: &'a [Step],
    /// Prefix of private items, so that those of several do not meet.
    pub(super) prefix: String,
    /// Where the model's operands lie.
    pub(super) memories: &'a Memories<'a>,
    /// The caller's buffers that are at hand.
    pub(super) held: Vec<Held>,
    /// Whether a run of the model may end before there are outputs.
    pub(super) may_end_early: bool,
    /// What the firmware computes of the model, if anything. It borrows parts of memory, which nobody may look at meanwhile.
    pub(super) firmware: Option<&'a Firmware>,
}

impl<'a> StepsCode<'a> {
    /// The kernels' parameters, one constant for each call; of many calls, also functions that make some of
    /// them each. They come one by one.
    pub(super) fn parts(&self) -> impl Iterator<Item = TokenStream> {
        self.constants().chain(self.function_parts())
    }

    /// Of many calls, functions that make some of them each.
    pub(super) fn function_parts(&self) -> impl Iterator<Item = TokenStream> {
        self.functions().into_iter().map(|(name, steps)| {
            let body = self.statements(&self.steps[steps], false);
            self.function(&name, &body)
        })
    }

    /// The kernels' parameters.
    pub(super) fn constants(&self) -> impl Iterator<Item = TokenStream> {
        let parameters = calls(self.steps).into_iter().map(|call| {
            let name = self.constant(call);
            let kind = call.kernel.kind();
            let value = call.kernel.expression();
            let doc = doc(call);
            quote! {
                #[doc = #doc]
                const #name: #kind = #value;
            }
        });
        let custom = custom_calls(self.steps).into_iter();
        let custom = self.firmware.into_iter().flat_map(move |firmware| {
            let constants = custom.clone();
            constants
                .map(|step| firmware.constants(&self.prefix, step))
                .collect::<Vec<_>>()
        });
        let streams = streams(self.steps)
            .into_iter()
            .map(|s| self.stream_constant(s));
        parameters.chain(streams).chain(custom)
    }

    /// A function of the model's memory.
    pub(super) fn function(&self, name: &Ident, body: &TokenStream) -> TokenStream {
        let (result, done) = (
            self.result(&TokenStream::new()),
            self.done(&TokenStream::new()),
        );
        let parameters = self.memories.parameters(&self.held);
        let unused = self.memories.may_be_unused();
        let unused = unused.then(|| quote!(#[allow(unused_variables)]));
        quote! {
            #unused
            fn #name(#parameters) #result {
                #body
                #done
            }
        }
    }

    /// What a function that runs steps returns where it gives `kind`.
    pub(super) fn result(&self, kind: &TokenStream) -> TokenStream {
        match (self.may_end_early, kind.is_empty()) {
            (true, true) => quote!(-> ::core::result::Result<(), ::castiron::NotYet>),
            (true, false) => quote!(-> ::core::result::Result<#kind, ::castiron::NotYet>),
            (false, true) => TokenStream::new(),
            (false, false) => quote!(-> #kind),
        }
    }

    /// The last expression of such a function, which gives `value`.
    pub(super) fn done(&self, value: &TokenStream) -> TokenStream {
        match (self.may_end_early, value.is_empty()) {
            (true, true) => quote!(::core::result::Result::Ok(())),
            (true, false) => quote!(::core::result::Result::Ok(#value)),
            (false, _) => value.clone(),
        }
    }

    /// What comes behind a call of such a function.
    pub(super) fn unless_ended(&self) -> Option<TokenStream> {
        self.may_end_early.then(|| quote!(?))
    }

    /// Statements that run the steps, where the model's memory is at hand.
    pub(super) fn body(&self) -> TokenStream {
        let functions = self.functions();
        if functions.is_empty() {
            return self.statements(self.steps, false);
        }
        let arguments = self.memories.arguments(&self.held);
        let ended = self.unless_ended();
        let calls = functions
            .iter()
            .map(|(name, _)| quote!(#name(#arguments)#ended;));
        quote!(#(#calls)*)
    }

    /// As [`body`](Self::body), with a look at what is to be observed. `own` is the routine that these steps run where the
    /// entry's subgraph is one: its steps stand here once more.
    pub(super) fn traced_body(&self, own: Option<(usize, &StepsCode<'_>)>) -> TokenStream {
        let statements = self.steps.iter().map(|step| match (step, own) {
            (Step::Run(routine), Some((position, own))) if *routine == position => {
                own.traced_body(None)
            }
            _ => self.statement(step, true),
        });
        quote!(#(#statements)*)
    }

    /// The functions that many steps are made of, with their steps.
    fn functions(&self) -> Vec<(Ident, Range<usize>)> {
        let counts: Vec<usize> = (self.steps.iter())
            .map(|step| calls(std::slice::from_ref(step)).len())
            .collect();
        if counts.iter().sum::<usize>() <= MOST_CALLS {
            return Vec::new();
        }
        let mut functions = Vec::new();
        let (mut start, mut first, mut sum) = (0, 0, 0);
        for (position, count) in counts.iter().enumerate() {
            if sum > 0 && sum + count > MOST_CALLS {
                functions.push((self.function_name(first), start..position));
                (start, first, sum) = (position, first + sum, 0);
            }
            sum += count;
        }
        functions.push((self.function_name(first), start..counts.len()));
        functions
    }

    fn function_name(&self, first_call: usize) -> Ident {
        format_ident!("{}run_from_{first_call}", self.prefix.to_ascii_lowercase())
    }

    pub(super) fn statements(&self, steps: &[Step], traced: bool) -> TokenStream {
        let statements = steps.iter().map(|step| self.statement(step, traced));
        quote!(#(#statements)*)
    }

    fn statement(&self, step: &Step, traced: bool) -> TokenStream {
        match step {
            Step::Call(call) => {
                let name = self.constant(call);
                let operands = call.operands.iter().map(|o| self.memories.place(o));
                quote!(#name.run(#(#operands),*);)
            }
            Step::Stream(stream) => self.stream(stream),
            Step::Custom(custom) => {
                let call = self
                    .firmware
                    .map(|firmware| firmware.call(&self.prefix, custom, self.memories));
                quote!(#call)
            }
            Step::Run(routine) => {
                let held = self.memories.held_of_routine(*routine);
                let (name, arguments) = (routine_name(*routine), self.memories.arguments(&held));
                let ended = self.unless_ended();
                quote!(#name(#arguments)#ended;)
            }
            Step::If {
                condition,
                then,
                otherwise,
                ..
            } => {
                let condition = self.value(condition);
                let [then, otherwise] = [then, otherwise].map(|s| self.statements(s, traced));
                quote! {
                    if #condition != 0 {
                        #then
                    } else {
                        #otherwise
                    }
                }
            }
            Step::While {
                test,
                condition,
                body,
                ..
            } => {
                let condition = self.value(condition);
                let [test, body] = [test, body].map(|s| self.statements(s, traced));
                quote! {
                    loop {
                        #test
                        if #condition == 0 {
                            break;
                        }
                        #body
                    }
                }
            }
            Step::Once { flag, steps } => {
                let (is_done, flag) = (self.value(flag), self.memories.place(flag));
                let steps = self.statements(steps, traced);
                quote! {
                    if #is_done == 0 {
                        #steps
                        #flag[0].set(1);
                    }
                }
            }
            Step::Wait { ended, runs, .. } => {
                let (count, ended) = (self.value(ended), self.memories.place(ended));
                let runs = Literal::i32_unsuffixed(*runs);
                // Of an entry that takes buffers it is one error of several.
                let not_yet = match self.memories.has_held() {
                    true => quote!(::core::convert::From::from(::castiron::NotYet)),
                    false => quote!(::castiron::NotYet),
                };
                quote! {
                    let ended = #count.wrapping_add(1);
                    if ended < #runs {
                        #ended[0].set(ended);
                        return ::core::result::Result::Err(#not_yet);
                    }
                    #ended[0].set(0);
                }
            }
            Step::Observe(seen) if traced => self.look(seen),
            Step::Observe(_) => TokenStream::new(),
        }
    }

    /// Who runs when, and where their rows lie.
    fn stream_constant(&self, stream: &StreamStep) -> TokenStream {
        let name = self.stream_name(stream);
        let count = stream.stages.len();
        let lines = self.lines(stream);
        let stages = stream.stages.iter().map(|stage| {
            let start = stage.rows.line.start;
            let line = Line {
                start: start.map(|start| start.saturating_sub(lines.offset)),
                ..stage.rows.line
            };
            let rows = StageRows { line, ..stage.rows };
            rows.expression()
        });
        let (offset, rows) = (stream.input.offset, stream.rows);
        let input = match self.is_apart(stream) || stream.by_rows.is_some() {
            true => quote!(::core::option::Option::None),
            false => {
                let offset = offset.saturating_sub(lines.offset);
                quote!(::core::option::Option::Some(#offset))
            }
        };
        let patches = stream.stages.iter().filter_map(|stage| {
            let (strips, name) = (stage.strips.as_ref()?, self.patches_name(stage)?);
            let (kernels, count) = (strips.patches.len(), strips.count);
            let patches = strips.patches.iter().map(Expression::expression);
            Some(quote! {
                const #name: ::castiron::kernels::Patches<#kernels> = ::castiron::kernels::Patches {
                    patches: [#(#patches),*],
                    strips: #count,
                };
            })
        });
        quote! {
            const #name: ::castiron::kernels::Stream<#count> = ::castiron::kernels::Stream {
                stages: [#(#stages),*],
                input: #input,
                rows: #rows,
            };
            #(#patches)*
        }
    }

    pub(super) fn stream_name(&self, stream: &StreamStep) -> Ident {
        format_ident!("{}STREAM_{}", self.prefix, stream.number)
    }

    fn patches_name(&self, stage: &StageCall) -> Option<Ident> {
        let number = stage.calls.first()?.call.number;
        Some(format_ident!("{}PATCHES_{number}", self.prefix))
    }

    fn stream(&self, stream: &StreamStep) -> TokenStream {
        let (name, turn) = (self.stream_name(stream), self.turn(stream));
        let run = match has_patches(stream) {
            true => quote!(run_numbered),
            false => quote!(run),
        };
        let Home { cells, bytes, .. } = self.lines(stream);
        let lines = quote!(#cells.at::<i8, 0, #bytes>());
        match self.apart(stream) {
            Some(input) => quote!(#name.run_apart(#lines, #input, #turn);),
            None => quote!(#name.#run(#lines, #turn);),
        }
    }

    /// The input of a stream that lies in another memory than its line buffers.
    pub(super) fn apart(&self, stream: &StreamStep) -> Option<TokenStream> {
        self.is_apart(stream).then(|| {
            self.memories.place(&Operand {
                element: ElementType::I8,
                len: stream.input.range().len(),
                ..stream.input
            })
        })
    }

    /// The memory of a stream's line buffers.
    pub(super) fn lines(&self, stream: &StreamStep) -> Home {
        let mut starts = stream
            .stages
            .iter()
            .filter_map(|stage| stage.rows.line.start);
        let of_input = || stream.input.offset;
        self.memories.home(starts.next().unwrap_or_else(of_input))
    }

    /// Whether the input of a stream lies in another memory than its line buffers.
    fn is_apart(&self, stream: &StreamStep) -> bool {
        let input = self.memories.home(stream.input.offset);
        stream.by_rows.is_none() && input.cells != self.lines(stream).cells
    }

    /// What computes a row of a stage.
    pub(super) fn turn(&self, stream: &StreamStep) -> TokenStream {
        self.turn_with(stream, has_patches(stream))
    }

    /// The same, which is told the number of the row whether a stage wants it or not.
    pub(super) fn numbered_turn(&self, stream: &StreamStep) -> TokenStream {
        self.turn_with(stream, true)
    }

    fn turn_with(&self, stream: &StreamStep, is_numbered: bool) -> TokenStream {
        let all = || {
            let calls = stream.stages.iter().flat_map(|stage| &stage.calls);
            calls.flat_map(|moving| &moving.moves)
        };
        let used = |name, is_used| match is_used {
            true => name,
            false => quote!(_),
        };
        let has_patches = has_patches(stream);
        let is_read = has_patches || all().any(|m| matches!(m, Moves::From(_)));
        let from = used(quote!(from), is_read);
        let also = used(quote!(also), all().any(|m| matches!(m, Moves::Also(_))));
        let stages = stream.stages.iter().map(|stage| {
            let kernels = stage.calls.iter().map(|moving| {
                let name = self.constant(&moving.call);
                let operands = moving
                    .operands()
                    .map(|(operand, moves)| self.row(operand, moves));
                quote!(#name.run(#(#operands),*))
            });
            match stage.strips.as_ref().zip(self.patches_name(stage)) {
                None => quote!(#(#kernels),*),
                Some((strips, name)) => {
                    let Home {
                        cells,
                        bytes,
                        offset,
                    } = self.lines(stream);
                    let (from, row_bytes) = (strips.from.saturating_sub(offset), strips.row_bytes);
                    let all = stage.calls.iter().flat_map(|moving| &moving.moves);
                    let moves = all.into_iter().any(|m| matches!(m, Moves::Strip(..)));
                    let strip = used(quote!(strip), moves);
                    let kernels = arms(kernels.collect());
                    quote! {
                        #name.run(
                            #cells.at::<i8, 0, #bytes>(),
                            #from + from * #row_bytes,
                            number,
                            |kernel, #strip| match kernel { #kernels },
                        )
                    }
                }
            }
        });
        let stages = arms(stages.collect());
        let number = used(quote!(number), has_patches);
        let number = is_numbered.then(|| quote!(, #number));
        quote! {
            |stage, [#from, #also], to #number| match stage {
                #stages
            }
        }
    }

    /// Hands an operator's output over.
    fn look(&self, seen: &Observation) -> TokenStream {
        let (operator, output) = (seen.operator, seen.output);
        let bytes = Operand {
            element: ElementType::U8,
            len: seen.operand.range().len(),
            ..seen.operand
        };
        let place = self.memories.place(&bytes);
        quote!(after(#operator, #output, #place);)
    }

    /// Where an operand of a stage lies at a turn.
    fn row(&self, operand: &Operand, moves: Moves) -> TokenStream {
        let (turn, rows) = match moves {
            Moves::Not => return self.memories.place(operand),
            Moves::Strip(rows, strip) => {
                let all = self.memories.place(&moves.all(operand));
                let [row, strip, len] =
                    [rows.elements, strip.elements, operand.len].map(Literal::usize_unsuffixed);
                return quote!(::castiron::kernels::row(#all, to * #row + strip * #strip, #len));
            }
            Moves::From(rows) => (quote!(from), rows),
            Moves::Also(rows) => (quote!(also), rows),
            Moves::To(rows) => (quote!(to), rows),
        };
        let all = self.memories.place(&moves.all(operand));
        let elements = Literal::usize_unsuffixed(rows.elements);
        let len = Literal::usize_unsuffixed(operand.len);
        quote!(::castiron::kernels::row(#all, #turn * #elements, #len))
    }

    /// The one element of an operand.
    fn value(&self, operand: &Operand) -> TokenStream {
        let place = self.memories.place(operand);
        match operand.memory {
            Memory::Arena | Memory::State => quote!(#place[0].get()),
            Memory::Constants | Memory::Rows => quote!(#place[0]),
        }
    }

    fn constant(&self, call: &KernelCall) -> Ident {
        let operator = snake_case(&call.origin.name).to_ascii_uppercase();
        format_ident!("{}{operator}_{}", self.prefix, call.number)
    }
}

/// Whether a stage of a stream computes its rows patch by patch.
pub(super) fn has_patches(stream: &StreamStep) -> bool {
    stream.stages.iter().any(|stage| stage.strips.is_some())
}

/// Arms of a match of numbers from 0 on. Whoever is behind the last but one is the last.
fn arms(expressions: Vec<TokenStream>) -> TokenStream {
    let last = expressions.len().saturating_sub(1);
    let arms = expressions.iter().enumerate().map(|(position, value)| {
        let number = match position == last {
            true => quote!(_),
            false => {
                let position = Literal::usize_unsuffixed(position);
                quote!(#position)
            }
        };
        quote!(#number => #value,)
    });
    arms.collect()
}

/// The function of a routine.
pub(super) fn routine_name(position: usize) -> Ident {
    format_ident!("routine_{position}")
}

fn doc(call: &KernelCall) -> String {
    let macs = match call.macs {
        0 => String::new(),
        macs => format!(", {macs} MACs"),
    };
    format!(
        " Operator {}: {}{macs}",
        call.origin.operator, call.origin.title
    )
}
