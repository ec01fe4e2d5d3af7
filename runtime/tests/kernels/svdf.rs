use std::vec::Vec;

use crate::testing::cells;
use castiron_runtime::kernels::*;

const SIZES: SvdfSizes = SvdfSizes {
    units: 2,
    rank: 2,
    memory: 3,
};

#[test]
fn features_are_remembered_for_as_many_runs_as_there_are_time_weights() {
    let kernel = SvdfF32 {
        sizes: SIZES,
        range: Float {
            min: f32::MIN,
            max: f32::MAX,
        },
    };
    let time: Vec<f32> = (0..12u8).map(f32::from).collect();
    let (mut state, mut y) = ([0.0; 24], [0.0; 4]);
    let mut outputs = Vec::new();
    for run in 0..5 {
        let one = f32::from(u8::from(run == 0));
        let mut features = [1.0, 2.0, 3.0, 4.0, 1.0, 1.0, 1.0, 1.0].map(|x: f32| x * one);
        let (features, state) = (cells(&mut features), cells(&mut state));
        kernel.run(features, &time, &[0.5, -0.5], state, cells(&mut y));
        outputs.push(y);
    }
    // Weights of the newest feature are 2, 5, 8, 11; of the one before 1, 4, 7, 10; of the first 0, 3, 6, 9.
    assert_eq!(outputs[0], [12.5, 67.5, 7.5, 18.5]);
    assert_eq!(outputs[1], [9.5, 60.5, 5.5, 16.5]);
    assert_eq!(outputs[2], [6.5, 53.5, 3.5, 14.5]);
    assert_eq!(outputs[3], [0.5, -0.5, 0.5, -0.5]);
    assert_eq!(outputs[4], outputs[3]);
}

#[test]
fn a_state_of_int8_has_a_zero_point() {
    let kernel = SvdfI8 {
        sizes: SvdfSizes {
            units: 1,
            rank: 1,
            memory: 2,
        },
        quantization: SvdfQuantization {
            state_zero_point: 5,
            multiplier: 1 << 30,
            shift: 1,
            out_zero_point: -1,
        },
    };
    let mut state = [5i8, 5];
    let mut run = |feature: i8| {
        let mut y = [0i8];
        let features = &mut [feature];
        kernel.run(
            cells(features),
            &[3, 1],
            &[],
            cells(&mut state),
            cells(&mut y),
        );
        (y[0], state[0], state[1])
    };
    assert_eq!(run(7), (6, 5, 12));
    assert_eq!(run(-2), (18, 12, 3));
    // What does not fit wraps, as the reference's does.
    assert_eq!(run(127), (-128, 3, -124));
}
