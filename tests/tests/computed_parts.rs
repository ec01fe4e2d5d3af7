//! SLICE at a place that the model computes: its size is the file's.

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::graph::BuiltinOperator as Op;
use castiron_test_tools::file::Options;

use crate::small_models::{INT8, INT32, Small};

/// What is said of a part of 2 by 3 of 2 by 4, of these sizes; an empty text where it compiles.
fn said_of(sizes: Option<[i32; 2]>) -> String {
    let mut small = Small::default();
    let x = small.input(INT8, &[2, 4]);
    let begin = small.input(INT32, &[2]);
    let sizes = match sizes {
        Some(sizes) => {
            let bytes = sizes.into_iter().flat_map(i32::to_le_bytes).collect();
            small.constant(INT32, &[2], bytes)
        }
        None => small.input(INT32, &[2]),
    };
    let y = small.tensor(INT8, &[2, 3]);
    small.builtin(Op::Slice, &[x, begin, sizes], y, Options::None);
    let model = small.read(&[y]);
    let program = compile::compile(&model, &CompileOptions::default());
    program.err().map_or_else(String::new, |e| e.to_string())
}

/// The reader compares sizes with the output's shape where all of them are known; -1 is the rest of an axis.
#[test]
fn known_sizes_are_those_of_the_output() {
    for right in [Some([2, 3]), Some([-1, 3]), Some([-1, -1]), None] {
        assert_eq!(said_of(right), "", "{right:?}");
    }
    let said = said_of(Some([-1, 2]));
    assert!(
        said.contains("the sizes are not those of the output"),
        "{said}"
    );
    assert!(
        said.contains("[-1, 2]") && said.contains("[2, 3]"),
        "{said}"
    );
}
