use std::collections::HashSet;

use castiron_codegen::tflm::OPS;
use castiron_codegen::tflm::accepts::{FAMILIES, Row};

fn rows() -> impl Iterator<Item = &'static Row> {
    FAMILIES.iter().copied().flatten()
}

#[test]
fn every_operator_of_tflm_has_one_row() {
    let mut names = HashSet::new();
    for row in rows() {
        assert!(names.insert(row.name), "{} has two rows", row.name);
        let known = OPS.iter().any(|op| op.kernel.name() == row.name);
        assert!(known, "{} is no operator of TFLM's", row.name);
    }
    for op in OPS {
        assert!(
            names.contains(op.kernel.name()),
            "{} has no row",
            op.kernel.name()
        );
    }
}
