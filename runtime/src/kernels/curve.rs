//! Functions of int16 by table, with straight lines between the entries. All may run in place.

use core::cell::Cell;

use super::{host_kernel, parameters};

parameters! {
    /// A function whose table has an entry for every 128th stored value, the least first, and one beyond the greatest.
    pub struct Interpolate;

    /// LOGISTIC and TANH, to int16 of scale 2⁻¹⁵: both by one table of LOGISTIC for positive numbers, for
    /// tanh(x) = 2·logistic(2x) − 1.
    ///
    /// Entries are 1/24 apart, with 16 fractional bits.
    pub struct Sigmoid {
        /// Whether the function is TANH.
        pub tanh: bool,
        /// What brings stored values to steps of 1 / (3 × 2¹²).
        pub multiplier: i32,
        /// The multiplier's fractional bits.
        pub shift: u32,
    }
}

host_kernel! {
    Interpolate(x, table, y);
    Sigmoid(x, table, y);
}

/// Entries of the table of [`Interpolate`].
const ENTRIES: usize = 513;

impl Interpolate {
    /// Computes the whole output; `table` has 513 entries.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    pub fn run(&self, x: &[Cell<i16>], table: &[i16], y: &[Cell<i16>]) {
        if let Some(table) = table.first_chunk() {
            for (x, y) in x.iter().zip(y) {
                y.set(interpolate(table, x.get()));
            }
        }
    }
}

/// The function's value as TensorFlow Lite interpolates.
#[inline(always)]
pub(super) fn interpolate(table: &[i16; ENTRIES], x: i16) -> i16 {
    let entry = (256 + (i32::from(x) >> 7)) as usize;
    let [base, next] = table
        .get(entry..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .unwrap_or([0; 2]);
    let slope = i32::from(next.wrapping_sub(base));
    let delta = (slope * i32::from(x & 127) + 64) >> 7;
    base.wrapping_add(delta as i16)
}

impl Sigmoid {
    /// Computes the whole output; `table` has 256 entries.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    pub fn run(&self, x: &[Cell<i16>], table: &[u16], y: &[Cell<i16>]) {
        if let Some(table) = table.first_chunk() {
            for (x, y) in x.iter().zip(y) {
                y.set(self.of(table, x.get()));
            }
        }
    }

    /// One value.
    #[inline(always)]
    pub(super) fn of(&self, table: &[u16; 256], x: i16) -> i16 {
        let half = (1u32.wrapping_shl(self.shift) >> 1) as i32;
        let x = i32::from(x)
            .wrapping_mul(self.multiplier)
            .wrapping_add(half)
            .wrapping_shr(self.shift);
        // TANH has twice the slope, so its entries are half as far apart.
        let bits = if self.tanh { 8 } else { 9 };
        let magnitude = x.unsigned_abs();
        let greatest = (if self.tanh { 0xffff } else { 0xfffe }) << bits;
        let value = match table.get((magnitude >> bits) as usize..) {
            Some(&[this, next, ..]) => {
                let rest = magnitude & ((1 << bits) - 1);
                (u32::from(this) << bits)
                    .wrapping_add(rest.wrapping_mul(u32::from(next).wrapping_sub(this.into())))
            }
            _ => greatest,
        } as i32;
        // 1 and 1/2 in the table's numbers with the bits of the line between entries.
        let (one, half) = (1i32 << (16 + bits), 1i32 << (15 + bits));
        if self.tanh {
            let value = value - half;
            let value = if x >= 0 { value } else { -1 - value };
            (value.wrapping_add(1 << (bits - 1)) >> bits) as i16
        } else {
            let value = if x >= 0 { value } else { one - 1 - value };
            (value.wrapping_add(1 << bits) >> (bits + 1)) as i16
        }
    }
}
