//! Requantisation in fewer instructions than TensorFlow Lite's two roundings take, where it is proven to give the same.
//!
//! An output is a step function of the sum, with at most 255 steps. [`Short`](castiron_runtime::kernels::Short) computes
//! `(256·sum·m >> 32) + c >> s`, which never falls as the sum grows. So it equals the reference everywhere if it does so on both sides of each step
//! that the sum can reach, and at both ends of what it can reach. For a given `m`, each step bounds `c` from below and above:
//! what is left is an interval, or nothing. Where the sum is negative, ties round the other way: there [`Away`](castiron_runtime::kernels::Away) rounds as the
//! reference does and subtracts one, and [`Signed`](castiron_runtime::kernels::Signed) a constant.

use castiron_runtime::fixed;
use castiron_runtime::kernels::{AnyEpilogue, LANES};

use super::super::int8::Quantized;

/// How the sums of an output channel are requantised, and which there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    /// TensorFlow Lite's multiplier and shift.
    pub multiplier: i32,
    /// Negative: to the right.
    pub shift: i32,
    /// The sum of no products: the bias, with the input's zero point folded in.
    pub start: i32,
    /// The least sum, whatever the input.
    pub least: i64,
    /// The greatest.
    pub greatest: i64,
}

/// The values of inputs.
pub(super) const INT8: [i64; 2] = [-128, 127];
pub(super) const INT16: [i64; 2] = [-32768, 32767];

impl Channel {
    /// The output channels of an operator, of so many inputs each.
    pub(in crate::ops::numbers) fn all(
        quantized: &Quantized,
        inputs: usize,
        weight: &dyn Fn(usize, usize) -> i8,
    ) -> Vec<Self> {
        let channel = |channel: usize| {
            let entry = |list: usize| if list == 1 { 0 } else { channel };
            let factor = (
                quantized.multiplier[entry(quantized.multiplier.len())],
                i32::from(quantized.shift[entry(quantized.shift.len())]),
            );
            let weights = (0..inputs).map(|i| weight(channel, i));
            Self::of(factor, quantized.folded[channel], weights, INT8)
        };
        (0..quantized.folded.len()).map(channel).collect()
    }

    /// An output channel of weights that are multiplied by inputs of a range.
    pub(super) fn of(
        (multiplier, shift): (i32, i32),
        start: i32,
        weights: impl Iterator<Item = i8>,
        range: [i64; 2],
    ) -> Self {
        let (mut least, mut greatest) = (i64::from(start), i64::from(start));
        for weight in weights.map(i64::from) {
            let ends = range.map(|value| value * weight);
            least += ends[0].min(ends[1]);
            greatest += ends[0].max(ends[1]);
        }
        Self {
            multiplier,
            shift,
            start,
            least,
            greatest,
        }
    }
}

impl Channel {
    /// What the reference makes of a sum, before it is clamped.
    fn reference(&self, sum: i32, output: Output) -> i32 {
        let scaled = fixed::requantize(sum, self.multiplier, self.shift);
        scaled.wrapping_add(output.zero_point)
    }

    /// The outputs of the least sum and of the greatest, which have all others between them; `None` where that is not so.
    fn ends(&self, output: Output) -> Option<[i32; 2]> {
        let (least, greatest) = (
            i32::try_from(self.least).ok()?,
            i32::try_from(self.greatest).ok()?,
        );
        // What is shifted left, or as large as the type, wraps: the reference is then no step function.
        let large = |sum: i32| sum.unsigned_abs() >= 1 << 30;
        let wraps = self.shift > 0 || self.shift == 0 && (large(least) || large(greatest));
        if wraps && least != greatest {
            return None;
        }
        let of = |sum: i32| self.reference(sum, output).clamp(output.min, output.max);
        Some([of(least), of(greatest)])
    }

    /// What TensorFlow Lite's two roundings are made of, where sums and the shift leave room for them in 32 bits.
    pub fn two_roundings(&self, output: Output) -> Option<TwoRoundings> {
        let [first, last] = self.ends(output)?;
        if first == last {
            // Whatever the sum is: it counts as it is, in halves of steps from the zero point.
            return Some(TwoRoundings {
                is_constant: true,
                start: 2 * (first - output.zero_point),
                factor: 0,
                shift: 0,
            });
        }
        let fits = |sum: i64| sum.abs() < 1 << 30;
        let right = u8::try_from(-self.shift).ok()?;
        // A half and the zero point have to fit beside a scaled sum.
        let is_exact = fits(self.least) && fits(self.greatest) && (1..=22).contains(&right);
        is_exact.then(|| TwoRoundings {
            is_constant: false,
            start: self.start,
            factor: factor(self.multiplier),
            shift: right - 1,
        })
    }
}

/// What becomes of a channel's sums by the two roundings themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TwoRoundings {
    /// Whether its output is the same whatever the sum: it is then computed of zeros.
    pub is_constant: bool,
    /// What sums begin with.
    pub start: i32,
    /// What they are multiplied with: as good as the multiplier, where the sum is added to the upper half of the product.
    pub factor: i32,
    /// How far they are shifted to the right before the last step, which is one more.
    pub shift: u8,
}

/// What outputs there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// The output's zero point.
    pub zero_point: i32,
    /// The least output value, by type and activation.
    pub min: i32,
    /// The greatest.
    pub max: i32,
}

/// How a layer's sums become outputs.
#[derive(Debug)]
pub struct Requantization {
    pub epilogue: AnyEpilogue,
    /// By channel.
    pub channels: Vec<Constants>,
    /// What all channels share, in the kernel's order; of channels then nothing is left.
    pub shared: Vec<i32>,
}

/// What the kernel takes of a channel.
#[derive(Debug)]
pub struct Constants {
    /// Whether its output is the same whatever the sum: it is then computed of zeros.
    pub is_constant: bool,
    /// Its constants, in the kernel's order.
    pub words: Vec<i32>,
}

/// Sums are kept times 256 in 32 bits.
const SUMS: std::ops::Range<i64> = -(1 << 23)..1 << 23;

/// Shifts to try. One that serves most layers comes first, so that layers share code.
const SHIFTS: [u32; 9] = [13, 12, 14, 11, 15, 10, 16, 9, 8];

impl Requantization {
    /// Words of constants of a channel.
    pub(super) fn words(&self) -> usize {
        self.epilogue.constants()
    }

    /// The shortest form that is right for every channel; `None` if sums do not fit in any.
    pub fn of(channels: &[Channel], output: Output) -> Option<Self> {
        let steps = Steps::of_all(channels, output)?;
        let short = Self::of_forms(&steps, output, &[Ties::Up, Ties::Away, Ties::Signed]);
        short.or_else(|| {
            let long: Option<Vec<_>> = steps.iter().map(long).collect();
            long.map(|channels| Self {
                epilogue: AnyEpilogue::Long,
                channels,
                shared: Vec::new(),
            })
        })
    }

    /// The two roundings, to int16 without a zero point, of channels with the same factor; `None` if sums or the shift do not fit.
    pub fn to_i16(channels: &[Channel]) -> Option<Self> {
        let constants = |channel: &Channel| {
            let right = -channel.shift;
            let fits = SUMS.contains(&channel.least) && SUMS.contains(&channel.greatest);
            (fits && (1..=31).contains(&right)).then(|| Constants {
                is_constant: false,
                words: vec![channel.multiplier, 1 << (right - 1), right],
            })
        };
        let channels: Option<Vec<_>> = channels.iter().map(constants).collect();
        Some(Self {
            epilogue: AnyEpilogue::LongI16,
            channels: channels?,
            shared: Vec::new(),
        })
    }

    /// One rounding to int16 of sums that fit in 32 bits, which TensorFlow Lite keeps in 64; `None` if they or the shifts do not fit.
    ///
    /// With a multiplier *r* of 15 bits, the reference is (sum·*r* + 2^(*t* − 1)) >> *t*. The kernel's is ((sum·*r*·2^(33 − *t*) >> 32) + 1) >> 1, which
    /// rounds down twice, and so as if it did once: the same for every sum.
    pub fn once(channels: &[Channel]) -> Option<Self> {
        let constants = |channel: &Channel| {
            let multiplier = fixed::reduced(channel.multiplier);
            let bits = 15 - channel.shift;
            let magnitude = channel
                .least
                .unsigned_abs()
                .max(channel.greatest.unsigned_abs());
            if magnitude > i32::MAX as u64 {
                return None;
            }
            let m = match bits {
                17..=33 => multiplier << (33 - bits),
                // Less than a half, so that all outputs are zero.
                34.. if magnitude * (multiplier as u64) < 1 << (bits - 1) => 0,
                _ => return None,
            };
            Some(Constants {
                is_constant: false,
                words: vec![m],
            })
        };
        let channels: Option<Vec<_>> = channels.iter().map(constants).collect();
        Some(Self {
            epilogue: AnyEpilogue::OnceI16,
            channels: channels?,
            shared: Vec::new(),
        })
    }

    /// The two roundings of sums to int16, which TensorFlow Lite keeps in 32 bits; `None` if they or the shifts do not fit.
    pub fn twice(channels: &[Channel]) -> Option<Self> {
        let constants = |channel: &Channel| {
            let right = -channel.shift;
            let fits = |sum: i64| sum.abs() < 1 << 30;
            let is_exact = fits(channel.least) && fits(channel.greatest);
            (is_exact && (1..=31).contains(&right)).then(|| Constants {
                is_constant: false,
                words: vec![factor(channel.multiplier), 1 << (right - 1), right],
            })
        };
        let channels: Option<Vec<_>> = channels.iter().map(constants).collect();
        Some(Self {
            epilogue: AnyEpilogue::TwiceI16,
            channels: channels?,
            shared: Vec::new(),
        })
    }

    /// As [`of`](Self::of), of the forms that take one multiplication and subtract of its product, if they subtract at all.
    pub(in super::super) fn subtracting(channels: &[Channel], output: Output) -> Option<Self> {
        let steps = Steps::of_all(channels, output)?;
        Self::of_forms(&steps, output, &[Ties::Up, Ties::Signed])
    }

    /// The same for single rows that are widened: channels that fill blocks share their constants where some are right for all.
    pub fn of_wide_rows(channels: &[Channel], output: Output) -> Option<Self> {
        let mut found = Self::of(channels, output)?;
        let form = match found.epilogue {
            AnyEpilogue::Short(shift) => Form {
                shift,
                ties: Ties::Up,
            },
            AnyEpilogue::Away(shift) => Form {
                shift,
                ties: Ties::Away,
            },
            _ => return Some(found),
        };
        let steps = Steps::of_all(channels, output)?;
        let fills = channels.len().is_multiple_of(LANES);
        if let Some([m, c]) = form.shared(&steps).filter(|_| fills) {
            found.epilogue = match form.ties {
                Ties::Away => AnyEpilogue::AwayAlike(form.shift),
                Ties::Up | Ties::Signed => AnyEpilogue::ShortAlike(form.shift),
            };
            found.shared = vec![m, c];
            for constants in &mut found.channels {
                constants.words.clear();
            }
        }
        Some(found)
    }

    fn of_forms(steps: &[Steps], output: Output, forms: &[Ties]) -> Option<Self> {
        // Below the zero point the short form is wrong by one step at ties; the type's range hides that.
        let hides = output.zero_point <= output.min;
        let forms = forms.iter().filter(|ties| **ties != Ties::Up || hides);
        for ties in forms.copied() {
            for shift in SHIFTS {
                let form = Form { shift, ties };
                let constants: Option<Vec<_>> = steps.iter().map(|s| form.constants(s)).collect();
                if let Some(channels) = constants {
                    let epilogue = form.epilogue();
                    return Some(Self {
                        epilogue,
                        channels,
                        shared: Vec::new(),
                    });
                }
            }
        }
        None
    }
}

/// An output channel as a step function.
#[derive(Debug)]
pub(in super::super) struct Steps {
    pub(in super::super) channel: Channel,
    pub(in super::super) output: Output,
    /// The output of the least sum.
    pub(in super::super) first: i32,
    /// The least sum that gives at least the next output, and so on.
    pub(in super::super) thresholds: Vec<i32>,
}

impl Steps {
    pub(in super::super) fn of_all(channels: &[Channel], output: Output) -> Option<Vec<Self>> {
        channels.iter().map(|c| Self::of(*c, output)).collect()
    }

    /// `None` if sums do not fit.
    fn of(mut channel: Channel, output: Output) -> Option<Self> {
        let reference = |sum: i32| channel.reference(sum, output);
        let [first, last] = channel.ends(output)?;
        let (least, greatest) = (channel.least as i32, channel.greatest as i32);
        if first == last {
            // Whatever the sum is.
            (channel.start, channel.least, channel.greatest) = (0, 0, 0);
            return Some(Self {
                channel,
                output,
                first,
                thresholds: Vec::new(),
            });
        }
        if !SUMS.contains(&channel.least) || !SUMS.contains(&channel.greatest) {
            return None;
        }
        let slope = f64::from(channel.multiplier) * f64::from(channel.shift - 31).exp2();
        let thresholds = (first + 1..=last).map(|y| {
            let about = (f64::from(y - output.zero_point) - 0.5) / slope;
            let mut sum = (about as i32).clamp(least, greatest);
            while sum > least && reference(sum - 1) >= y {
                sum -= 1;
            }
            while sum < greatest && reference(sum) < y {
                sum += 1;
            }
            sum
        });
        let thresholds = thresholds.collect();
        Some(Self {
            channel,
            output,
            first,
            thresholds,
        })
    }
}

/// What a form does about ties of sums that are negative.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ties {
    /// Nothing.
    Up,
    /// It rounds, and subtracts one.
    Away,
    /// It subtracts a constant of the channel.
    Signed,
}

/// A form of one multiplication.
#[derive(Debug, Clone, Copy)]
struct Form {
    shift: u32,
    ties: Ties,
}

impl Form {
    fn epilogue(self) -> AnyEpilogue {
        match self.ties {
            Ties::Up => AnyEpilogue::Short(self.shift),
            Ties::Away => AnyEpilogue::Away(self.shift),
            Ties::Signed => AnyEpilogue::Signed(self.shift),
        }
    }

    /// A channel's constants, proven; `None` if none were found.
    fn constants(self, steps: &Steps) -> Option<Constants> {
        let constant = steps.thresholds.is_empty();
        let words = match constant {
            true => Some((0, (steps.first << self.shift) + (1 << (self.shift - 1)), 0)),
            false => self.solve(steps),
        };
        let (m, c, d) = words?;
        Some(Constants {
            is_constant: constant,
            words: match self.ties {
                Ties::Signed => vec![m, c, d],
                Ties::Up | Ties::Away => vec![m, c],
            },
        })
    }

    fn solve(self, steps: &Steps) -> Option<(i32, i32, i32)> {
        let channel = &steps.channel;
        // How much an addend of one counts, as a shift of the reference's multiplier.
        let scale = self.shift as i32 + channel.shift - 7;
        let ideal = f64::from(channel.multiplier) * f64::from(scale).exp2();
        let away = match (self.ties, self.shift as i32 + channel.shift) {
            (Ties::Up, _) => 0,
            (Ties::Away, _) => 1,
            // One unit of the reference's first rounding.
            (Ties::Signed, bits @ 0..=30) => 1 << bits,
            (Ties::Signed, _) => return None,
        };
        if !(1.0..f64::from(i32::MAX)).contains(&ideal) {
            return None;
        }
        near(ideal).find_map(|m| {
            let c = middle(self.addends(m, away, steps))?;
            self.keeps_ends(m, away, c, steps).then_some((m, c, away))
        })
    }

    /// A multiplier and an addend that are right for all channels, none of which is constant.
    fn shared(self, steps: &[Steps]) -> Option<[i32; 2]> {
        let first = steps.first()?;
        if steps.iter().any(|steps| steps.thresholds.is_empty()) {
            return None;
        }
        let scale = self.shift as i32 + first.channel.shift - 7;
        let ideal = f64::from(first.channel.multiplier) * f64::from(scale).exp2();
        let away = i32::from(self.ties == Ties::Away);
        if !(1.0..f64::from(i32::MAX)).contains(&ideal) {
            return None;
        }
        near(ideal).find_map(|m| {
            let addends = steps.iter().map(|steps| self.addends(m, away, steps));
            let both = addends.reduce(|a, b| [a[0].max(b[0]), a[1].min(b[1])])?;
            let c = middle(both)?;
            let keeps = |steps: &Steps| self.keeps_ends(m, away, c, steps);
            steps.iter().all(keeps).then_some([m, c])
        })
    }

    /// The least and the greatest addend with which a multiplier gives the reference's outputs on both sides of each step.
    fn addends(self, m: i32, away: i32, steps: &Steps) -> [i64; 2] {
        let (mut from, mut to) = (i64::from(i32::MIN), i64::from(i32::MAX));
        for (y, threshold) in (steps.first + 1..).zip(&steps.thresholds) {
            let y = i64::from(y) << self.shift;
            from = from.max(y - self.scaled(m, away, *threshold));
            to = to.min(y - 1 - self.scaled(m, away, *threshold - 1));
        }
        [from, to]
    }

    /// A sum times a multiplier.
    fn scaled(self, m: i32, away: i32, sum: i32) -> i64 {
        let half = match self.ties {
            Ties::Away => 1 << 31,
            Ties::Up | Ties::Signed => 0,
        };
        let product = (256 * i64::from(sum) * i64::from(m) + half) >> 32;
        product - if sum < 0 { i64::from(away) } else { 0 }
    }

    /// Whether the outputs of the least sum and the greatest are right. Between steps outputs cannot fall; below the first and above the last one they must
    /// not leave the range.
    fn keeps_ends(self, m: i32, away: i32, c: i32, steps: &Steps) -> bool {
        let Output { min, max, .. } = steps.output;
        let at = |sum: i64, expected: i32| {
            let kept = self.scaled(m, away, sum as i32) + i64::from(c);
            let value = (kept >> self.shift).clamp(-128, 127) as i32;
            i32::try_from(kept).is_ok() && value.clamp(min, max) == expected
        };
        let last = steps.first + steps.thresholds.len() as i32;
        at(steps.channel.least, steps.first) && at(steps.channel.greatest, last)
    }
}

/// Multipliers to try, the nearest first.
fn near(ideal: f64) -> impl Iterator<Item = i32> {
    let near = (0..=8).chain((16..640).step_by(16));
    let near = near.flat_map(|by: i32| [by, -by]).skip(1);
    near.map(move |by| ideal.round() as i32 + by)
        .filter(|m| *m > 0)
}

/// What is farthest from both ends, of an interval that may be empty.
fn middle([from, to]: [i64; 2]) -> Option<i32> {
    let middle = i32::try_from((from + to).div_euclid(2)).ok()?;
    (from <= to).then_some(middle)
}

/// The reference's two roundings.
fn long(steps: &Steps) -> Option<Constants> {
    let right = -steps.channel.shift;
    if steps.thresholds.is_empty() {
        let words = vec![0, steps.first, 0];
        return Some(Constants {
            is_constant: true,
            words,
        });
    }
    // A half and the zero point have to fit beside a scaled sum.
    if !(1..=22).contains(&right) {
        return None;
    }
    let addend = (steps.output.zero_point << right) + (1 << (right - 1));
    Some(Constants {
        is_constant: false,
        words: vec![factor(steps.channel.multiplier), addend, right],
    })
}

/// What is as good as a multiplier, where the sum is added to the product's upper half.
fn factor(multiplier: i32) -> i32 {
    ((i64::from(multiplier) << 1) - (1 << 32)) as i32
}
