use castiron_codegen::cortex::Simd;
use castiron_codegen::tflm::arena::cmsis::*;

/// Strides, dilations, padding before, input, filter, channels that an output sees, and the
/// output's height, width and channels; then what CMSIS-NN 4ab83cc3 asks for: `CONV_2D` of
/// int8 without vectors and with MVE, of int16 with MVE, `DEPTHWISE_CONV_2D` without vectors,
/// with DSP, with MVE, with int4 weights and MVE, `TRANSPOSE_CONV` without vectors, with
/// MVE, and its reversed filter.
const CASES: &[([usize; 16], [usize; 10])] = &[
    (
        [1, 1, 1, 1, 0, 0, 1, 8, 8, 16, 1, 1, 16, 8, 8, 32],
        [0, 0, 128, 0, 0, 0, 0, 1024, 1024, 0],
    ),
    (
        [2, 2, 1, 1, 0, 0, 1, 96, 96, 3, 3, 3, 3, 48, 48, 8],
        [112, 128, 256, 0, 0, 0, 0, 18528, 18528, 0],
    ),
    (
        [1, 2, 1, 1, 0, 1, 1, 1, 49, 12, 1, 4, 12, 1, 25, 16],
        [192, 60, 384, 0, 0, 0, 0, 6400, 6400, 0],
    ),
    (
        [1, 1, 1, 1, 0, 1, 1, 1, 49, 12, 1, 3, 12, 1, 49, 16],
        [144, 48, 320, 0, 0, 0, 0, 3264, 3264, 0],
    ),
    (
        [1, 2, 1, 1, 0, 0, 1, 1, 50, 12, 1, 3, 12, 1, 24, 16],
        [144, 36, 320, 0, 0, 0, 0, 6464, 6464, 0],
    ),
    (
        [1, 4, 1, 1, 0, 3, 1, 1, 20, 2, 1, 9, 2, 1, 5, 4],
        [80, 24, 192, 0, 0, 0, 0, 1360, 1360, 0],
    ),
    (
        [1, 1, 1, 2, 0, 2, 1, 1, 20, 4, 1, 3, 4, 1, 20, 4],
        [48, 64, 128, 0, 0, 0, 0, 352, 352, 0],
    ),
    (
        [1, 1, 1, 1, 1, 1, 1, 14, 14, 24, 3, 3, 24, 14, 14, 24],
        [864, 896, 1728, 0, 0, 4464, 4464, 864, 896, 5184],
    ),
    (
        [1, 1, 1, 1, 2, 2, 1, 14, 14, 24, 5, 5, 24, 14, 14, 24],
        [2400, 2432, 4800, 0, 1200, 12400, 12400, 2400, 2432, 14400],
    ),
    (
        [2, 2, 1, 1, 4, 1, 1, 49, 10, 1, 10, 4, 1, 25, 5, 64],
        [160, 192, 320, 0, 0, 2752, 0, 56320, 56320, 0],
    ),
    (
        [2, 2, 1, 1, 0, 0, 1, 7, 7, 24, 3, 3, 24, 14, 14, 8],
        [864, 896, 1728, 0, 0, 0, 0, 864, 896, 1728],
    ),
    (
        [3, 2, 1, 1, 0, 0, 1, 7, 7, 4, 2, 3, 4, 21, 14, 8],
        [96, 128, 192, 0, 0, 0, 0, 1440, 1440, 0],
    ),
    (
        [1, 1, 1, 1, 0, 3, 1, 1, 2, 4, 1, 7, 4, 1, 2, 4],
        [112, 128, 256, 0, 56, 3472, 3472, 128, 128, 0],
    ),
];

#[test]
fn sizes_are_those_of_cmsis_nn() {
    for (case, expected) in CASES {
        let c = case;
        let conv = Conv {
            stride: (c[0], c[1]),
            dilation: (c[2], c[3]),
            padding: (c[4], c[5]),
            input: [c[6], c[7], c[8], c[9]],
            filter: (c[10], c[11]),
            filter_channels: c[12],
            output: [c[6], c[13], c[14], c[15]],
        };
        let [plain, reversed] = conv.transposed(Simd::None);
        let sizes = [
            conv.int8(Simd::None),
            conv.int8(Simd::Mve),
            conv.int16(Simd::Mve),
            conv.depthwise(Simd::None, false),
            conv.depthwise(Simd::Dsp, false),
            conv.depthwise(Simd::Mve, false),
            conv.depthwise(Simd::Mve, true),
            plain,
            conv.transposed(Simd::Mve)[0],
            reversed,
        ];
        assert_eq!(sizes, *expected, "{case:?}");
    }
}
