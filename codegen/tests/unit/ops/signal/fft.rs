use castiron_codegen::ops::signal::fft::factors;

#[test]
fn factors_are_those_of_kiss_fft() {
    let of = |number| factors(number).map(|f| f.into_iter().filter(|f| *f > 0).collect::<Vec<_>>());
    assert_eq!(of(256), Some(vec![4, 4, 4, 4]));
    assert_eq!(of(8), Some(vec![4, 2]));
    assert_eq!(of(60), Some(vec![4, 3, 5]));
    assert_eq!(of(2), Some(vec![2]));
    assert_eq!(of(1), None);
    assert_eq!(of(14), None);
}
