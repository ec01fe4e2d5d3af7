//! Functions of one tensor, element by element: 8-bit ones by table, float32 ones computed.
//!
//! Every kernel here may run in place.

use core::cell::Cell;

use super::{Float, host_kernel, parameters};

parameters! {
    /// A function of 8-bit values as a table: entry `i` is the result for the value stored as byte
    /// `i`, whether types are signed or not.
    ///
    /// Whatever the function, the result is exact and costs two loads and a store.
    pub struct Lookup;

    /// RELU: max(x, 0). NaN stays NaN.
    pub struct ReluF32;

    /// RELU6, RELU_N1_TO_1, RELU_0_TO_1: min(max(x, `min`), `max`). NaN stays NaN.
    pub struct ClampF32 {
        /// Range of the result.
        pub float: Float,
    }

    /// LOGISTIC: 1 / (1 + e^−x).
    pub struct LogisticF32;

    /// TANH.
    pub struct TanhF32;
}

host_kernel! {
    Lookup(x, table, y);
    ReluF32(x, y);
    ClampF32(x, y);
    LogisticF32(x, y);
    TanhF32(x, y);
}

impl Lookup {
    /// Looks up every byte of `x` in `table`, which has 256 entries.
    #[inline(never)]
    pub fn run(&self, x: &[Cell<u8>], table: &[u8], y: &[Cell<u8>]) {
        let Some(table) = table.first_chunk::<256>() else {
            return;
        };
        let look_up = |x: &Cell<u8>, y: &Cell<u8>| y.set(table[usize::from(x.get())]);
        // Four at a time, written out: the loop's own instructions are as many as a lookup's.
        let (x_blocks, x_rest) = x.as_chunks::<4>();
        let (y_blocks, y_rest) = y.as_chunks::<4>();
        for ([x0, x1, x2, x3], [y0, y1, y2, y3]) in x_blocks.iter().zip(y_blocks) {
            look_up(x0, y0);
            look_up(x1, y1);
            look_up(x2, y2);
            look_up(x3, y3);
        }
        for (x, y) in x_rest.iter().zip(y_rest) {
            look_up(x, y);
        }
    }
}

impl ReluF32 {
    /// Applies the function to every element.
    #[inline(never)]
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<f32>]) {
        for (x, y) in x.iter().zip(y) {
            let x = x.get();
            y.set(if x < 0.0 { 0.0 } else { x });
        }
    }
}

impl ClampF32 {
    /// Clamps every element.
    #[inline(never)]
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<f32>]) {
        for (x, y) in x.iter().zip(y) {
            y.set(self.float.clamp(x.get()));
        }
    }
}

impl LogisticF32 {
    /// Applies the function to every element.
    #[inline(never)]
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<f32>]) {
        for (x, y) in x.iter().zip(y) {
            y.set(logistic(x.get()));
        }
    }
}

impl TanhF32 {
    /// Applies the function to every element.
    #[inline(never)]
    pub fn run(&self, x: &[Cell<f32>], y: &[Cell<f32>]) {
        for (x, y) in x.iter().zip(y) {
            y.set(libm::tanhf(x.get()));
        }
    }
}

/// 1 / (1 + e^−x) with a small e^−|x|, which neither overflows nor cancels.
#[inline(always)]
fn logistic(x: f32) -> f32 {
    let e = libm::expf(if x > 0.0 { -x } else { x });
    (if x > 0.0 { 1.0 } else { e }) / (1.0 + e)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<const N: usize>(
        kernel: impl Fn(&[Cell<f32>], &[Cell<f32>]),
        mut values: [f32; N],
    ) -> [f32; N] {
        let cells = Cell::from_mut(&mut values[..]).as_slice_of_cells();
        kernel(cells, cells);
        values
    }

    #[test]
    fn a_table_is_indexed_by_the_stored_byte() {
        let table = core::array::from_fn::<u8, 256, _>(|i| (i as u8).wrapping_mul(7));
        let mut bytes = core::array::from_fn::<u8, 263, _>(|i| i as u8);
        let expected = bytes.map(|b| b.wrapping_mul(7));
        let cells = Cell::from_mut(&mut bytes[..]).as_slice_of_cells();
        Lookup.run(cells, &table, cells);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn relus_clamp_and_keep_infinity_and_nan() {
        let y = run(
            |x, y| ReluF32.run(x, y),
            [-1.0, 0.5, f32::INFINITY, f32::NAN],
        );
        assert_eq!(y[..3], [0.0, 0.5, f32::INFINITY]);
        assert!(y[3].is_nan());
        let float = Float { min: 0.0, max: 6.0 };
        let relu6 = ClampF32 { float };
        assert_eq!(
            run(|x, y| relu6.run(x, y), [-1.0, 5.0, 7.0]),
            [0.0, 5.0, 6.0]
        );
    }

    #[test]
    fn logistic_and_tanh_follow_their_definitions() {
        for i in -4000..4000i16 {
            let x = f32::from(i) / 50.0;
            let [logistic] = run(|x, y| LogisticF32.run(x, y), [x]);
            let [tanh] = run(|x, y| TanhF32.run(x, y), [x]);
            let exact = 1.0 / (1.0 + libm::exp(-f64::from(x)));
            assert!((f64::from(logistic) / exact - 1.0).abs() < 4e-7, "{x}");
            assert!(
                (f64::from(tanh) - libm::tanh(f64::from(x))).abs() < 2e-7,
                "{x}"
            );
        }
        let [low, high] = run(
            |x, y| LogisticF32.run(x, y),
            [f32::NEG_INFINITY, f32::INFINITY],
        );
        assert_eq!((low, high), (0.0, 1.0));
    }
}
