mod custom;

use castiron_codegen::graph::DType;
use castiron_codegen::graph::Graph;
use castiron_codegen::plan::Held;
use castiron_codegen::plan::Plan;
use castiron_codegen::plan::PlanOptions;
use castiron_codegen::program::program::*;
use castiron_runtime::host::Aligned;

fn program(offset: usize, element: ElementType, len: usize, memory: Memory) -> Program {
    let mut constants = Aligned::default();
    constants.push_aligned(&[0; 8], 4);
    let port = Port {
        name: "y".to_owned(),
        shape: vec![len],
        dtype: DType::Int8,
        quantization: None,
        operand: Operand {
            memory,
            element,
            offset,
            len,
        },
    };
    let graph = Graph {
        name: String::new(),
        tensors: Vec::new(),
        operators: Vec::new(),
        inputs: Vec::new(),
        outputs: Vec::new(),
    };
    let plan = Plan::new(&graph, |_, _| unreachable!(), &PlanOptions::default());
    Program {
        name: String::new(),
        arena_bytes: 32,
        state_bytes: 0,
        parts: Vec::new(),
        held: Vec::new(),
        roms: Vec::new(),
        constants,
        routines: Vec::new(),
        entries: vec![Entry {
            signature: None,
            graph: 0,
            inputs: Vec::new(),
            outputs: vec![port],
            steps: Vec::new(),
            macs: 0,
            plan: plan.expect("nothing to plan"),
        }],
    }
}

#[test]
fn no_program_leaves_its_memory() {
    use ElementType::{I8, I32};
    use Memory::{Arena, Constants};
    for (offset, element, len, memory) in [
        (0, I8, 32, Arena),
        (28, I32, 1, Arena),
        (0, I32, 2, Constants),
    ] {
        assert!(program(offset, element, len, memory).checked().is_ok());
    }
    for (offset, element, len, memory) in [
        (1, I8, 32, Arena),
        (32, I8, 1, Arena),
        (30, I32, 1, Arena),
        (2, I32, 1, Arena),
        (usize::MAX, I8, 2, Arena),
        (0, I32, usize::MAX / 2, Arena),
        (0, I32, 3, Constants),
    ] {
        let checked = program(offset, element, len, memory).checked();
        assert!(checked.is_err(), "{offset} {element:?} {len} {memory:?}");
    }
}

/// Behind the arena, and each apart from the others.
#[test]
fn no_operand_leaves_its_buffer() {
    let held = |number: usize, offset: usize, bytes: usize| Held {
        graph: 0,
        number,
        offset,
        bytes,
        direct: true,
    };
    let checked = |offset: usize, len: usize| {
        let program = Program {
            held: vec![held(0, 32, 12), held(1, 48, 20)],
            ..program(offset, ElementType::I8, len, Memory::Arena)
        };
        program.checked().is_ok()
    };
    for (offset, len) in [(0, 32), (32, 12), (40, 4), (48, 20), (67, 1)] {
        assert!(checked(offset, len), "{len} from {offset}");
    }
    for (offset, len) in [
        (0, 33),
        (31, 2),
        (32, 13),
        (44, 1),
        (32, 20),
        (48, 21),
        (68, 1),
    ] {
        assert!(!checked(offset, len), "{len} from {offset}");
    }
}
