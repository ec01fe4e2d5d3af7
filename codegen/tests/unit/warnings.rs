use castiron_codegen::graph::DType;
use castiron_codegen::graph::Tensor;
use castiron_codegen::warnings::*;

fn input(signature: &[i32], shape: &[usize]) -> Tensor {
    Tensor {
        name: "x".to_owned(),
        shape_signature: Some(signature.to_vec()),
        ..crate::unit::tensor(DType::Float32, shape)
    }
}

#[test]
fn a_size_that_was_made_up_is_doubtful_and_a_batch_is_not() {
    let d = any_size(&input(&[1, -1, -1, 3], &[1, 1, 1, 3])).expect("any image");
    let found = d.found.expect("it says which");
    assert!(
        found.contains("dimensions 1, 2 of [1, -1, -1, 3]"),
        "{found}"
    );
    for (signature, shape) in [
        (&[-1, 28, 28][..], &[1, 28, 28][..]),
        (&[-1, -1, 3], &[1, 96, 3]),
        (&[1, 4], &[1, 4]),
    ] {
        assert_eq!(any_size(&input(signature, shape)), None);
    }
}

#[test]
fn signatures_of_other_subgraphs_are_left_out_and_that_is_said() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/data/models/two_signatures_int8.tflite"
    );
    let bytes = std::fs::read(path).expect("the model");
    let model = castiron_codegen::tflite::read("two.tflite", &bytes).expect("a model");
    let d = left_out(&model).expect("one of two");
    assert_eq!(d.found.as_deref(), Some("\"encode\""));
    assert_eq!(left_out(&model.with_default_entry()), None);
}
