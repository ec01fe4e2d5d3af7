use castiron_codegen::graph::DType;
use castiron_codegen::tflite::quantization::*;

use crate::unit::tensor;

#[test]
fn a_bias_with_its_weights_dimension_is_read_along_its_own() {
    let bias = tensor(DType::Int32, &[2]);
    let q = normalise(vec![0.1, 0.2], &[0, 0], 3, &bias).expect("readable");
    assert_eq!((q.dimension, q.zero_point), (0, vec![0, 0]));
}

#[test]
fn one_zero_point_serves_all_channels_and_none_serves_no_integer() {
    let weights = tensor(DType::Int8, &[1, 3]);
    let q = normalise(vec![0.1; 3], &[0], 1, &weights).expect("readable");
    assert_eq!(q.zero_point, [0, 0, 0]);
    for points in [&[][..], &[0, 0]] {
        assert!(normalise(vec![0.1; 3], points, 1, &weights).is_err());
    }
    let floats = tensor(DType::Float32, &[1, 3]);
    assert!(normalise(vec![0.1; 3], &[], 1, &floats).is_ok());
}

#[test]
fn a_dead_channel_may_have_scale_0_but_no_whole_tensor() {
    let weights = tensor(DType::Int8, &[2]);
    assert!(normalise(vec![0.0, 0.1], &[0], 0, &weights).is_ok());
    for bad in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(normalise(vec![bad], &[0], 0, &weights).is_err(), "{bad}");
    }
}

#[test]
fn zero_points_keep_to_the_type() {
    let right = [(DType::Int8, -128), (DType::Uint8, 255), (DType::Int4, 7)];
    let wrong = [
        (DType::Int8, 128),
        (DType::Uint8, -1),
        (DType::Int64, 1 << 40),
    ];
    for (dtype, point) in right {
        assert!(normalise(vec![0.1], &[point], 0, &tensor(dtype, &[1])).is_ok());
    }
    for (dtype, point) in wrong {
        assert!(normalise(vec![0.1], &[point], 0, &tensor(dtype, &[1])).is_err());
    }
}

#[test]
fn scales_run_along_a_dimension_of_their_number() {
    let weights = tensor(DType::Int8, &[4, 3]);
    assert!(normalise(vec![0.1; 3], &[0], 1, &weights).is_ok());
    for (scales, dimension) in [(3, 0), (3, 2), (3, -1), (5, 1)] {
        assert!(normalise(vec![0.1; scales], &[0], dimension, &weights).is_err());
    }
}
