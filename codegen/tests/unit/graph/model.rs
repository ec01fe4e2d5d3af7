use castiron_codegen::graph::model::callees_first;

#[test]
fn what_is_called_comes_before_its_callers_and_once() {
    let calls = [vec![1, 2], vec![2, 3], vec![3, 3], vec![], vec![0]];
    assert_eq!(callees_first(&[0], |g| calls[g].clone()), [3, 2, 1, 0]);
    assert_eq!(
        callees_first(&[2, 0, 4], |g| calls[g].clone()),
        [3, 2, 1, 0, 4]
    );
}

#[test]
fn calls_may_nest_to_any_depth() {
    const DEPTH: usize = 100_000;
    let next = |graph: usize| {
        if graph < DEPTH {
            vec![graph + 1]
        } else {
            vec![]
        }
    };
    assert_eq!(callees_first(&[0], next).first(), Some(&DEPTH));
}
