use castiron_codegen::graph::Quantization;
use castiron_codegen::passes::dequantize::*;

#[test]
fn scales_run_along_their_dimension() {
    let quantization = |dimension, scales| Quantization {
        scale: vec![1.0; scales],
        zero_point: vec![0; scales],
        dimension,
    };
    let shape = [2, 3, 2];
    let channels = |dimension, scales| -> Vec<usize> {
        let quantization = quantization(dimension, scales);
        (0..12)
            .map(|at| channel(&quantization, &shape, at))
            .collect()
    };
    assert_eq!(channels(0, 1), [0; 12]);
    assert_eq!(channels(0, 2), [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    assert_eq!(channels(1, 3), [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
    assert_eq!(channels(2, 2), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
}
