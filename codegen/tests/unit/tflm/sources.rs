use castiron_codegen::tflm::OPS;
use castiron_codegen::tflm::TflmOp;
use castiron_codegen::tflm::arena::Kernels;
use castiron_codegen::tflm::sources::*;

#[test]
fn every_operator_has_a_file_and_every_file_a_row() {
    let sources = Sources::new();
    let known: Vec<_> = sources.operators.keys().copied().collect();
    let methods: Vec<_> = OPS.iter().map(|op| op.method).collect();
    assert_eq!(known, methods);
    let named = sources
        .operators
        .values()
        .chain(sources.calls.values().flatten());
    for file in named {
        assert!(sources.calls.contains_key(file), "{file} has no row");
    }
    for caller in [Caller::Direct, Caller::Interpreter] {
        for file in caller.roots() {
            assert!(sources.calls.contains_key(file), "{file} has no row");
        }
    }
}

#[test]
fn an_operator_brings_what_it_calls() {
    let sources = Sources::new();
    let conv = TflmOp::for_name("Conv2D").unwrap();
    let paths = |kernels, caller| {
        let files = sources.closure([conv], kernels, caller);
        files.into_iter().map(|f| f.path).collect::<Vec<_>>()
    };
    let has = |paths: &[String], end: &str| paths.iter().any(|path| path.ends_with(end));
    let reference = paths(Kernels::Reference, Caller::Direct);
    assert!(has(&reference, "/kernels/conv.cc") && has(&reference, "/kernels/conv_common.cc"));
    assert!(!has(&reference, ".c") && !has(&reference, "micro_interpreter.cc"));
    let optimised = paths(Kernels::CmsisNn, Caller::Direct);
    assert!(has(&optimised, "/cmsis_nn/conv.cc") && !has(&optimised, "/kernels/conv.cc"));
    let callers = |kernels| {
        let files = sources.closure([conv], kernels, Caller::Direct);
        files.iter().filter(|file| file.calls_cmsis_nn()).count()
    };
    assert_eq!([Kernels::Reference, Kernels::CmsisNn].map(callers), [0, 1]);
    let interpreted = paths(Kernels::Reference, Caller::Interpreter);
    assert!(has(&interpreted, "micro_interpreter.cc") && has(&interpreted, "micro_allocator.cc"));
}
