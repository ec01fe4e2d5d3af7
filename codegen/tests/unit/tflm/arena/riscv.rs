use castiron_codegen::tflm::arena::riscv::*;
use castiron_codegen::tflm::arena::table::ARM;

#[test]
fn every_difference_is_one() {
    assert!(OTHERS.windows(2).all(|w| w[0].0 < w[1].0));
    for (name, options) in OTHERS {
        let row = ARM.row(name).expect(name);
        assert_ne!(ARM.options(row), *options, "{name}");
    }
}
