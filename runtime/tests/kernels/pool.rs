use std::vec;
use std::vec::Vec;

use crate::testing::{Numbers, cells, overlapping, times};
use castiron_runtime::kernels::*;

fn window(n: &mut Numbers) -> Window {
    let (filter_h, filter_w) = (1 + n.below(3), 1 + n.below(3));
    let channels = 1 + n.below(9);
    with_outputs(Window {
        batches: 1 + n.below(4),
        in_h: filter_h + n.below(5),
        in_w: filter_w + n.below(5),
        in_c: channels,
        out_h: 0,
        out_w: 0,
        out_c: channels,
        filter_h,
        filter_w,
        stride_h: 1 + n.below(3),
        stride_w: 1 + n.below(3),
        dilation_h: 1,
        dilation_w: 1,
        pad_top: n.below(filter_h) as isize,
        pad_left: n.below(filter_w) as isize,
    })
}

/// As many outputs as begin within the padded input.
fn with_outputs(window: Window) -> Window {
    let size = |input: usize, pad: isize, stride: usize| (input + pad as usize).div_ceil(stride);
    Window {
        out_h: size(window.in_h, window.pad_top, window.stride_h),
        out_w: size(window.in_w, window.pad_left, window.stride_w),
        ..window
    }
}

/// The elements within each output's window, output by output.
fn windows<T: Copy>(w: &Window, x: &[T]) -> Vec<Vec<T>> {
    let mut all = vec![];
    for b in 0..w.batches {
        for out_y in 0..w.out_h {
            for out_x in 0..w.out_w {
                for c in 0..w.out_c {
                    let mut inside = vec![];
                    for filter_y in 0..w.filter_h {
                        for filter_x in 0..w.filter_w {
                            let y = (out_y * w.stride_h + filter_y) as isize - w.pad_top;
                            let x_at = (out_x * w.stride_w + filter_x) as isize - w.pad_left;
                            let rows = 0..w.in_h as isize;
                            let columns = 0..w.in_w as isize;
                            if rows.contains(&y) && columns.contains(&x_at) {
                                let row = b * w.in_h + y as usize;
                                let pixel = row * w.in_w + x_at as usize;
                                inside.push(x[pixel * w.in_c + c]);
                            }
                        }
                    }
                    all.push(inside);
                }
            }
        }
    }
    all
}

#[test]
fn int8_follows_the_definition() {
    let mut n = Numbers::new(1);
    for _ in 0..times(300) {
        let window = window(&mut n);
        let mut x = n.bytes(window.batches * window.in_image());
        let inputs = windows(&window, &x);
        let (min, max) = (-100, 90);
        let mut y = vec![0; inputs.len()];
        AveragePool2dI8 { window, min, max }.run(cells(&mut x), cells(&mut y));
        for (y, x) in y.iter().zip(&inputs) {
            let sum: i32 = x.iter().map(|x| i32::from(*x)).sum();
            let mean = f64::from(sum) / x.len() as f64;
            // Rounds half away from zero.
            let rounded = mean.round() as i32;
            assert_eq!(i32::from(*y), rounded.clamp(min, max), "{window:?}");
        }
        let average = y.clone();
        MaxPool2dI8 { window, min, max }.run(cells(&mut x), cells(&mut y));
        for (y, x) in y.iter().zip(&inputs) {
            let greatest = i32::from(*x.iter().max().unwrap());
            assert_eq!(i32::from(*y), greatest.clamp(min, max), "{window:?}");
        }
        // Those for processors with the DSP extension.
        if window.in_c < LANES {
            continue;
        }
        let mut of_loops = vec![0; y.len()];
        DspMaxPool2d { window, min, max }.run(cells(&mut x), cells(&mut of_loops));
        assert_eq!(of_loops, y, "{window:?}");
        DspAveragePool2d { window, min, max }.run(cells(&mut x), cells(&mut of_loops));
        assert_eq!(of_loops, average, "{window:?}");
    }
}

#[test]
fn float_follows_the_definition() {
    let mut n = Numbers::new(2);
    let float = Float {
        min: -0.5,
        max: 0.6,
    };
    for _ in 0..times(300) {
        let window = window(&mut n);
        let mut x = n.floats(window.batches * window.in_image());
        let inputs = windows(&window, &x);
        let mut y = vec![0.0; inputs.len()];
        AveragePool2dF32 { window, float }.run(cells(&mut x), cells(&mut y));
        for (y, x) in y.iter().zip(&inputs) {
            let mean = x.iter().sum::<f32>() / x.len() as f32;
            assert_eq!(*y, mean.clamp(float.min, float.max), "{window:?}");
        }
        MaxPool2dF32 { window, float }.run(cells(&mut x), cells(&mut y));
        for (y, x) in y.iter().zip(&inputs) {
            let greatest = x.iter().copied().fold(f32::MIN, f32::max);
            assert_eq!(*y, greatest.clamp(float.min, float.max), "{window:?}");
        }
        if window.in_c >= LANES {
            let mut of_loops = vec![0.0; y.len()];
            VcmpMaxPool2d { window, float }.run(cells(&mut x), cells(&mut of_loops));
            assert_eq!(of_loops, y, "{window:?}");
        }
    }
}

#[test]
fn outputs_may_begin_as_far_before_the_input_as_stated() {
    let mut n = Numbers::new(4);
    let (min, max) = (-100, 100);
    let float = Float {
        min: -0.5,
        max: 0.6,
    };
    for _ in 0..times(300) {
        let window = window(&mut n);
        let x = n.bytes(window.batches * window.in_image());
        let outputs = windows(&window, &x).len();
        let distance = window.distance_by_pixels(1) + n.below(3);
        let kernel = MaxPool2dI8 { window, min, max };
        let mut y = vec![0; outputs];
        kernel.run(cells(&mut x.clone()), cells(&mut y));
        let found = overlapping(&x, outputs, distance, 77, |x, y| kernel.run(x, y));
        assert_eq!(found, y, "{window:?}");
        if window.in_c >= LANES {
            let kernel = DspMaxPool2d { window, min, max };
            let found = overlapping(&x, outputs, distance, 77, |x, y| kernel.run(x, y));
            assert_eq!(found, y, "{window:?}");
            AveragePool2dI8 { window, min, max }.run(cells(&mut x.clone()), cells(&mut y));
            let kernel = DspAveragePool2d { window, min, max };
            let found = overlapping(&x, outputs, distance, 77, |x, y| kernel.run(x, y));
            assert_eq!(found, y, "{window:?}");
        }

        let x = n.floats(x.len());
        let distance = window.distance_by_pixels(4) / 4 + n.below(3);
        let kernel = AveragePool2dF32 { window, float };
        let mut y = vec![0.0; outputs];
        kernel.run(cells(&mut x.clone()), cells(&mut y));
        let found = overlapping(&x, outputs, distance, f32::NAN, |x, y| kernel.run(x, y));
        assert_eq!(found, y, "{window:?}");
    }
}

#[test]
fn loops_take_extremes() {
    let side = 16;
    let window = with_outputs(Window {
        batches: 1,
        in_h: side,
        in_w: side,
        in_c: LANES,
        out_h: 0,
        out_w: 0,
        out_c: LANES,
        filter_h: side,
        filter_w: side,
        stride_h: side,
        stride_w: side,
        dilation_h: 1,
        dilation_w: 1,
        pad_top: 0,
        pad_left: 0,
    });
    assert_eq!(side * side, DspAveragePool2d::MOST_PIXELS);
    let (min, max) = (-128, 127);
    for extreme in [-128, 127] {
        let mut y = [0; LANES];
        let mut x = vec![extreme; window.in_image()];
        DspAveragePool2d { window, min, max }.run(cells(&mut x), cells(&mut y));
        assert_eq!(y, [extreme; LANES]);
    }
    let float = Float {
        min: f32::MIN,
        max: f32::MAX,
    };
    for extreme in [f32::NAN, f32::NEG_INFINITY, f32::INFINITY, -0.0] {
        let mut x = vec![extreme; window.in_image()];
        let (mut expected, mut y) = ([0.0; LANES], [0.0; LANES]);
        MaxPool2dF32 { window, float }.run(cells(&mut x), cells(&mut expected));
        VcmpMaxPool2d { window, float }.run(cells(&mut x), cells(&mut y));
        assert_eq!(y.map(f32::to_bits), expected.map(f32::to_bits), "{extreme}");
    }
}

#[test]
fn short_operands_compute_less() {
    let window = window(&mut Numbers::new(3));
    let (mut x, mut y) = ([1i8; 3], [0i8; 2]);
    let (min, max) = (-128, 127);
    AveragePool2dI8 { window, min, max }.run(cells(&mut x), cells(&mut y));
    MaxPool2dI8 { window, min, max }.run(&[], cells(&mut y));
    MaxPool2dI8 { window, min, max }.run(cells(&mut x), &[]);
    let window = Window { in_c: 4, ..window };
    DspMaxPool2d { window, min, max }.run(cells(&mut x), cells(&mut y));
    DspAveragePool2d { window, min, max }.run(cells(&mut x), &[]);
}
