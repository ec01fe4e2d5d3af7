//! Requantisation by products of 32 bits, for processors that have no longer ones.
//!
//! A factor has three digits. Products with the lower ones are shifted by the bits of a digit and added to the next one's: roundings down nest, so that this is the
//! product with the whole factor, shifted. What it and an addend give is proven on both sides of each step that an output has, as the
//! [other forms](super::dsp::requantize) are.

use super::dsp::requantize::{Channel, Constants, Output, Steps};

/// How a layer's sums become outputs.
pub struct Nested {
    /// Bits of a digit.
    pub fine: u32,
    /// Bits of the last shift.
    pub shift: u32,
    /// Whether channels have a constant that is subtracted where the sum is negative.
    pub signed: bool,
    /// By channel.
    pub channels: Vec<Constants>,
}

/// Digits of a factor.
const DIGITS: u32 = 3;

/// The greatest last shift: outputs fit above it.
const MOST_SHIFT: i32 = 21;

/// Bits of what is computed, but for its sign and one to spare.
const BITS: u32 = 30;

/// What is added to an output, so that it is not negative.
const ABOVE: i64 = 128;

impl Nested {
    /// `None` if there is no proof for some channel.
    pub fn of(channels: &[Channel], output: Output) -> Option<Self> {
        let steps = Steps::of_all(channels, output)?;
        let live = || steps.iter().filter(|steps| !steps.thresholds.is_empty());
        let greatest = live().map(|steps| reach(&steps.channel)).max().unwrap_or(0);
        // A sum times a digit has a bit to spare.
        let fine = (BITS - (u64::BITS - greatest.leading_zeros())).min(16);
        // So has what is shifted last: a channel whose slope is steep has few sums.
        let scaled = |steps: &Steps| slope(&steps.channel) * reach(&steps.channel) as f64;
        let most = live().map(scaled).fold(1.0, f64::max);
        let shift = (f64::from(BITS) - most.log2()).floor();
        let shift = shift.clamp(1.0, f64::from(MOST_SHIFT)) as u32;
        // Below the zero point, ties round the other way; the type's range hides that.
        let signed = output.zero_point > output.min;
        let form = Form {
            fine,
            shift,
            signed,
        };
        let channels = steps
            .iter()
            .map(|steps| form.constants(steps))
            .collect::<Option<_>>()?;
        Some(Self {
            fine,
            shift,
            signed,
            channels,
        })
    }
}

/// The greatest magnitude of a sum.
fn reach(channel: &Channel) -> u64 {
    channel
        .least
        .unsigned_abs()
        .max(channel.greatest.unsigned_abs())
}

/// Outputs for each addend of a sum.
fn slope(channel: &Channel) -> f64 {
    f64::from(channel.multiplier) * f64::from(channel.shift - 31).exp2()
}

#[derive(Clone, Copy)]
struct Form {
    fine: u32,
    shift: u32,
    signed: bool,
}

impl Form {
    /// A channel's constants, proven; `None` if none were found.
    fn constants(self, steps: &Steps) -> Option<Constants> {
        let is_constant = steps.thresholds.is_empty();
        let (factor, addend, away) = match is_constant {
            true => (0, (i64::from(steps.first) + ABOVE) << self.shift, 0),
            false => self.solve(steps)?,
        };
        // The highest digit may have more bits, where sums have fewer.
        let digit = |n: u32| factor >> (n * self.fine);
        let lower = |n: u32| digit(n) & ((1 << self.fine) - 1);
        let highest = i32::try_from(digit(DIGITS - 1)).ok()?;
        let mut words = vec![highest, lower(1) as i32, lower(0) as i32];
        words.push(i32::try_from(addend).ok()?);
        words.extend(self.signed.then_some(away as i32));
        Some(Constants { is_constant, words })
    }

    fn solve(self, steps: &Steps) -> Option<(i64, i64, i64)> {
        let away = match (self.signed, self.shift as i32 + steps.channel.shift) {
            (false, _) => 0,
            // One unit of the reference's first rounding.
            (true, bits @ 0..=30) => 1 << bits,
            (true, _) => return None,
        };
        let scale = self.shift + (DIGITS - 1) * self.fine;
        let ideal = slope(&steps.channel) * f64::from(scale).exp2();
        let greatest = (1i64 << BITS) / reach(&steps.channel).max(1) as i64;
        let greatest = ((greatest + 1) << ((DIGITS - 1) * self.fine)) - 1;
        let near = (0..=64).chain((80..640).step_by(16));
        let near = near.flat_map(|by: i64| [by, -by]).skip(1);
        near.map(|by| ideal.round() as i64 + by)
            .filter(|factor| (1..=greatest).contains(factor))
            .find_map(|factor| {
                let addend = self.prove(factor, away, steps)?;
                Some((factor, addend, away))
            })
    }

    /// An addend with which a factor gives the reference's outputs for every sum that there is.
    fn prove(self, factor: i64, away: i64, steps: &Steps) -> Option<i64> {
        let scaled = |sum: i64| {
            let product = i128::from(sum) * i128::from(factor);
            (product >> ((DIGITS - 1) * self.fine)) as i64 - if sum < 0 { away } else { 0 }
        };
        let (mut from, mut to) = (i64::MIN, i64::MAX);
        for (y, threshold) in (steps.first + 1..).zip(&steps.thresholds) {
            let (y, threshold) = ((i64::from(y) + ABOVE) << self.shift, i64::from(*threshold));
            from = from.max(y - scaled(threshold));
            to = to.min(y - 1 - scaled(threshold - 1));
        }
        let addend = from + (to - from).div_euclid(2);
        // Between steps it cannot fall; below the first and above the last one it must not leave the range.
        let Output { min, max, .. } = steps.output;
        let at = |sum: i64, expected: i32| {
            let kept = scaled(sum) + addend;
            let value = (kept >> self.shift).clamp(0, 255) - ABOVE;
            i32::try_from(kept).is_ok() && (value as i32).clamp(min, max) == expected
        };
        let last = steps.first + steps.thresholds.len() as i32;
        let ends = at(steps.channel.least, steps.first) && at(steps.channel.greatest, last);
        (from <= to && ends).then_some(addend)
    }
}
