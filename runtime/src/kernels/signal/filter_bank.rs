//! Filter banks: energies by channel, their roots, what is left without noise, their gain, their logarithms.

use core::cell::Cell;

use super::super::{Source, host_kernel, parameters};

parameters! {
    /// Energies of bins that channels share with their neighbours.
    pub struct FilterBank;

    /// Square roots.
    pub struct FilterBankRoot;

    /// Channels without the noise that is estimated of them.
    pub struct FilterBankSubtraction {
        /// How much of a channel goes into its estimate: of even channels, of odd ones.
        pub smoothing: [u32; 2],
        /// How much of the estimate stays.
        pub one_minus_smoothing: [u32; 2],
        /// The least share that is left of a channel.
        pub min_signal_remaining: u32,
        /// Fractional bits that the estimate has and the channel has not.
        pub smoothing_bits: u32,
        /// Fractional bits of shares.
        pub bits: u32,
        /// Whether estimates stay below channels.
        pub clamping: bool,
    }

    /// Automatic gain: see [`PCAN_ENTRIES`].
    pub struct Pcan {
        /// By how much the product of channel and gain is shifted to the right.
        pub snr_shift: u32,
    }

    /// Natural logarithms.
    pub struct FilterBankLog {
        /// By how much channels are shifted to the left before.
        pub correction_bits: u32,
        /// The logarithms' factor.
        pub scale: u32,
    }
}

host_kernel! {
    FilterBank(x, weights, unweights, starts, weight_starts, widths, y);
    FilterBankSubtraction(x, estimate, y, noise);
    Pcan(x, noise, gains, y);
    FilterBankLog(x, table, y);
}

impl FilterBank {
    /// Computes all channels. A bin's share goes to one channel by its weight, and to the next by its unweight; the
    /// first channel has such shares alone.
    #[allow(
        clippy::too_many_arguments,
        reason = "a kernel's operands are its arguments"
    )]
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(
        &self,
        x: &[Cell<u32>],
        weights: &[i16],
        unweights: &[i16],
        starts: &[i16],
        weight_starts: &[i16],
        widths: &[i16],
        y: &[Cell<u64>],
    ) {
        let from = |list: &[i16], at: usize| list.get(at).map_or(0, |at| *at as usize);
        let mut shared = 0u64;
        for channel in 0..=y.len() {
            let (mut sum, mut next) = (shared, 0u64);
            let bins = x.get(from(starts, channel)..).unwrap_or(&[]).iter();
            let start = from(weight_starts, channel);
            let weights = weights.get(start..).unwrap_or(&[]).iter();
            let pairs = weights.zip(unweights.get(start..).unwrap_or(&[]));
            let width = widths
                .get(channel)
                .map_or(0, |width| usize::from(width.max(&0).unsigned_abs()));
            for (bin, (weight, unweight)) in bins.zip(pairs).take(width) {
                let share =
                    |weight: &i16| (i64::from(*weight) as u64).wrapping_mul(bin.get().into());
                sum = sum.wrapping_add(share(weight));
                next = next.wrapping_add(share(unweight));
            }
            if let Some(y) = channel.checked_sub(1).and_then(|at| y.get(at)) {
                y.set(sum);
            }
            shared = next;
        }
    }
}

#[cfg(feature = "host")]
impl crate::host::HostKernel for FilterBankRoot {
    #[cfg_attr(debug_assertions, inline)]
    fn name(&self) -> alloc::string::String {
        <Self as crate::host::Named>::name()
    }

    #[cfg_attr(debug_assertions, inline)]
    fn kind(&self) -> proc_macro2::TokenStream {
        <Self as crate::host::Named>::kind()
    }

    #[cfg_attr(debug_assertions, inline)]
    fn call(&self, operands: &[crate::host::Operand<'_>]) -> Result<(), crate::host::Refused> {
        let mismatch = crate::host::Refused::Operands {
            kernel: "FilterBankRoot",
            takes: 3,
        };
        let &[x, bits, y] = operands else {
            return Err(mismatch);
        };
        let (x, y) = (
            crate::host::take(x, mismatch)?,
            crate::host::take(y, mismatch)?,
        );
        match crate::host::FromOperand::from_operand(bits) {
            Some(bits) => self.run::<Cell<i32>>(x, bits, y),
            None => self.run::<i32>(x, crate::host::take(bits, mismatch)?, y),
        }
        Ok(())
    }
}

impl FilterBankRoot {
    /// Computes the whole output, shifted to the right.
    pub fn run<B: Source<i32>>(&self, x: &[Cell<u64>], bits: &[B], y: &[Cell<u32>]) {
        let bits = bits.first().map_or(0, Source::read) as u32;
        for (x, y) in x.iter().zip(y) {
            y.set(root(x.get()).wrapping_shr(bits));
        }
    }
}

/// The square root, rounded; of 32 bits never more than 16.
#[cfg_attr(debug_assertions, inline)]
fn root(x: u64) -> u32 {
    let most = if x >> 32 == 0 { 0xffff } else { 0xffff_ffff };
    let (mut rest, mut root) = (x, 0u64);
    let mut bit = match x {
        0 => 0,
        x => 1u64 << (x.ilog2() & !1),
    };
    while bit != 0 {
        if rest >= root.wrapping_add(bit) {
            rest = rest.wrapping_sub(root.wrapping_add(bit));
            root = (root >> 1).wrapping_add(bit);
        } else {
            root >>= 1;
        }
        bit >>= 2;
    }
    if rest > root && root != most {
        root = root.wrapping_add(1);
    }
    root as u32
}

impl FilterBankSubtraction {
    /// Computes the whole output, and what is noise of it. `estimate` is kept.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(
        &self,
        x: &[Cell<u32>],
        estimate: &[Cell<u32>],
        y: &[Cell<u32>],
        noise: &[Cell<u32>],
    ) {
        let channels = x.iter().zip(estimate).zip(y.iter().zip(noise));
        for (channel, ((x, estimate), (y, noise))) in channels.enumerate() {
            let of = |pair: [u32; 2]| u64::from(if channel & 1 == 0 { pair[0] } else { pair[1] });
            let signal = x.get().wrapping_shl(self.smoothing_bits);
            let added = u64::from(signal).wrapping_mul(of(self.smoothing));
            let kept = u64::from(estimate.get()).wrapping_mul(of(self.one_minus_smoothing));
            let mut now = added.wrapping_add(kept).wrapping_shr(self.bits) as u32;
            let taken = now.min(signal);
            if self.clamping {
                now = taken;
            }
            estimate.set(now);
            noise.set(now);
            let least = u64::from(x.get()).wrapping_mul(self.min_signal_remaining.into());
            let least = least.wrapping_shr(self.bits) as u32;
            let left = signal.wrapping_sub(taken).wrapping_shr(self.smoothing_bits);
            y.set(left.max(least));
        }
    }
}

/// Entries of the table of [`Pcan`]'s gain: those of noise 0, 1 and 2, then for each bit above three factors of a
/// polynomial, and one that is not used.
pub const PCAN_ENTRIES: usize = 125;

/// Fractional bits of ratios of signal to noise, and of what they become.
const SNR_BITS: u32 = 12;
const OUTPUT_BITS: u32 = 6;

impl Pcan {
    /// Computes the whole output.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<u32>], noise: &[Cell<u32>], gains: &[i16], y: &[Cell<u32>]) {
        let Some(gains) = gains.first_chunk() else {
            return;
        };
        for ((x, noise), y) in x.iter().zip(noise).zip(y) {
            let gain = i32::from(gain(noise.get(), gains)) as u32;
            let ratio = u64::from(x.get()).wrapping_mul(gain.into());
            y.set(shrunk(ratio.wrapping_shr(self.snr_shift) as u32));
        }
    }
}

#[cfg_attr(debug_assertions, inline)]
fn gain(x: u32, gains: &[i16; PCAN_ENTRIES]) -> i16 {
    if x <= 2 {
        return gains.get(x as usize).copied().unwrap_or(0);
    }
    let bits = 32 - x.leading_zeros();
    let scaled = if bits < 11 {
        x << (11 - bits)
    } else {
        x >> (bits - 11)
    };
    let fraction = (scaled & 0x3ff) as i32;
    let factors = gains.get(4 * bits as usize - 6..).unwrap_or(&[]);
    let &[constant, linear, square, ..] = factors else {
        return 0;
    };
    let slope = (i32::from(square).wrapping_mul(fraction) >> 5)
        .wrapping_add(i32::from(linear).wrapping_shl(5));
    let rise = slope.wrapping_mul(fraction).wrapping_add(1 << 14) >> 15;
    rise.wrapping_add(constant.into()) as i16
}

/// x²/4 below 2, and x − 1 from there on.
#[cfg_attr(debug_assertions, inline)]
fn shrunk(x: u32) -> u32 {
    if x < 2 << SNR_BITS {
        x.wrapping_mul(x) >> (2 + 2 * SNR_BITS - OUTPUT_BITS)
    } else {
        (x >> (SNR_BITS - OUTPUT_BITS)).wrapping_sub(1 << OUTPUT_BITS)
    }
}

impl FilterBankLog {
    /// Computes the whole output. `table` has the rounded 2¹⁶ (log₂(1 + i/128) − i/128) of i from 0 to 128.
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<u32>], table: &[u16], y: &[Cell<i16>]) {
        for (x, y) in x.iter().zip(y) {
            let scaled = x.get().wrapping_shl(self.correction_bits);
            let log = match scaled {
                0 | 1 => 0,
                scaled => log(scaled, self.scale, table),
            };
            y.set(log.min(i16::MAX.unsigned_abs().into()) as i16);
        }
    }
}

/// ln(x) × scale.
#[cfg_attr(debug_assertions, inline)]
fn log(x: u32, scale: u32, table: &[u16]) -> u32 {
    /// ln(2), 16 fractional bits.
    const LN_2: u64 = 45426;
    const ROUND: u32 = 1 << 15;
    let whole = x.ilog2();
    // Below the leading bit, 16 fractional bits.
    let fraction = match whole {
        0..16 => (x ^ 1 << whole) << (16 - whole),
        _ => (x ^ 1 << whole) >> (whole - 16),
    };
    let [before, behind] = table
        .get((fraction >> 9) as usize..)
        .and_then(|rest| rest.first_chunk())
        .map_or([0; 2], |pair: &[u16; 2]| pair.map(i32::from));
    let between = ((behind - before).wrapping_mul((fraction & 0x1ff) as i32) >> 16) as u32;
    let fraction = fraction.wrapping_add(before as u32).wrapping_add(between);
    let log2 = (whole << 16).wrapping_add(fraction);
    let natural = (LN_2.wrapping_mul(log2.into()).wrapping_add(ROUND.into()) >> 16) as u32;
    scale.wrapping_mul(natural).wrapping_add(ROUND) >> 16
}
