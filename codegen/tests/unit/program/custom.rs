use castiron_codegen::program::custom::*;
use castiron_codegen::program::program::ElementType;

#[test]
fn sizes_are_of_bytes_or_of_elements() {
    let buffer = |text: &str| text.parse::<OpBuffer>();
    let read = buffer("a=b=i16x12").expect("right");
    assert_eq!(
        (&*read.operator, read.element, read.len),
        ("a=b", ElementType::I16, 12)
    );
    assert_eq!(buffer("MyOp=7").expect("right").to_string(), "MyOp=u8x7");
    for wrong in [
        "MyOp",
        "=3",
        "MyOp=",
        "MyOp=0",
        "MyOp=f16x3",
        "MyOp=i8x",
        "MyOp=-1",
        "MyOp=99999999999",
    ] {
        let error = buffer(wrong).expect_err("wrong").to_string();
        assert!(
            error.contains("MyOp=i16x128") && error.contains(wrong),
            "{error}"
        );
    }
}

#[test]
fn what_is_said_last_counts() {
    let buffers = ["A=1", "B=2", "A=3"].map(|text| text.parse::<OpBuffer>().expect("right"));
    let ops = FirmwareOps::named(["A".to_owned()]).with_scratch(buffers);
    assert_eq!(ops.scratch("A").map(|buffer| buffer.len), Some(3));
    assert_eq!(
        (ops.has("A"), ops.has("B"), ops.state("A")),
        (true, false, None)
    );
    assert_eq!(ops.names().collect::<Vec<_>>(), ["A", "A", "B", "A"]);
    assert!(FirmwareOps::all().has("any"));
}
