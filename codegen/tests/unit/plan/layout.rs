//! Where subgraphs lie together.

use super::{Build, SEPARATE};
use castiron_codegen::error::Result;
use castiron_codegen::graph::{Graph, IfOptions, Options, TensorId};
use castiron_codegen::plan::{Kept, Layout, OpMemory, PlanOptions, Region, TargetMemory, Unit};

/// Two tensors of these bytes, the second computed from the first.
fn step(bytes: [usize; 2]) -> (Graph, Vec<OpMemory>) {
    let mut b = Build::default();
    let x = b.tensor(bytes[0]);
    let y = b.then(&[x], bytes[1], SEPARATE);
    (b.graph(&[x], &[y]), b.memory)
}

/// `x → IF → y → y2`, beside which `z` lives from the first to the last; the branches are these subgraphs.
fn caller(branches: [usize; 2]) -> (Graph, Vec<OpMemory>) {
    let mut b = Build::default();
    let x = b.tensor(64);
    let z = b.then(&[x], 32, SEPARATE);
    let y = b.then(&[x], 64, SEPARATE);
    b.operators[1].options = Options::If(IfOptions {
        then_graph: branches[0],
        else_graph: branches[1],
    });
    let last = b.then(&[y, z], 512, SEPARATE);
    (b.graph(&[x], &[last]), b.memory)
}

fn lay_out(graphs: &[(Graph, Vec<OpMemory>)], order: &[usize], roots: &[usize]) -> Layout {
    lay_out_in(&[], graphs, order, roots).unwrap()
}

fn lay_out_in(
    rams: &[TargetMemory],
    graphs: &[(Graph, Vec<OpMemory>)],
    order: &[usize],
    roots: &[usize],
) -> Result<Layout> {
    let units: Vec<Unit<'_>> = (order.iter())
        .map(|index| Unit {
            index: *index,
            graph: &graphs[*index].0,
            memory: graphs[*index].1.clone(),
            work: Vec::new(),
        })
        .collect();
    Layout::new(&units, roots, &[], false, rams, &PlanOptions::default())
}

fn region(layout: &Layout, graph: usize, tensor: u32) -> Region {
    let placed = layout.graph(graph).expect("it is laid out");
    placed.region(TensorId(tensor)).expect("it has a place")
}

fn meet(a: Region, b: Region) -> bool {
    a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes
}

/// What a single operator runs lies in memory that is free while it does, and its branches in the same.
#[test]
fn a_branch_lies_in_memory_that_is_free_at_its_call() {
    let graphs = [caller([1, 2]), step([16, 128]), step([48, 16])];
    let layout = lay_out(&graphs, &[1, 2, 0], &[0]);
    for branch in [1, 2] {
        for tensor in [0, 1] {
            let inner = region(&layout, branch, tensor);
            for live in [0, 1, 2] {
                let outer = region(&layout, 0, live);
                assert!(!meet(inner, outer), "{branch}: {inner:?}, {outer:?}");
            }
            assert!(inner.offset + inner.bytes <= layout.arena_bytes);
        }
    }
    let bases = [1, 2].map(|branch| layout.graph(branch).unwrap().base);
    assert_eq!(bases[0], bases[1]);
    // The last tensor, which nothing of a branch meets in time, takes as much as all of it.
    assert_eq!(layout.arena_bytes, 64 + 32 + 512);
}

/// What several operators run, or an entry point that another runs, lies where nothing else does.
#[test]
fn a_subgraph_of_several_callers_lies_behind_all() {
    let graphs = [caller([2, 2]), caller([2, 2]), step([16, 128])];
    let layout = lay_out(&graphs, &[2, 0, 1], &[0, 1]);
    // Entry points overlay each other.
    assert_eq!([0, 1].map(|root| layout.graph(root).unwrap().base), [0, 0]);
    let alone = 64 + 32 + 512;
    assert_eq!(layout.graph(2).unwrap().base, alone);
    assert_eq!(layout.arena_bytes, alone + 16 + 128);

    let graphs = [step([16, 128]), caller([0, 0])];
    let layout = lay_out(&graphs, &[0, 1], &[0, 1]);
    assert_eq!(layout.graph(0).unwrap().base, alone);
}

fn rams(list: &[&str]) -> Vec<TargetMemory> {
    list.iter().map(|ram| ram.parse().unwrap()).collect()
}

/// Runs go to the fastest memory that has room, what several operators run lies behind them in one, and no place is in two.
#[test]
fn memories_lie_one_behind_the_other() {
    let graphs = [caller([2, 2]), caller([2, 2]), step([16, 128])];
    let rams = rams(&["slow=4k:slow", "dtcm=128:fast", "sram=1k"]);
    let layout = lay_out_in(&rams, &graphs, &[2, 0, 1], &[0, 1]).unwrap();
    let parts: Vec<(usize, usize)> = (layout.parts.iter())
        .map(|part| (part.offset, part.arena_bytes))
        .collect();
    // 64 and 64 bytes fit the fastest, 32 and 512 and the 16 and 128 of the subgraph behind them the next.
    assert_eq!(parts, [(0, 0), (0, 128), (128, 544 + 16 + 128)]);
    assert_eq!(layout.arena_bytes, 128 + 544 + 16 + 128);
    assert_eq!(layout.graph(2).unwrap().base, 128 + 544);
    for graph in [0, 1] {
        for tensor in 0..4 {
            let place = region(&layout, graph, tensor);
            let holds = |(start, bytes): &(usize, usize)| {
                *start <= place.offset && place.offset + place.bytes <= start + bytes
            };
            assert!(parts.iter().any(holds), "{place:?}");
        }
    }
}

/// Where runs would leave no room for what several operators run, that finds its place first.
#[test]
fn what_is_behind_all_fits_where_it_can() {
    let graphs = [caller([2, 2]), caller([2, 2]), step([16, 496])];
    // An entry point takes 608 bytes, and the subgraph 512.
    let order = [2, 0, 1];
    let fits = rams(&["dtcm=608:fast", "sram=512"]);
    let layout = lay_out_in(&fits, &graphs, &order, &[0, 1]).unwrap();
    assert_eq!(layout.graph(2).unwrap().base, 608);
    let tight = rams(&["dtcm=512:fast", "sram=700"]);
    let layout = lay_out_in(&tight, &graphs, &order, &[0, 1]).unwrap();
    assert_eq!(layout.graph(2).unwrap().base, 0);
    assert_eq!(layout.parts[0].arena_bytes, 512);
    // Of one memory, both have to fit it.
    let one = |bytes: usize| {
        let one = rams(&[&format!("sram={bytes}")]);
        lay_out_in(&one, &graphs, &order, &[0, 1])
    };
    assert!(one(608 + 512).is_ok());
    let problem = one(608 + 512 - 16).unwrap_err().to_string();
    assert!(
        problem.contains("with 1120 bytes of sram it would fit"),
        "{problem}"
    );
    let problem = one(500).unwrap_err().to_string();
    assert!(problem.contains("608 bytes"), "{problem}");
}

/// Nothing that lasts is in the arena, or meets something else that does.
#[test]
fn state_lies_apart() {
    let mut b = Build::default();
    let x = b.tensor(16);
    let kept = b.variable(5);
    let y = b.then(&[x, kept], 16, SEPARATE);
    let own = [1, 24].into_iter().enumerate();
    b.memory[0].kept = own
        .map(|(position, bytes)| (Kept::Operator(3, 0, position), bytes))
        .collect();
    let graph = b.graph(&[x], &[y]);
    let unit = Unit {
        index: 3,
        graph: &graph,
        memory: b.memory,
        work: Vec::new(),
    };
    let layout = Layout::new(&[unit], &[3], &[7, 2], true, &[], &PlanOptions::default()).unwrap();
    let all = [
        (Kept::Variable(0), 7, 8),
        (Kept::Variable(1), 2, 2),
        (Kept::Tensor(3, kept), 5, 8),
        (Kept::Operator(3, 0, 0), 1, 1),
        (Kept::Operator(3, 0, 1), 24, 16),
        (Kept::Ready, 1, 1),
    ];
    let regions = all.map(|(kept, bytes, alignment)| {
        let region = layout.kept(kept).unwrap_or_else(|| panic!("{kept:?}"));
        assert_eq!(region.bytes, bytes, "{kept:?}");
        assert!(region.offset.is_multiple_of(alignment), "{kept:?}");
        assert!(region.offset + region.bytes <= layout.state_bytes);
        region
    });
    for (at, region) in regions.iter().enumerate() {
        assert!(regions[at + 1..].iter().all(|other| !meet(*region, *other)));
    }
    assert_eq!(layout.arena_bytes, 32);
    assert_eq!(layout.graph(3).unwrap().region(kept), None);
    assert_eq!(layout.kept(Kept::Variable(2)), None);
}
