//! Small graphs with plans worked out by hand.

mod alloc;
mod layout;
mod picture;
mod random;
mod replay;

use replay::replay;

use castiron_codegen::graph::{BuiltinOperator, DType, OpKind, Operator, Options, Tensor};
use castiron_codegen::graph::{Graph, TensorId};
use castiron_codegen::plan::alloc::Budget;
use castiron_codegen::plan::alloc::allocate;
use castiron_codegen::plan::lifetime::Lifetimes;
use castiron_codegen::plan::memory::{OpMemory, OutputMemory};
use castiron_codegen::plan::values::{Sharing, Values};
use castiron_codegen::plan::*;

/// Whether two tensors are the same bytes.
fn share(plan: &Plan, a: TensorId, b: TensorId) -> bool {
    let buffer = |id: TensorId| match plan.tensors.get(id.index())?.location {
        Location::Arena { buffer, .. } => Some(buffer),
        _ => None,
    };
    buffer(a).is_some() && buffer(a) == buffer(b)
}

/// A graph under construction: int8 tensors of one dimension.
#[derive(Debug, Default)]
struct Build {
    tensors: Vec<Tensor>,
    operators: Vec<Operator>,
    memory: Vec<OpMemory>,
}

impl Build {
    fn tensor(&mut self, bytes: usize) -> TensorId {
        self.tensors.push(Tensor {
            name: format!("t{}", self.tensors.len()),
            ..crate::unit::tensor(DType::Int8, &[bytes])
        });
        TensorId(self.tensors.len() as u32 - 1)
    }

    fn constant(&mut self, bytes: usize) -> TensorId {
        let id = self.tensor(bytes);
        self.tensors[id.index()].data = Some(vec![0; bytes].into());
        id
    }

    fn variable(&mut self, bytes: usize) -> TensorId {
        let id = self.tensor(bytes);
        self.tensors[id.index()].is_variable = true;
        id
    }

    fn op(&mut self, inputs: &[TensorId], outputs: &[TensorId], memory: OutputMemory) {
        self.operators.push(Operator {
            kind: OpKind::Builtin(BuiltinOperator::Conv2d),
            version: 1,
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: outputs.to_vec(),
            intermediates: Vec::new(),
            options: Options::None,
            origin: Vec::new(),
        });
        self.memory.push(OpMemory {
            by_rows: false,
            outputs: vec![memory; outputs.len()],
            scratch: Vec::new(),
            kept: Vec::new(),
        });
    }

    /// An operator with one new output.
    fn then(&mut self, inputs: &[TensorId], bytes: usize, memory: OutputMemory) -> TensorId {
        let output = self.tensor(bytes);
        self.op(inputs, &[output], memory);
        output
    }

    fn graph(&self, inputs: &[TensorId], outputs: &[TensorId]) -> Graph {
        Graph {
            name: String::new(),
            tensors: self.tensors.clone(),
            operators: self.operators.clone(),
            inputs: inputs.to_vec(),
            outputs: outputs.to_vec(),
        }
    }

    fn plan(&self, inputs: &[TensorId], outputs: &[TensorId], options: &PlanOptions) -> Plan {
        let graph = self.graph(inputs, outputs);
        let plan = Plan::new(&graph, |_, op| self.memory[op].clone(), options).unwrap();
        replay(&graph, &self.memory, &plan, options.buffers);
        plan
    }
}

fn options() -> PlanOptions {
    let mut options = PlanOptions::default();
    options.alignment = 1;
    options
}

fn with(change: impl FnOnce(&mut PlanOptions)) -> PlanOptions {
    let mut options = options();
    change(&mut options);
    options
}

const SEPARATE: OutputMemory = OutputMemory::Separate;
const ALIAS: OutputMemory = OutputMemory::Alias(0);

fn part(offset: usize) -> OutputMemory {
    OutputMemory::Part { input: 0, offset }
}

fn in_place(inputs: &[usize]) -> OutputMemory {
    OutputMemory::InPlace(inputs.to_vec())
}

fn overlap(distance: usize, step: usize) -> OutputMemory {
    OutputMemory::Overlap {
        input: 0,
        distance,
        step,
    }
}

#[test]
fn a_chain_keeps_two_tensors() {
    let mut b = Build::default();
    let x = b.tensor(100);
    let y = b.then(&[x], 300, SEPARATE);
    let z = b.then(&[y], 10, SEPARATE);
    let plan = b.plan(&[x], &[z], &options());
    assert_eq!(
        (plan.peak_bytes, plan.optimal, plan.order_optimal),
        (400, true, true)
    );
    assert_eq!((plan.peak_step, plan.operators[0].live_bytes), (1, 400));
    assert_eq!(plan.order, [0, 1]);
}

#[test]
fn no_operators() {
    let mut b = Build::default();
    let x = b.tensor(5);
    let y = b.tensor(7);
    let plan = b.plan(&[x, y], &[x], &options());
    assert_eq!(plan.peak_bytes, 12);
    let plan = Build::default().plan(&[], &[], &options());
    assert_eq!((plan.peak_bytes, plan.peak_step), (0, 0));
}

#[test]
fn all_inputs_are_there_from_the_start() {
    let mut b = Build::default();
    let (x, late, unread) = (b.tensor(10), b.tensor(20), b.tensor(40));
    let y = b.then(&[x], 30, SEPARATE);
    let z = b.then(&[y, late], 1, SEPARATE);
    let plan = b.plan(&[x, late, unread], &[z], &options());
    // 10 + 20 + 40 before the first operator; the unread one is gone when it runs.
    assert_eq!(plan.peak_bytes, 70);
    assert!(matches!(
        plan.tensors[2].location,
        Location::Arena {
            first: 0,
            last: 0,
            ..
        }
    ));
}

#[test]
fn an_input_that_is_an_output_stays() {
    let mut b = Build::default();
    let x = b.tensor(8);
    let y = b.then(&[x], 8, in_place(&[0]));
    let plan = b.plan(&[x], &[x, y], &options());
    assert_eq!(plan.peak_bytes, 16);
    assert!(plan.operators[0].in_place.is_empty());
}

#[test]
fn aliases_chain_and_outlive_their_source() {
    let mut b = Build::default();
    let x = b.tensor(8);
    let r = b.then(&[x], 8, ALIAS);
    let s = b.then(&[r], 8, ALIAS);
    let y = b.then(&[x], 2, SEPARATE);
    let z = b.then(&[s, y], 4, SEPARATE);
    let plan = b.plan(&[x], &[z, r], &options());
    assert_eq!(plan.peak_bytes, 8 + 2 + 4);
    assert!(share(&plan, x, s));
    assert_eq!(plan.tensors[x.index()].shares_with, [r.index(), s.index()]);
    let plan = b.plan(&[x], &[z, r], &with(|o| o.alias = false));
    assert!(!share(&plan, x, r));
}

#[test]
fn parts_lie_in_their_input_where_that_takes_no_more() {
    let mut b = Build::default();
    let x = b.tensor(64);
    let y = b.then(&[x], 64, SEPARATE);
    let (first, second) = (b.tensor(32), b.tensor(16));
    b.op(&[y], &[first, second], part(0));
    b.memory[1].outputs = vec![part(0), part(32)];
    // A part of a part, and what overwrites one.
    let inner = b.then(&[second], 8, part(8));
    let z = b.then(&[inner], 8, in_place(&[0]));
    let aligned = |alignment| with(|o| o.alignment = alignment);
    let plan = b.plan(&[x], &[z, first], &aligned(8));
    let at = |id: TensorId| plan.region(id).unwrap().offset;
    assert_eq!(at(second) - at(y), 32);
    assert_eq!(at(inner) - at(y), 40);
    assert!(!share(&plan, inner, z));
    // They begin at a multiple of the alignment, or are copies.
    let plan = b.plan(&[x], &[z, first], &aligned(16));
    assert!(share(&plan, y, second) && !share(&plan, y, inner));
    let without = with(|o| o.alias = false);
    assert!(!share(&b.plan(&[x], &[z, first], &without), y, second));
    // A small part that is needed for long is a copy, as what it is a part of takes more.
    let mut b = Build::default();
    let x = b.tensor(64);
    let kept = b.then(&[x], 8, part(0));
    let large = b.then(&[kept], 96, SEPARATE);
    let z = b.then(&[large, kept], 8, SEPARATE);
    assert!(!share(&b.plan(&[x], &[z], &options()), x, kept));
}

#[test]
fn of_many_tensors_in_a_buffer_each_names_the_nearest() {
    const LENGTH: usize = 1000;
    let mut b = Build::default();
    let x = b.tensor(8);
    let y = (0..LENGTH).fold(x, |x, _| b.then(&[x], 8, in_place(&[0])));
    let plan = b.plan(&[x], &[y], &options());
    assert_eq!(plan.buffers.len(), 1);
    assert_eq!(plan.buffers[0].tensors.len(), LENGTH + 1);
    assert!(plan.tensors.iter().all(|t| t.shares_with.len() == 64));
    let near = |t: usize| {
        (
            plan.tensors[t].shares_with[0],
            plan.tensors[t].shares_with[63],
        )
    };
    assert_eq!(
        [near(0), near(500), near(1000)],
        [(1, 64), (468, 532), (936, 999)]
    );
}

#[test]
fn an_alias_of_another_size_is_separate() {
    let mut b = Build::default();
    let x = b.tensor(8);
    let y = b.then(&[x], 9, ALIAS);
    assert_eq!(b.plan(&[x], &[y], &options()).peak_bytes, 17);
}

#[test]
fn constants_and_their_aliases_take_no_arena() {
    let mut b = Build::default();
    let (x, w) = (b.tensor(4), b.constant(1000));
    let r = b.then(&[w], 1000, ALIAS);
    let y = b.then(&[x, r], 4, SEPARATE);
    let plan = b.plan(&[x], &[y], &options());
    assert_eq!(plan.peak_bytes, 8);
    assert_eq!(plan.tensors[w.index()].location, Location::Constant);
    assert_eq!(
        plan.tensors[r.index()].location,
        Location::ConstantAlias { of: w }
    );
}

#[test]
fn constant_outputs_get_a_copy_at_the_end() {
    let mut b = Build::default();
    let (x, w) = (b.tensor(50), b.constant(30));
    let y = b.then(&[x], 4, SEPARATE);
    let plan = b.plan(&[x], &[w, y, w, y], &options());
    assert_eq!(plan.output_copies.len(), 1);
    assert_eq!(
        (plan.output_copies[0].tensor, plan.output_copies[0].bytes),
        (w, 30)
    );
    // The copy may lie where the input was.
    assert_eq!(plan.peak_bytes, 54);
}

#[test]
fn in_place_needs_a_dying_input_of_the_same_size() {
    let mut b = Build::default();
    let (x, small) = (b.tensor(8), b.tensor(4));
    let y = b.then(&[small, x], 8, in_place(&[0, 1]));
    let z = b.then(&[y], 8, in_place(&[0]));
    let plan = b.plan(&[x, small], &[z], &options());
    assert_eq!(plan.peak_bytes, 12);
    assert_eq!(
        plan.operators[0].in_place,
        [InPlace {
            output: 0,
            input: 1
        }]
    );
    assert!(share(&plan, x, z));
    let plan = b.plan(&[x, small], &[z], &with(|o| o.in_place = false));
    assert_eq!(plan.peak_bytes, 20);
}

#[test]
fn an_output_may_begin_before_its_input_ends() {
    let mut b = Build::default();
    let x = b.tensor(100);
    let y = b.then(&[x], 140, overlap(60, 1));
    let plan = b.plan(&[x], &[y], &options());
    let pair = InPlace {
        output: 0,
        input: 0,
    };
    assert_eq!(plan.operators[0].overlaps, [pair]);
    let sizes = (
        plan.peak_bytes,
        plan.lower_bound_bytes,
        plan.operators[0].live_bytes,
    );
    assert_eq!((sizes, plan.optimal), ((160, 160, 160), true));
    for without in [with(|o| o.overlap = false), with(|o| o.in_place = false)] {
        let plan = b.plan(&[x], &[y], &without);
        assert!(plan.operators[0].overlaps.is_empty());
        assert_eq!(plan.peak_bytes, 240);
    }
    // Rounded up: 64 bytes, and 112 behind them.
    let plan = b.plan(&[x], &[y], &with(|o| o.alignment = 16));
    assert_eq!(plan.peak_bytes, 176);
}

#[test]
fn an_overlap_keeps_its_step() {
    let mut b = Build::default();
    let x = b.tensor(100);
    let y = b.then(&[x], 40, overlap(0, 24));
    let plan = b.plan(&[x], &[y], &options());
    assert_eq!(plan.peak_bytes, 100);
    // No place but one, which a distance of 24 is not at an alignment of 16.
    let mut b = Build::default();
    let x = b.tensor(100);
    let y = b.then(&[x], 140, overlap(24, 24));
    assert_eq!(b.plan(&[x], &[y], &options()).peak_bytes, 140);
    let coarse = with(|o| o.alignment = 16);
    assert_eq!(b.plan(&[x], &[y], &coarse).peak_bytes, 256);
}

#[test]
fn bytes_that_one_output_has_taken_are_not_overlapped_by_another() {
    let mut b = Build::default();
    let x = b.tensor(8);
    let (taking, y) = (b.tensor(8), b.tensor(8));
    b.op(&[x], &[taking, y], SEPARATE);
    b.memory.last_mut().unwrap().outputs = vec![in_place(&[0]), overlap(0, 1)];
    // Nobody reads `taking`, which is live for the operator's step alone, as the overlap would be.
    let plan = b.plan(&[x], &[y], &options());
    assert_eq!(plan.peak_bytes, 16);
}

#[test]
fn an_overlap_is_refused_where_it_would_destroy() {
    // An input that is needed later, one that is an output, and one that is read beside.
    let mut b = Build::default();
    let x = b.tensor(100);
    let y = b.then(&[x], 140, overlap(0, 1));
    let z = b.then(&[x, y], 1, SEPARATE);
    let kept = b.then(&[y], 150, overlap(0, 1));
    let twice = b.then(&[kept, kept], 160, overlap(0, 1));
    let plan = b.plan(&[x], &[y, z, twice], &options());
    assert!(plan.operators.iter().all(|op| op.overlaps.is_empty()));
}

/// The first layers of MLPerf Tiny's visual wake words: the second may be in place and is not, so that the output of the third reaches down over
/// what the first one left.
#[test]
fn overlaps_of_a_chain_do_not_add_up() {
    let mut b = Build::default();
    let x = b.tensor(27_648);
    let first = b.then(&[x], 18_432, overlap(0, 1));
    let second = b.then(&[first], 18_432, overlap(0, 8));
    let third = b.then(&[second], 36_864, overlap(18_416, 1));
    let last = b.then(&[third], 9_216, overlap(0, 16));
    let plan = b.plan(&[x], &[last], &with(|o| o.alignment = 16));
    assert_eq!((plan.peak_bytes, plan.optimal), (36_864, true));
}

#[test]
fn in_place_is_refused_where_it_would_destroy() {
    let mut b = Build::default();
    let x = b.tensor(8);
    let r = b.then(&[x], 8, ALIAS);
    // `x` is read again through its alias; `r` by a position that must not be shared.
    let y = b.then(&[x], 8, in_place(&[0]));
    let z = b.then(&[r, x], 8, in_place(&[0]));
    let (p, q) = (b.tensor(8), b.tensor(8));
    b.op(&[z], &[p, q], in_place(&[0]));
    let plan = b.plan(&[x], &[y, p, q], &with(|o| o.reorder = false));
    assert!(plan.operators[1].in_place.is_empty());
    assert!(plan.operators[2].in_place.is_empty());
    // One of two outputs may take the input's bytes.
    assert_eq!(
        plan.operators[3].in_place,
        [InPlace {
            output: 0,
            input: 0
        }]
    );
}

#[test]
fn a_sum_with_itself_may_be_in_place() {
    let mut b = Build::default();
    let x = b.tensor(8);
    let y = b.then(&[x, x], 8, in_place(&[0, 1]));
    assert_eq!(b.plan(&[x], &[y], &options()).peak_bytes, 8);
}

#[test]
fn variables_have_no_place_in_the_arena_and_share_with_nobody() {
    let mut b = Build::default();
    let (x, v) = (b.tensor(8), b.variable(8));
    let y = b.then(&[x, v], 8, in_place(&[1, 0]));
    let r = b.then(&[v], 8, ALIAS);
    let plan = b.plan(&[x], &[y, r], &options());
    assert_eq!(plan.tensors[v.index()].location, Location::State);
    assert!(plan.region(v).is_none() && !share(&plan, y, r));
    assert!(share(&plan, x, y));
    assert_eq!(plan.peak_bytes, 16);
}

#[test]
fn scratch_and_unread_outputs_live_for_one_step() {
    let mut b = Build::default();
    let x = b.tensor(8);
    let (y, unread) = (b.tensor(2), b.tensor(5));
    b.op(&[x], &[y, unread], SEPARATE);
    b.memory[0].scratch = vec![16, 0, 1];
    let z = b.then(&[y], 30, SEPARATE);
    let plan = b.plan(&[x], &[z], &options());
    assert_eq!(plan.peak_bytes, 32);
    assert_eq!(plan.operators[0].live_bytes, 32);
    assert_eq!(plan.operators[0].scratch.len(), 3);
}

#[test]
fn left_out_inputs_and_unused_tensors() {
    let mut b = Build::default();
    let (x, unused) = (b.tensor(8), b.tensor(99));
    let y = b.then(&[x], 8, in_place(&[3, 1, 0]));
    b.operators[0].inputs.push(None);
    let plan = b.plan(&[x], &[y], &options());
    assert_eq!(plan.tensors[unused.index()].location, Location::Unused);
    assert_eq!(plan.peak_bytes, 8);
}

/// Two branches whose large tensors the file keeps at the same time.
fn branches() -> (Build, TensorId, TensorId) {
    let mut b = Build::default();
    let x = b.tensor(10);
    let large = [b.then(&[x], 100, SEPARATE), b.then(&[x], 100, SEPARATE)];
    let small = [
        b.then(&[large[0]], 5, SEPARATE),
        b.then(&[large[1]], 5, SEPARATE),
    ];
    let y = b.then(&small, 5, SEPARATE);
    (b, x, y)
}

#[test]
fn operators_are_reordered_where_it_pays() {
    let (b, x, y) = branches();
    let plan = b.plan(&[x], &[y], &with(|o| o.reorder = false));
    assert_eq!((plan.peak_bytes, plan.order_optimal), (210, false));
    let plan = b.plan(&[x], &[y], &options());
    assert_eq!((plan.peak_bytes, plan.order_optimal), (115, true));
    assert_eq!(plan.order, [0, 2, 1, 3, 4]);
}

#[test]
fn operators_with_state_keep_their_order() {
    let (mut b, x, y) = branches();
    for op in [0, 1, 2, 3] {
        b.operators[op].kind = OpKind::Custom("Log".to_owned());
    }
    assert_eq!(b.plan(&[x], &[y], &options()).order, [0, 1, 2, 3, 4]);
}

#[test]
fn weights_are_unpacked_when_they_are_needed() {
    let mut b = Build::default();
    let x = b.tensor(10);
    let weights: Vec<TensorId> = (0..40)
        .map(|_| {
            let packed = b.constant(50);
            b.then(&[packed], 100, SEPARATE)
        })
        .collect();
    let y = weights
        .iter()
        .fold(x, |x, &w| b.then(&[x, w], 10, SEPARATE));
    let plan = b.plan(&[x], &[y], &options());
    assert_eq!((plan.peak_bytes, plan.order_optimal), (120, true));
}

/// Waiting for its reader would add the unread output to the fullest step.
#[test]
fn an_operator_with_an_unread_output_does_not_wait() {
    let mut b = Build::default();
    let (x, packed) = (b.tensor(10), b.constant(4));
    let (w, unread) = (b.tensor(4), b.tensor(50));
    b.op(&[packed], &[w, unread], SEPARATE);
    let large = b.then(&[x], 60, SEPARATE);
    let y = b.then(&[large, w], 1, SEPARATE);
    let plan = b.plan(&[x], &[y], &options());
    assert_eq!((plan.peak_bytes, plan.order_optimal), (74, true));
}

#[test]
fn an_alignment_must_be_a_power_of_two() {
    let graph = Build::default().graph(&[], &[]);
    for alignment in [0, 3, 24] {
        let options = with(|o| o.alignment = alignment);
        assert!(Plan::new(&graph, |_, _| OpMemory::default(), &options).is_err());
    }
}

#[test]
fn sizes_that_overflow_are_an_error() {
    let mut b = Build::default();
    let x = b.tensor(usize::MAX / 16);
    let y = b.then(&[x], 8, SEPARATE);
    b.memory[0].scratch = vec![usize::MAX - 3];
    let graph = b.graph(&[x], &[y]);
    assert!(
        Plan::new(
            &graph,
            |_, op| b.memory[op].clone(),
            &PlanOptions::default()
        )
        .is_err()
    );
}

#[test]
fn the_json_shape_is_stable() {
    let mut b = Build::default();
    let (x, w) = (b.tensor(4), b.constant(4));
    let r = b.then(&[w], 4, ALIAS);
    let y = b.then(&[x, r], 4, in_place(&[0]));
    b.memory[1].scratch = vec![2];
    b.tensor(1);
    insta::assert_json_snapshot!(b.plan(&[x], &[y, w], &options()));
}

#[cfg(feature = "text")]
#[test]
fn the_picture_escapes_names() {
    let mut b = Build::default();
    let (x, w) = (b.tensor(400), b.constant(40));
    b.tensors[x.index()].name = "<a & \"b\">\u{7}".to_owned();
    let y = b.then(&[x], 400, in_place(&[0]));
    b.memory[0].scratch = vec![100];
    let plan = b.plan(&[x], &[y, w], &options());
    let svg = plan.to_svg("R&D <1>");
    assert!(svg.contains("&lt;a &amp; \"b\"&gt;\u{fffd}") && svg.contains("R&amp;D &lt;1&gt;"));
    assert!(svg.contains("peak 500") && !svg.contains("NaN") && !svg.contains("inf\""));
    assert_eq!(svg, plan.to_svg("R&D <1>"));
    assert!(
        Build::default()
            .plan(&[], &[], &options())
            .to_svg("")
            .contains("peak 0")
    );
}

/// Capitals are wide, and bold ones are wider.
#[cfg(feature = "text")]
#[test]
fn the_picture_holds_long_names() {
    let mut b = Build::default();
    let x = b.tensor(64);
    let y = b.then(&[x], 64, SEPARATE);
    let mut plan = b.plan(&[x], &[y], &options());
    let before = height(&plan.to_svg("short"));
    plan.operators[0].name = "UNIDIRECTIONAL_SEQUENCE_LSTM".to_owned();
    let svg = plan.to_svg(&"W".repeat(300));
    assert!(
        svg.contains("0 UNIDIRECTIONAL_SEQUENCE_LSTM"),
        "it is shown whole"
    );
    assert!(height(&svg) > before, "and has room");
    plan.operators[0].name = "W".repeat(300);
    let widest = plan.to_svg("short");
    assert!(widest.contains("…WWW") && height(&widest) < before + 280.0);
    assert!(
        !svg.contains(&"W".repeat(60)),
        "the title is cut to the picture's width"
    );
    for text in [
        "a tensor while it is needed",
        "the step that fills the arena",
    ] {
        assert!(svg.contains(text), "the legend says {text}");
    }
}

#[cfg(feature = "text")]
fn height(svg: &str) -> f64 {
    let (_, rest) = svg.split_once("height=\"").expect("a height");
    let (height, _) = rest.split_once('"').expect("a height");
    height.parse().expect("a number")
}
