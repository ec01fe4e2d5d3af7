use castiron_codegen::emit::c_header::{CHeader, HeaderOptions, HeaderStyle, c_header};
use castiron_codegen::error::Result;
use castiron_codegen::graph::{DType, Model, Quantization, Signature, SignaturePort, TensorId};

use castiron_codegen::tflm::arena::ArenaNeed;

use crate::models::{EVIL, gestures, model, quantized, tensor};

pub(crate) fn text_of(file: &castiron_codegen::emit::c_header::CFile<'_>) -> String {
    let mut out = Vec::new();
    file.write_to(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn kenning<'a>(model: &Model, bytes: &'a [u8]) -> Result<CHeader<'a>> {
    let mut options = HeaderOptions::default();
    options.style = HeaderStyle::Kenning;
    c_header(model, bytes, &options)
}

const BYTES: &[u8] = &[
    0x1c, 0, 0, 0, b'T', b'F', b'L', b'3', 0x14, 0, 0x20, 0, 4, 0,
];

#[test]
fn kenning_header() {
    let got = kenning(&gestures(), BYTES).unwrap();
    assert!(got.source.is_none());
    assert_eq!(got.header.file_name, "model_data.h");
    insta::assert_snapshot!(text_of(&got.header));
}

#[test]
fn kenning_header_of_a_float_model_has_no_quantisation() {
    let m = model(
        "f.tflite",
        vec![
            tensor("a", DType::Float32, &[2]),
            tensor("b", DType::Bool, &[]),
        ],
        vec![tensor("y", DType::Uint16, &[1, 2, 3])],
    );
    let mut options = HeaderOptions::default();
    options.style = HeaderStyle::Kenning;
    options.name = Some("flow".into());
    options.section = Some(".model".into());
    options.alignment = Some(64);
    insta::assert_snapshot!(text_of(&c_header(&m, &[7], &options).unwrap().header));
}

#[test]
fn what_kenning_cannot_hold_is_an_error() {
    let f = |shape: &[usize]| tensor("t", DType::Float32, shape);
    let many = |n: usize| (0..n).map(|_| f(&[1])).collect::<Vec<_>>();
    let mut channels = quantized("c", DType::Int8, &[1, 2], 0.5, 0);
    channels.quantization = Some(Quantization {
        scale: vec![0.5, 0.25],
        zero_point: vec![0, 0],
        dimension: 1,
    });
    let cases = [
        ("too many inputs", model("m.tflite", many(3), many(1))),
        ("too many outputs", model("m.tflite", many(1), many(13))),
        ("no inputs", model("m.tflite", vec![], many(1))),
        ("5-D", model("m.tflite", vec![f(&[1, 2, 3, 4, 5])], many(1))),
        ("size 0", model("m.tflite", many(1), vec![f(&[1, 0])])),
        (
            "int4",
            model("m.tflite", vec![tensor("t", DType::Int4, &[2])], many(1)),
        ),
        (
            "string",
            model("m.tflite", vec![tensor("t", DType::String, &[2])], many(1)),
        ),
        ("channels", model("m.tflite", vec![channels], many(1))),
    ];
    let mut all = String::new();
    for (what, m) in cases {
        let error = kenning(&m, BYTES).unwrap_err().to_string();
        assert!(
            error.contains("standalone") && error.contains("m.tflite"),
            "{what}: {error}"
        );
        let alone = c_header(&m, BYTES, &HeaderOptions::default());
        assert!(alone.is_ok(), "{what} has to work standalone: {alone:?}");
        all += &format!("== {what}\n{error}\n");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn standalone_pair() {
    let mut m = gestures();
    m.graphs[0].inputs.push(TensorId(2));
    m.graphs[0]
        .tensors
        .push(tensor("gain", DType::Float32, &[]));
    let port = |name: &str, tensor| SignaturePort {
        name: name.into(),
        tensor: TensorId(tensor),
    };
    m.signatures = vec![Signature {
        name: "serving_default".into(),
        graph: 0,
        inputs: vec![port("gain", 2), port("x", 0)],
        outputs: vec![port("y", 1)],
    }];
    let labels = ["wing", "ring", "slope", "negative"].map(str::to_owned);
    let mut options = HeaderOptions::default();
    options.section = Some(".rodata.model".into());
    options.labels = Some(labels.into());
    let got = c_header(&m, BYTES, &options).unwrap();
    assert_eq!(got.header.file_name, "magic_wand_int8_model.h");
    insta::assert_snapshot!("standalone_header", text_of(&got.header));
    insta::assert_snapshot!("standalone_source", text_of(&got.source.unwrap()));
}

#[test]
fn unusable_options_are_errors() {
    let bad: [fn(&mut HeaderOptions); 7] = [
        |o| o.alignment = Some(24),
        |o| o.alignment = Some(0),
        |o| o.section = Some("a\"b".into()),
        |o| o.include = Some("a\"\n".into()),
        |o| o.section = Some(String::new()),
        |o| o.labels = Some(vec!["one".into(), "two".into()]),
        |o| o.labels = Some(vec!["x".repeat(5000); 4]),
    ];
    for change in bad {
        let mut options = HeaderOptions::default();
        change(&mut options);
        assert!(
            c_header(&gestures(), BYTES, &options).is_err(),
            "{options:?}"
        );
    }
    assert!(c_header(&gestures(), &[], &HeaderOptions::default()).is_err());
    let mut long = HeaderOptions::default();
    long.style = HeaderStyle::Kenning;
    long.name = Some("a name of more than nineteen".into());
    assert!(c_header(&gestures(), BYTES, &long).is_err());
}

#[test]
fn graphs_no_reader_would_make_are_errors_not_panics() {
    let one = || vec![tensor("x", DType::Float32, &[1])];
    let mut dangling = model("m.tflite", one(), one());
    dangling.graphs[0].outputs = vec![TensorId(9)];
    let mut empty = model("m.tflite", one(), one());
    empty.graphs.clear();
    let huge = model(
        "m.tflite",
        vec![tensor("x", DType::Int8, &[usize::MAX, 3])],
        one(),
    );
    let nan = model(
        "m.tflite",
        vec![quantized("x", DType::Int8, &[1], f32::NAN, 0)],
        one(),
    );
    let far = model(
        "m.tflite",
        vec![quantized("x", DType::Int8, &[1], 1.0, 300)],
        one(),
    );
    for m in [dangling, empty, huge, nan, far] {
        for style in [HeaderStyle::Kenning, HeaderStyle::Standalone] {
            let mut options = HeaderOptions::default();
            options.style = style;
            let error = c_header(&m, BYTES, &options).unwrap_err();
            assert!(error.to_string().contains("m.tflite"), "{error}");
        }
    }
    let mut lost = model("m.tflite", one(), one());
    lost.signatures = vec![Signature {
        name: "s".into(),
        graph: 7,
        inputs: vec![],
        outputs: vec![],
    }];
    assert!(c_header(&lost, BYTES, &HeaderOptions::default()).is_ok());
}

fn need(bytes: Option<usize>, reason: Option<&str>) -> ArenaNeed {
    ArenaNeed {
        model: "kws".into(),
        kernels: "cmsis-nn",
        target: "cortex-m55",
        tflm_revision: castiron_codegen::tflm::revision::TFLM_SHORT,
        bytes,
        alignment: 16,
        reason: reason.map(str::to_owned),
    }
}

#[test]
fn the_arena_is_named_or_the_reason_is_given() {
    let m = model("kws.tflite", vec![], vec![]);
    let text = |arena: ArenaNeed| {
        let mut options = HeaderOptions::default();
        options.arena = Some(arena);
        text_of(&c_header(&m, BYTES, &options).unwrap().header)
    };
    insta::assert_snapshot!("arena_known", text(need(Some(27_360), None)));
    let evil = format!("operator 3 {EVIL}: not known");
    insta::assert_snapshot!("arena_unknown", text(need(None, Some(&evil))));
}

#[test]
fn the_kenning_header_stays_as_it_is() {
    let mut options = HeaderOptions::default();
    options.style = HeaderStyle::Kenning;
    options.arena = Some(need(Some(27_360), None));
    let with = text_of(&c_header(&gestures(), BYTES, &options).unwrap().header);
    assert_eq!(with, text_of(&kenning(&gestures(), BYTES).unwrap().header));
}
