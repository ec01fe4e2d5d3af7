use castiron_codegen::graph::Activation::{None as All, Relu, Relu6, ReluN1To1};
use castiron_codegen::passes::fuse_activations::*;

#[test]
fn ranges_compose() {
    let limits = |activation| match activation {
        Relu => (0.0, f32::INFINITY),
        Relu6 => (0.0, 6.0),
        ReluN1To1 => (-1.0, 1.0),
        _ => (f32::NEG_INFINITY, f32::INFINITY),
    };
    let clamp = |x: f32, activation| {
        let (min, max) = limits(activation);
        x.clamp(min, max)
    };
    let all = [All, Relu, Relu6, ReluN1To1];
    let mut none = 0;
    for (first, second) in all.iter().flat_map(|a| all.map(|b| (*a, b))) {
        match both(first, second) {
            None => none += 1,
            Some(one) => {
                for x in [-9.0, -1.0, -0.5, 0.0, 0.5, 1.0, 5.0, 6.0, 9.0] {
                    let expected = clamp(clamp(x, first), second);
                    assert_eq!(clamp(x, one), expected, "{first:?} {second:?} {x}");
                }
            }
        }
    }
    // RELU_N1_TO_1 beside the two others: from 0 to 1 is no range of its own.
    assert_eq!(none, 4);
}
