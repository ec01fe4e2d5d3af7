use castiron_runtime::kernels::*;
use std::cell::Cell;

#[test]
fn what_is_not_a_number_stays_so() {
    let kernel = FullyConnected {
        sizes: FullyConnectedSizes {
            rows: 1,
            inputs: 1,
            outputs: 1,
        },
        numbers: Float { min: 0.0, max: 6.0 },
        dot: Portable::<4>,
    };
    let y = Cell::new(0.0);
    let x = [Cell::new(f32::NAN)];
    kernel.compute(&x, &[1.0; 4], (&[0.0],), core::slice::from_ref(&y));
    assert!(y.get().is_nan());
}
