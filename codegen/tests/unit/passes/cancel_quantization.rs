use castiron_runtime::kernels::{Dequantize, Function as _, Quantize};

use castiron_codegen::passes::cancel_quantization::*;

/// Scales as converters write them, and at both ends of what a file may have.
const SCALES: [f32; 12] = [
    1.0 / 256.0,
    0.003_921_569,
    0.1,
    0.05,
    1.0,
    0.999_999_94,
    3.0,
    1e-30,
    1e30,
    f32::MIN_POSITIVE,
    1e-45,
    7e-45,
];

#[test]
fn there_and_back_is_where_it_was() {
    for scale in SCALES {
        assert!((scale * MOST).is_finite());
        for zero_point in [-128, -7, 0, 1, 127] {
            let dequantize = Dequantize { scale, zero_point };
            let quantize = Quantize { scale, zero_point };
            for q in i8::MIN..=i8::MAX {
                let real: f32 = dequantize.of(q);
                let back: i8 = quantize.of(real);
                assert_eq!(back, q, "{scale} {zero_point}");
                let unsigned = (i16::from(q) + 128) as u8;
                let moved = zero_point + 128;
                let real: f32 = Dequantize {
                    scale,
                    zero_point: moved,
                }
                .of(unsigned);
                let back: u8 = Quantize {
                    scale,
                    zero_point: moved,
                }
                .of(real);
                assert_eq!(back, unsigned, "{scale} {moved}");
            }
        }
        for zero_point in [i32::from(i16::MIN), 0, i32::from(i16::MAX)] {
            for q in i16::MIN..=i16::MAX {
                let real: f32 = Dequantize { scale, zero_point }.of(q);
                let back: i16 = Quantize { scale, zero_point }.of(real);
                assert_eq!(back, q, "{scale} {zero_point}");
            }
        }
    }
}
