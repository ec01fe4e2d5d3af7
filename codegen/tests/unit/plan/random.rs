//! Random graphs: every plan replays, and the order search is exhaustive.

use castiron_codegen::plan::lifetime::Reuse;
use castiron_codegen::plan::order;
use proptest::prelude::*;

use super::*;

/// A random graph: per operator, which tensors it reads, what it writes and how.
fn any_graph() -> impl Strategy<Value = (Build, Vec<TensorId>, Vec<TensorId>)> {
    let operator = (
        prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        prop::collection::vec((0usize..4, 0u8..9), 1..3),
        prop::collection::vec(0usize..20, 0..2),
    );
    let sources = prop::collection::vec((0usize..4, 0u8..3), 1..5);
    let outputs = prop::collection::vec(any::<prop::sample::Index>(), 1..4);
    (sources, prop::collection::vec(operator, 0..9), outputs).prop_map(
        |(sources, operators, outputs)| {
            const SIZES: [usize; 4] = [0, 8, 8, 24];
            let mut b = Build::default();
            let mut inputs = Vec::new();
            for (size, kind) in sources {
                match kind {
                    0 => inputs.push(b.tensor(SIZES[size])),
                    1 => drop(b.constant(SIZES[size])),
                    _ => drop(b.variable(SIZES[size])),
                }
            }
            for (reads, writes, scratch) in operators {
                let known = b.tensors.len();
                let reads: Vec<TensorId> = reads
                    .iter()
                    .map(|i| TensorId(i.index(known) as u32))
                    .collect();
                let written: Vec<TensorId> = writes
                    .iter()
                    .map(|&(size, _)| b.tensor(SIZES[size]))
                    .collect();
                b.op(&reads, &written, SEPARATE);
                let memory = b.memory.last_mut().unwrap();
                memory.scratch = scratch;
                for (output, (_, how)) in memory.outputs.iter_mut().zip(writes) {
                    *output = match how {
                        0 => SEPARATE,
                        1 => ALIAS,
                        2 => in_place(&[0, 1]),
                        3 => part(0),
                        4 => part(8),
                        6 => overlap(0, 1),
                        7 => overlap(3, 1),
                        8 => overlap(0, 64),
                        _ => in_place(&[1, 0, 2]),
                    };
                }
            }
            let count = b.tensors.len();
            let outputs = outputs
                .iter()
                .map(|i| TensorId(i.index(count) as u32))
                .collect();
            (b, inputs, outputs)
        },
    )
}

/// Peak of live bytes of the best of all orders.
fn best_order(graph: &Graph, b: &Build, values: &Values, order: &mut Vec<usize>) -> usize {
    let n = graph.operators.len();
    if order.len() == n {
        let buffers = Lifetimes::new(graph, values, &b.memory, order, 1, Reuse::Whole).buffers;
        let none = Budget {
            steps: 0,
            time: None,
        };
        return allocate(&buffers, 1, &none).lower_bound_bytes;
    }
    let mut best = usize::MAX;
    for op in (0..n).filter(|op| !order.contains(op)).collect::<Vec<_>>() {
        let ready = order::dependencies(graph)[op]
            .iter()
            .all(|o| order.contains(o));
        if ready {
            order.push(op);
            best = best.min(best_order(graph, b, values, order));
            order.pop();
        }
    }
    best
}

proptest! {
    #![proptest_config(crate::unit::settings())]

    #[test]
    fn any_plan_replays(
        (b, inputs, outputs) in any_graph(),
        alias: bool, in_place: bool, overlap: bool, reorder: bool, shift in 0u32..6,
        buffers in prop::sample::select(Buffers::ALL.to_vec()),
    ) {
        let options = with(|o| {
            o.alignment = 1 << shift;
            [o.alias, o.in_place, o.overlap, o.reorder] = [alias, in_place, overlap, reorder];
            o.buffers = buffers;
        });
        let plan = b.plan(&inputs, &outputs, &options);
        prop_assert_eq!(&b.plan(&inputs, &outputs, &options), &plan);
        // Parts are only where they take no more.
        let mut b = b;
        for output in b.memory.iter_mut().flat_map(|memory| &mut memory.outputs) {
            if matches!(output, OutputMemory::Part { .. }) {
                *output = SEPARATE;
            }
        }
        let whole = b.plan(&inputs, &outputs, &options);
        prop_assert!(plan.peak_bytes <= whole.peak_bytes);
        let mut apart = options;
        apart.overlap = false;
        prop_assert!(whole.peak_bytes <= b.plan(&inputs, &outputs, &apart).peak_bytes);
        let mut freer = options;
        [freer.alias, freer.in_place, freer.overlap, freer.reorder] = [false; 4];
        prop_assert!(whole.lower_bound_bytes <= b.plan(&inputs, &outputs, &freer).lower_bound_bytes);
    }

    #[test]
    fn the_order_is_the_best_of_all((b, inputs, outputs) in any_graph()) {
        prop_assume!(b.operators.len() <= 6);
        let graph = b.graph(&inputs, &outputs);
        let values = Values::new(&graph, &b.memory, Sharing::Parts { alignment: 1 }, Buffers::Model);
        let best = best_order(&graph, &b, &values, &mut Vec::new());
        let order = order::choose(&graph, &values, &b.memory, 1, true, 200_000);
        let buffers = Lifetimes::new(&graph, &values, &b.memory, &order.operators, 1, Reuse::Whole).buffers;
        prop_assert!(order.optimal);
        // Copies of constant outputs and the like are outside of the order's reach.
        prop_assert_eq!(allocate(&buffers, 1, &Budget::default()).lower_bound_bytes, best);
    }

    #[test]
    fn a_search_cut_short_claims_nothing_wrong(
        (b, inputs, outputs) in any_graph(), most_sets in 0usize..64,
    ) {
        prop_assume!(b.operators.len() <= 6);
        let graph = b.graph(&inputs, &outputs);
        let values = Values::new(&graph, &b.memory, Sharing::Parts { alignment: 1 }, Buffers::Model);
        let bytes = |order: &[usize]| {
            let buffers = Lifetimes::new(&graph, &values, &b.memory, order, 1, Reuse::Whole).buffers;
            allocate(&buffers, 1, &Budget::default()).lower_bound_bytes
        };
        let order = order::choose(&graph, &values, &b.memory, 1, true, most_sets);
        let file: Vec<usize> = (0..graph.operators.len()).collect();
        prop_assert!(bytes(&order.operators) <= bytes(&file));
        let best = best_order(&graph, &b, &values, &mut Vec::new());
        prop_assert!(!order.optimal || bytes(&order.operators) == best);
    }
}

/// A set costs a look at every operator, so what a search spends must not grow with both.
#[test]
fn the_work_of_a_search_is_bounded() {
    for operators in [0, 1, 60, 1000, 50_000] {
        assert!(order::most_sets(operators) * operators <= 6_000_000);
    }
}
