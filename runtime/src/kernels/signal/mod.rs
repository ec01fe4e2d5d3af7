//! TensorFlow Lite Micro's signal library: from samples of sound to what a network takes.

mod fft;
mod filter_bank;
mod stream;

use core::cell::Cell;

use super::{host_kernel, parameters};

pub use fft::{FFT_FACTORS, Fft, IrfftF32, IrfftI16, IrfftI32, RfftF32, RfftI16, RfftI32};
pub use filter_bank::{
    FilterBank, FilterBankLog, FilterBankRoot, FilterBankSubtraction, PCAN_ENTRIES, Pcan,
};
pub use stream::{Delay, Framer, Overlap, OverlapAddF32, OverlapAddI16, Stacker};

parameters! {
    /// Samples times a window's weights.
    pub struct SignalWindow {
        /// Fractional bits of weights.
        pub shift: u32,
    }

    /// Samples with as many bits as there is room for.
    pub struct FftAutoScale;

    /// Squares of the magnitudes of a spectrum's bins; zeros for those left out.
    pub struct Energy {
        /// The first bin.
        pub start: usize,
        /// The bin behind the last.
        pub end: usize,
    }
}

host_kernel! {
    SignalWindow(x, weights, y);
    FftAutoScale(x, y, bits);
    Energy(x, y);
}

impl SignalWindow {
    /// Computes the whole output; the weights hold for each of its rows.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<i16>], weights: &[i16], y: &[Cell<i16>]) {
        for ((x, weight), y) in x.iter().zip(weights.iter().cycle()).zip(y) {
            let product = i32::from(x.get()).wrapping_mul(i32::from(*weight));
            let scaled = product.wrapping_shr(self.shift);
            y.set(scaled.clamp(i16::MIN.into(), i16::MAX.into()) as i16);
        }
    }
}

impl FftAutoScale {
    /// Computes the output, and by how many bits it is shifted.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<i16>], y: &[Cell<i16>], bits: &[Cell<i32>]) {
        let mut greatest = 0i16;
        for x in x {
            // −32768 has no magnitude of 16 bits: the reference goes on with itself.
            let x = x.get();
            if x > greatest {
                greatest = x;
            } else if i32::from(x).wrapping_neg() > i32::from(greatest) {
                greatest = x.wrapping_neg();
            }
        }
        let used = match i32::from(greatest) {
            0 => 32,
            greatest => 32 - greatest.leading_zeros(),
        };
        let shift = 15u32.saturating_sub(used);
        for (x, y) in x.iter().zip(y) {
            y.set(x.get().wrapping_shl(shift));
        }
        if let Some(bits) = bits.first() {
            bits.set(shift as i32);
        }
    }
}

impl Energy {
    /// Computes the whole output of a spectrum of pairs.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<i16>], y: &[Cell<u32>]) {
        let (bins, _) = x.as_chunks::<2>();
        for (bin, y) in y.iter().enumerate() {
            let square = |x: &Cell<i16>| i32::from(x.get()).wrapping_mul(x.get().into());
            let energy = match bins.get(bin) {
                Some([real, imaginary]) if (self.start..self.end).contains(&bin) => {
                    square(real).wrapping_add(square(imaginary))
                }
                _ => 0,
            };
            y.set(energy as u32);
        }
    }
}
