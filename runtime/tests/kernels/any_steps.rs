use castiron_runtime::host::Expression;
use castiron_runtime::kernels::{AnySteps, Dot, Float, Portable};

#[test]
fn what_is_written_is_the_kernel_of_these_steps() {
    fn written<D: Dot<Float> + Expression>(dot: D) -> [String; 2] {
        [dot.kind(), dot.expression()].map(|tokens| tokens.to_string())
    }
    assert_eq!(written(AnySteps { steps: 1 }), written(Portable::<1>));
    assert_eq!(written(AnySteps { steps: 8 }), written(Portable::<8>));
}
