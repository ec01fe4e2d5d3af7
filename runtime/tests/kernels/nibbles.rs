use core::cell::Cell;

use castiron_runtime::kernels::{
    DepthwiseConv2d, DepthwiseConv2dNibbles, DepthwiseConv2dSizes, FullyConnected,
    FullyConnectedSizes, Hybrid, Nibbles, Window,
};

#[test]
fn halves_of_bytes_have_their_signs() {
    // Six outputs: a block and a part of one.
    let sizes = FullyConnectedSizes {
        rows: 2,
        inputs: 3,
        outputs: 6,
    };
    let weight = |output: usize, i: usize| ((output * 5 + i * 3) % 16) as i8 - 8;
    let packed = sizes.pack::<Hybrid, Nibbles>(&weight);
    assert_eq!(packed.len(), 2 * 3 * 2);
    let x = [100i16, -3, 7, 0, 1, -120].map(Cell::new);
    let y = [const { Cell::new(0i32) }; 12];
    let kernel = FullyConnected {
        sizes,
        numbers: Hybrid,
        dot: Nibbles,
    };
    kernel.run(&x, &packed, &y);
    for (at, y) in y.iter().enumerate() {
        let (row, output) = (at / 6, at % 6);
        let products =
            (0..3).map(|i| i32::from(x[row * 3 + i].get()) * i32::from(weight(output, i)));
        assert_eq!(y.get(), products.sum::<i32>());
    }
}

/// Windows of an odd number of taps, and of an even one, across the border too; in blocks of channels and one by one.
#[test]
fn depthwise_windows_find_their_halves() {
    for (in_c, multiplier) in [(4, 1), (3, 1), (2, 4)] {
        for (filter_h, filter_w) in [(3, 3), (1, 1), (2, 3), (5, 3)] {
            let out_c = in_c * multiplier;
            let sizes = DepthwiseConv2dSizes {
                window: Window {
                    batches: 1,
                    in_h: 5,
                    in_w: 6,
                    in_c,
                    out_h: 5,
                    out_w: 6,
                    out_c,
                    filter_h,
                    filter_w,
                    stride_h: 1,
                    stride_w: 1,
                    dilation_h: 1,
                    dilation_w: 1,
                    pad_top: (filter_h as isize - 1) / 2,
                    pad_left: (filter_w as isize - 1) / 2,
                },
                multiplier,
            };
            let taps = filter_h * filter_w;
            let weight = |channel: usize, i: usize| ((channel * 5 + i * 7) % 16) as i8 - 8;
            let x: Vec<_> = (0..5 * 6 * in_c)
                .map(|at| Cell::new((at * 37 % 251) as i16 - 125))
                .collect();
            let [whole, halves] = [(); 2].map(|()| vec![Cell::new(0i32); 5 * 6 * out_c]);
            let packed = sizes.pack::<Hybrid>(&weight);
            let numbers = Hybrid;
            DepthwiseConv2d { sizes, numbers }.run(&x, &packed, &whole);
            let packed = sizes.pack_nibbles::<Hybrid>(&weight);
            assert_eq!(packed.len(), taps.div_ceil(2) * out_c);
            DepthwiseConv2dNibbles { sizes, numbers }.run(&x, &packed, &halves);
            assert_eq!(halves, whole);
            assert!(whole.iter().any(|sum| sum.get() != 0));
        }
    }
}
