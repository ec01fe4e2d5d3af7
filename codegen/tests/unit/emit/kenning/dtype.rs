use castiron_codegen::emit::kenning::dtype::*;
use castiron_codegen::graph::DType;

#[test]
fn names_become_codes() {
    assert_eq!(code("int8"), Ok((0, 8)));
    assert_eq!(code("uint64"), Ok((1, 64)));
    assert_eq!(code("float32"), Ok((2, 32)));
    assert_eq!(code("opaque_handle64"), Ok((3, 64)));
    assert_eq!(code("bool8"), Ok((6, 8)));
    assert_eq!(code("e4m3b11fnuz_float8"), Ok((9, 8)));
    assert_eq!(code("complex128"), Ok((5, 128)));
}

#[test]
fn what_is_no_name_is_refused() {
    for bad in [
        "", "8", "bool", "float", "int0", "int4", "int12", "int256", "int264", "Float32",
        "float32 ", "floatx32", "32float", "int٨",
    ] {
        assert!(code(bad).is_err(), "{bad}");
    }
}

#[test]
fn names_of_types_are_names_of_kinds() {
    for dtype in [
        DType::Int8,
        DType::Bool,
        DType::Float8E5M2,
        DType::Complex128,
    ] {
        let (_, bits) = code(names(dtype)[0]).unwrap();
        assert_eq!(usize::from(bits), dtype.bits(), "{dtype}");
    }
    assert!(code(names(DType::Int4)[0]).is_err());
}
