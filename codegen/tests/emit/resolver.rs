use castiron_codegen::emit::resolver::{CustomOp, Resolver, ResolverOptions};
use castiron_codegen::graph::{BuiltinOperator as B, Model, OpKind};
use castiron_codegen::tflm::arena::ArenaNeed;

use crate::models::{EVIL, builtin, model, operator};

fn with_ops(file: &str, ops: &[B]) -> Model {
    let mut m = model(file, vec![], vec![]);
    m.graphs[0].operators = ops.iter().map(|op| builtin(*op)).collect();
    // Codes nothing refers to need no kernel.
    m.op_codes = vec![(OpKind::Builtin(B::Unique), 1)];
    m
}

fn names(options: &ResolverOptions, models: &[Model]) -> Vec<&'static str> {
    Resolver::new(models, options)
        .unwrap()
        .ops()
        .map(|op| op.method)
        .collect()
}

#[test]
fn several_models_merge_and_sort() {
    let a = with_ops(
        "a.tflite",
        &[B::Softmax, B::Conv2d, B::Conv2d, B::SplitV, B::AddN],
    );
    let mut b = with_ops("dir/b.tflite", &[B::Padv2, B::Conv2d]);
    let mut second = b.graphs[0].clone();
    second.operators = vec![
        builtin(B::Cumsum),
        operator(OpKind::Custom("SignalPCAN".into())),
    ];
    b.graphs.push(second);
    let models = [a, b];
    let want = [
        "AddN", "Conv2D", "CumSum", "PCAN", "PadV2", "Softmax", "SplitV",
    ];
    assert_eq!(names(&ResolverOptions::default(), &models), want);
    let text = Resolver::new(&models, &ResolverOptions::default())
        .unwrap()
        .to_header()
        .unwrap();
    insta::assert_snapshot!(text);
    let [a, b] = models;
    let swapped = Resolver::new(&[b, a], &ResolverOptions::default()).unwrap();
    assert_eq!(
        swapped.to_header().unwrap(),
        text,
        "order of models must not matter"
    );
}

#[test]
fn listed_operators_in_either_spelling() {
    let ops = [
        "Conv2D",
        "AddSoftmax",
        "FULLY_CONNECTED",
        " Add ",
        "CONV_2D",
    ];
    let mut options = ResolverOptions::default();
    options.ops = ops.map(str::to_owned).into();
    assert_eq!(
        names(&options, &[]),
        ["Add", "Conv2D", "FullyConnected", "Softmax"]
    );
}

#[test]
fn nothing_to_register_still_compiles() {
    let none = Resolver::new([], &ResolverOptions::default()).unwrap();
    assert_eq!(none.count(), 0);
    assert!(
        none.to_header()
            .unwrap()
            .contains("#define TFLITE_RESOLVER_SIZE 1\n")
    );
}

#[test]
fn what_tflm_lacks_is_named_with_its_place() {
    let mut m = with_ops("m.tflite", &[B::Conv2d, B::Unique, B::Unique]);
    m.graphs[0]
        .operators
        .push(operator(OpKind::Custom("FlexErf".into())));
    m.graphs[0]
        .operators
        .push(operator(OpKind::Custom(EVIL.into())));
    let mut options = ResolverOptions::default();
    options.ops = vec!["Conv2d".into()];
    let error = Resolver::new([&m], &options).unwrap_err();
    insta::assert_snapshot!(error.to_string());
}

#[test]
fn own_custom_operators_are_registered_where_used() {
    let mut m = with_ops("m.tflite", &[B::Conv2d]);
    m.graphs[0]
        .operators
        .push(operator(OpKind::Custom(EVIL.into())));
    let custom = |name: &str, function: &str| CustomOp {
        name: name.into(),
        function: function.into(),
    };
    let mut options = ResolverOptions::default();
    options.custom = vec![
        custom(EVIL, "Register_EVIL"),
        custom("unused", "Register_UNUSED"),
    ];
    let resolver = Resolver::new([&m], &options).unwrap();
    assert_eq!(resolver.count(), 2);
    insta::assert_snapshot!(resolver.to_header().unwrap());
    let mut bad = ResolverOptions::default();
    bad.custom = vec![custom("x", "f(); evil")];
    assert!(Resolver::new([&m], &bad).is_err());
}

#[test]
fn arenas_of_all_models_and_the_largest_are_named() {
    let need = |model: &str, bytes: Option<usize>| ArenaNeed {
        model: model.into(),
        kernels: "reference",
        target: "cortex-m4",
        tflm_revision: castiron_codegen::tflm::revision::TFLM_SHORT,
        bytes,
        alignment: 16,
        reason: bytes
            .is_none()
            .then(|| "operator 0 */: not known".to_owned()),
    };
    let text = |arenas: &[ArenaNeed]| {
        let mut options = ResolverOptions::default();
        options.arenas = arenas.into();
        let m = with_ops("kws.tflite", &[B::Conv2d]);
        Resolver::new([&m], &options).unwrap().to_header().unwrap()
    };
    let mut arenas = vec![
        need("kws", Some(22_832)),
        need("vad-2", Some(1328)),
        need("kws", Some(4096)),
    ];
    let known = text(&arenas);
    insta::assert_snapshot!("arenas_known", known);
    arenas.reverse();
    assert_eq!(text(&arenas), known, "order of models must not matter");
    // One arena for all models cannot be promised then.
    arenas.push(need("odd", None));
    insta::assert_snapshot!("arenas_unknown", text(&arenas));
}
