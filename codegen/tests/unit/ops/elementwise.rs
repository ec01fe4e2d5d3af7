use castiron_runtime::kernels::{ARITHMETIC, BINARY, COMPARISONS, UNARY};

use castiron_codegen::graph::BuiltinOperator;

/// A name that is none would be a line that nothing finds.
#[test]
fn every_line_is_an_operator_of_the_schema_and_there_once() {
    let binary = [ARITHMETIC, BINARY, COMPARISONS];
    let binary = binary.into_iter().flatten().map(|row| row.operator);
    let names: Vec<&str> = UNARY.iter().map(|row| row.operator).chain(binary).collect();
    for (position, name) in names.iter().enumerate() {
        let known = BuiltinOperator::ALL.iter().any(|op| op.name() == *name);
        assert!(known, "{name}");
        assert!(!names[..position].contains(name), "{name}");
    }
}
