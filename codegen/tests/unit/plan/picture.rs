use castiron_codegen::plan::picture::*;

#[test]
fn figures_are_grouped() {
    assert_eq!(figure(0), "0");
    assert_eq!(figure(999), "999");
    assert_eq!(figure(55_296), "55,296");
    assert_eq!(figure(1_234_567), "1,234,567");
}

#[test]
fn ticks_are_powers_of_two() {
    assert_eq!(tick(0), 1);
    assert_eq!(tick(55_296), 8192);
    assert_eq!(tick(64), 8);
}

#[test]
fn names_are_cut_at_the_front() {
    assert_eq!(cut("model/conv/Relu", 10.0, 42.0), "…/Relu");
    assert_eq!(cut("Relu", 10.0, 42.0), "Relu");
    assert_eq!(cut("Relu", 10.0, 0.0), "…");
}
