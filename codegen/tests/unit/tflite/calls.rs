use castiron_codegen::tflite::calls::in_a_cycle;

#[test]
fn finds_cycles_and_nothing_else() {
    assert_eq!(in_a_cycle(&[]), None);
    assert_eq!(in_a_cycle(&[vec![1, 2], vec![2, 2], vec![]]), None);
    assert_eq!(in_a_cycle(&[vec![0]]), Some(0));
    assert_eq!(in_a_cycle(&[vec![1], vec![2], vec![1]]), Some(1));
}
