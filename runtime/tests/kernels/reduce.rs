use std::vec;
use std::vec::Vec;

use crate::testing::{Numbers, cells, times};
use castiron_runtime::fixed::requantize;
use castiron_runtime::kernels::*;

/// `[kept, reduced, kept, reduced, kept, reduced, run]`
fn reduction(sizes: [usize; 7]) -> Reduction {
    let mut step = 1;
    let mut axes = [Axis { count: 1, step: 0 }; 7];
    for (axis, count) in axes.iter_mut().zip(sizes).rev() {
        *axis = Axis { count, step };
        step *= count;
    }
    let [a, b, c, d, e, f, run] = axes;
    Reduction {
        kept: [a, c, e],
        reduced: [b, d, f],
        run: run.count,
    }
}

/// The elements of each output in the order of memory.
fn parts<T: Copy>(x: &[T], sizes: [usize; 7]) -> Vec<Vec<T>> {
    let [a, b, c, d, e, f, run] = sizes;
    let mut parts = vec![Vec::new(); a * c * e * run];
    for (i, x) in x.iter().enumerate() {
        let r = i % run;
        let k = i / run / f % e;
        let j = i / run / f / e / d % c;
        let h = i / run / f / e / d / c / b;
        parts[((h * c + j) * e + k) * run + r].push(*x);
    }
    parts
}

#[test]
fn results_follow_the_definitions() {
    let mut n = Numbers::new(1);
    for _ in 0..times(200) {
        let sizes = [(); 7].map(|()| 1 + n.below(4));
        let reduction = reduction(sizes);
        let mut x = n.bytes(sizes.iter().product());
        let parts = parts(&x, sizes);
        let count = parts[0].len() as i32;
        let sum = |part: &Vec<i8>| part.iter().map(|x| i32::from(*x)).sum::<i32>();

        let function = ScaledSum {
            bias: 5 * count,
            multiplier: (((1i64 << 30) + 12345) / i64::from(count)) as i32,
            shift: 0,
            zero_point: 7,
        };
        let mut y = vec![0; parts.len()];
        Reduce {
            function,
            reduction,
        }
        .run::<i8, i8>(cells(&mut x), cells(&mut y));
        for (y, part) in y.iter().zip(&parts) {
            let scaled = requantize(sum(part) + function.bias, function.multiplier, 0) + 7;
            assert_eq!(i32::from(*y), scaled.clamp(-128, 127), "{sizes:?}");
        }

        // Sums of small integers are exact in any order.
        let mut floats: Vec<f32> = x.iter().map(|x| f32::from(*x)).collect();
        let function = Mean {
            count: count as f32,
        };
        let mut means = vec![0.0; parts.len()];
        Reduce {
            function,
            reduction,
        }
        .run(cells(&mut floats), cells(&mut means));
        let mut sums = vec![0.0; parts.len()];
        let function = ReduceSum {};
        Reduce {
            function,
            reduction,
        }
        .run::<f32, f32>(cells(&mut floats), cells(&mut sums));
        for ((mean, y), part) in means.iter().zip(&sums).zip(&parts) {
            assert_eq!(*mean, sum(part) as f32 / count as f32, "{sizes:?}");
            assert_eq!(*y, sum(part) as f32, "{sizes:?}");
        }

        let mut greatest = vec![0; parts.len()];
        let function = ReduceMax {};
        Reduce {
            function,
            reduction,
        }
        .run::<i8, i8>(cells(&mut x), cells(&mut greatest));
        let mut least = vec![0; parts.len()];
        let function = ReduceMin {};
        Reduce {
            function,
            reduction,
        }
        .run::<i8, i8>(cells(&mut x), cells(&mut least));
        let mut positions = vec![0i32; parts.len()];
        let function = ArgMax {};
        Reduce {
            function,
            reduction,
        }
        .run::<i8, i32>(cells(&mut x), cells(&mut positions));
        for (i, part) in parts.iter().enumerate() {
            let max = part.iter().max().copied().expect("one");
            assert_eq!(
                (greatest[i], least[i]),
                (max, *part.iter().min().expect("one"))
            );
            let first = part.iter().position(|x| *x == max);
            assert_eq!(usize::try_from(positions[i]).ok(), first);
        }
    }
}

#[test]
fn running_sums_go_either_way() {
    let axis = Axis { count: 3, step: 2 };
    let run = |exclusive, reverse| {
        let scan = Scan {
            function: ReduceSum {},
            axis,
            exclusive,
            reverse,
        };
        let mut y = [1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60];
        scan.run::<i32, i32>(cells(&mut y.clone()), cells(&mut y));
        y
    };
    let all = run(false, false);
    assert_eq!(all, [1, 10, 3, 30, 6, 60, 4, 40, 9, 90, 15, 150]);
    assert_eq!(run(true, false)[..6], [0, 0, 1, 10, 3, 30]);
    assert_eq!(run(false, true)[..6], [6, 60, 5, 50, 3, 30]);
    assert_eq!(run(true, true)[..6], [5, 50, 3, 30, 0, 0]);
}

#[test]
fn the_first_of_equals_is_the_best_and_nan_is_none() {
    let best = |values: &[f32]| {
        let function = ArgMin {};
        let best = values
            .iter()
            .fold(function.start(), |best, x| function.fold(best, *x));
        let at: i64 = function.finish(best);
        at
    };
    assert_eq!(best(&[3.0, 1.0, 2.0, 1.0]), 1);
    assert_eq!(best(&[3.0, f32::NAN, 2.0]), 2);
    assert_eq!(best(&[f32::NAN, 1.0]), 0);
}

#[test]
fn short_operands_compute_less() {
    let kernel = Reduce {
        function: Mean { count: 9.0 },
        reduction: reduction([2, 3, 1, 1, 2, 3, 4]),
    };
    kernel.run(cells(&mut [1.0; 5]), cells(&mut [0.0; 5]));
    kernel.run(&[], cells(&mut [0.0; 16]));
    let scan = Scan {
        function: ReduceSum {},
        axis: Axis { count: 4, step: 2 },
        exclusive: false,
        reverse: true,
    };
    scan.run::<f32, f32>(cells(&mut [1.0; 5]), cells(&mut [0.0; 3]));
}
