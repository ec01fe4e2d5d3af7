use proptest::prelude::*;

use castiron_runtime::kernels::*;

fn quantized(x: f32, scale: f32, zero_point: i32) -> i8 {
    Quantize { scale, zero_point }.of(x)
}

#[test]
fn halves_go_away_from_zero() {
    let values = [0.25, 0.75, -0.25, -0.75, 0.249, -0.249];
    let stored = values.map(|x| quantized(x, 0.5, 0));
    assert_eq!(stored, [1, 2, -1, -2, 0, 0]);
}

#[test]
fn everything_saturates() {
    for zero_point in [-128, 0, 127] {
        assert_eq!(quantized(f32::INFINITY, 0.1, zero_point), 127);
        assert_eq!(quantized(f32::MIN, 0.1, zero_point), -128);
        assert_eq!(quantized(3e9, 1.0, zero_point), 127);
        assert_eq!(quantized(f32::NAN, 0.1, zero_point), zero_point as i8);
    }
}

#[test]
fn requantising_32_bits_saturates() {
    let requantize = Requantize {
        in_zero_point: 0,
        multiplier: 1 << 30,
        shift: 0,
        out_zero_point: 100,
    };
    let y: i16 = requantize.of(i32::MIN);
    assert_eq!(y, i16::MIN);
}

proptest! {
    #![proptest_config(crate::testing::cases(256))]

    #[test]
    fn quantising_follows_the_formula(
        x in -1e4f32..1e4, scale in 1e-4f32..1.0, zero_point in -32768i32..=32767,
    ) {
        let y: i16 = Quantize { scale, zero_point }.of(x);
        let expected = i64::from((libm::roundf(x / scale)) as i32) + i64::from(zero_point);
        prop_assert_eq!(i64::from(y), expected.clamp(-32768, 32767));
    }

    #[test]
    fn dequantising_rounds_once(x: i16, scale in 1e-6f32..10.0, zero_point in -32768i32..=32767) {
        let y = Dequantize { scale, zero_point }.of(x);
        let expected = f64::from(scale) * f64::from(i32::from(x) - zero_point);
        prop_assert_eq!(y, expected as f32);
    }
}
