use castiron_codegen::ops::quantize;
use castiron_codegen::ops::reduce::*;

#[test]
fn the_count_divides_the_multiplier() {
    // 1 is 2³⁰ × 2^(1 − 31); 6 has two bits after its first.
    let one = quantize::multiplier(1.0);
    assert_eq!(factor(one, 6), (((1i64 << 32) / 6) as i32, -1));
    assert_eq!(factor(one, 1), (1 << 30, 1));
}
