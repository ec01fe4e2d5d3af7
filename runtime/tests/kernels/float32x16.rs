use core::cell::Cell;

use castiron_runtime::kernels::{Float, Float32x16, FullyConnected, FullyConnectedSizes, Portable};

/// What a stored weight is worth: its product with 1.
fn worth(half: u16) -> f32 {
    let kernel = FullyConnected {
        sizes: FullyConnectedSizes {
            rows: 1,
            inputs: 1,
            outputs: 1,
        },
        numbers: Float32x16 {
            range: Float {
                min: f32::MIN,
                max: f32::MAX,
            },
        },
        dot: Portable::<1>,
    };
    let y = [Cell::new(0.0)];
    kernel.run(&[Cell::new(1.0)], &[half; 4], &[], &y);
    y[0].get()
}

#[test]
fn every_finite_half_has_its_value() {
    // Each is computed in the same way: Miri takes a few of every exponent.
    let step = if cfg!(miri) { 509 } else { 1 };
    let halves = (0..=u16::MAX).step_by(step);
    for half in halves.filter(|half| half >> 10 & 0x1f != 0x1f) {
        let fraction = f64::from(half & 0x3ff);
        let magnitude = match i32::from(half >> 10 & 0x1f) {
            0 => fraction / f64::from(1 << 24),
            exponent => (1024.0 + fraction) * f64::from(1 << exponent) / f64::from(1 << 25),
        };
        let expected = if half < 0x8000 { magnitude } else { -magnitude };
        assert_eq!(f64::from(worth(half)), expected, "{half:#06x}");
    }
}
