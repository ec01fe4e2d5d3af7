use core::cell::Cell;

use castiron_runtime::kernels::{FullyConnected, FullyConnectedSizes, Hybrid, Nibbles};

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
