use castiron_codegen::tflm::OPS;
use castiron_codegen::tflm::arena::table::*;

#[test]
fn every_operator_of_tflm_has_one_row() {
    assert!(ROWS.windows(2).all(|w| w[0].name < w[1].name));
    for op in OPS {
        let name = op.kernel.name();
        assert!(ARM.row(name).is_some(), "{name}");
    }
    assert_eq!(ROWS.len(), OPS.len());
}
