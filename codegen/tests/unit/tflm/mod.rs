mod accepts;
mod arena;
mod revision;
mod sources;

use castiron_codegen::tflm::ops::OPS;
use castiron_codegen::tflm::*;

#[test]
fn table_is_sorted_and_names_each_operator_once() {
    assert_eq!(OPS.len(), 118);
    assert!(OPS.windows(2).all(|w| w[0].method < w[1].method));
    let mut names: Vec<_> = OPS.iter().map(|op| op.kernel.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), OPS.len());
}

#[test]
fn names_that_break_case_rules_resolve() {
    for (model, method) in [
        ("PADV2", "PadV2"),
        ("SPLIT_V", "SplitV"),
        ("ADD_N", "AddN"),
        ("CUMSUM", "CumSum"),
        ("BATCH_MATMUL", "BatchMatMul"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "UnidirectionalSequenceLSTM"),
        ("SignalPCAN", "PCAN"),
        ("ADD", "Add"),
    ] {
        assert_eq!(TflmOp::for_name(model).map(|op| op.method), Some(method));
        assert_eq!(TflmOp::for_name(method).map(|op| op.method), Some(method));
        let called = format!("Add{method}");
        assert_eq!(TflmOp::for_name(&called).map(|op| op.method), Some(method));
    }
}

#[cfg(feature = "text")]
#[test]
fn unknown_names_get_near_ones() {
    assert!(TflmOp::for_name("Conv2d").is_none());
    assert_eq!(TflmOp::suggestions("Conv2d")[0], "Conv2D");
    assert_eq!(TflmOp::suggestions("AddSoftMax")[0], "Softmax");
    assert_eq!(TflmOp::suggestions("FULLY_CONECTED")[0], "FullyConnected");
    assert!(TflmOp::suggestions("zzzzzz").is_empty());
}
