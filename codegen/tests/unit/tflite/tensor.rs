use castiron_codegen::graph::{DType, Tensor};
use castiron_codegen::tflite::tensor::*;

fn tensor(dtype: DType, shape: &[usize], data: Option<&[u8]>) -> Tensor {
    Tensor {
        data: data.map(Into::into),
        ..crate::unit::tensor(dtype, shape)
    }
}

#[test]
fn packed_types_round_up_to_whole_bytes() {
    assert_eq!(check_data(&tensor(DType::Int4, &[5], Some(&[0; 3]))), None);
    assert_eq!(check_data(&tensor(DType::Int2, &[5], Some(&[0; 2]))), None);
    assert!(check_data(&tensor(DType::Int4, &[5], Some(&[0; 5]))).is_some());
}

#[test]
fn a_zero_does_not_hide_an_overflow() {
    assert!(check_size(&tensor(DType::Int8, &[usize::MAX, usize::MAX, 0], None)).is_err());
    assert!(check_size(&tensor(DType::Int8, &[0, 4], None)).is_ok());
    assert!(check_size(&tensor(DType::Int8, &[Tensor::MOST_BYTES], None)).is_ok());
    assert!(check_size(&tensor(DType::Int16, &[Tensor::MOST_BYTES], None)).is_err());
    assert!(check_size(&tensor(DType::Resource, &[1 << 40], None)).is_err());
}

#[test]
fn every_code_up_to_22_is_a_type() {
    assert!((0..=22).all(|code| dtype(code).is_ok()));
    assert!(dtype(-1).is_err() && dtype(23).is_err());
}
