//! Weights as the kernels of the DSP extension take them.

use castiron_runtime::kernels::{GROUP, LANES, ROWS};

use super::requantize::{Channel, Requantization};

/// Blocks of four output channels, the last filled up with channels of zeros; `None` if two weights do not fit in a lane.
///
/// A block is: the starts of its sums; for every two inputs, in the order 0 2, 1 3 of each four, the lanes of the channels 0 and 1, and of 2 and 3; each
/// channel's constants, or those of all, which may also come once behind the last block. Inputs are runs of whole fours, as weights are counted, of which the last may have its first half alone.
pub(super) fn blocks(
    channels: &[Channel],
    requantization: &Requantization,
    [runs, len]: [usize; 2],
    weight: &dyn Fn(usize, usize) -> i8,
    format: Format,
) -> Option<Vec<u32>> {
    let constants = &requantization.channels;
    let is_used = |channel: usize| constants.get(channel).is_some_and(|c| !c.is_constant);
    let weight = |channel: usize, i: usize| match is_used(channel) {
        true => weight(channel, i),
        false => 0,
    };
    let start = |channel: usize| match is_used(channel) {
        true => channels[channel].start,
        false => 0,
    };
    let mut words = Vec::new();
    for first in (0..channels.len()).step_by(LANES) {
        for low in [first, first + 2] {
            let other = match format {
                Format::Int8 => start(low).wrapping_add(start(low + 1).wrapping_mul(256)),
                Format::Int16 => start(low + 1),
            };
            words.extend([start(low) as u32, other as u32]);
        }
        for run in 0..runs {
            for half in 0..len / 2 {
                let [i, other] = match format {
                    Format::Int8 => [half / 2 * GROUP + half % 2, half / 2 * GROUP + half % 2 + 2],
                    Format::Int16 => [2 * half, 2 * half + 1],
                };
                let run = run * len.next_multiple_of(GROUP);
                for low in [first, first + 2] {
                    let lanes = |i| format.lane(weight(low, run + i), weight(low + 1, run + i));
                    words.push(u32::from(lanes(i)?) | u32::from(lanes(other)?) << 16);
                }
            }
        }
        let none = vec![0; requantization.words()];
        for channel in first..first + requantization.epilogue.channels() {
            let words_of = constants.get(channel).map_or(&none, |c| &c.words);
            words.extend(words_of.iter().map(|word| *word as u32));
        }
    }
    words.extend(requantization.shared.iter().map(|word| *word as u32));
    Some(words)
}

/// Channels of a depthwise convolution of 3×3 windows, one behind the other: two words for each filter row, with its weights 0 and 1, and 1 and 2,
/// times 256; the start of the sum, times 256; the constants. Those that meet int16 are as they are.
pub(super) fn depthwise(
    channels: &[Channel],
    requantization: &Requantization,
    weight: &dyn Fn(usize, usize) -> i8,
    format: Format,
) -> Vec<u32> {
    let times = match format {
        Format::Int8 => 256,
        Format::Int16 => 1,
    };
    let mut words = Vec::new();
    for (index, (channel, constants)) in channels.iter().zip(&requantization.channels).enumerate() {
        let scaled = |i| match constants.is_constant {
            true => 0,
            false => u32::from((i16::from(weight(index, i)) * times) as u16),
        };
        for row in 0..ROWS {
            for first in [ROWS * row, ROWS * row + 1] {
                words.push(scaled(first) | scaled(first + 1) << 16);
            }
        }
        words.push(match constants.is_constant {
            true => 0,
            false => channel.start.wrapping_mul(times.into()) as u32,
        });
        words.extend(constants.words.iter().map(|word| *word as u32));
    }
    words
}

/// The inputs that weights meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum Format {
    /// Widened, and sums of two channels kept as `L` and `S`.
    Int8,
    /// As they are, in their order.
    Int16,
}

impl Format {
    /// The weights of two channels.
    fn lane(self, low: i8, high: i8) -> Option<u16> {
        match self {
            Self::Int8 => {
                let lane = i32::from(low) + 256 * i32::from(high);
                i16::try_from(lane).ok().map(|lane| lane as u16)
            }
            Self::Int16 => Some(u16::from_le_bytes([low as u8, high as u8])),
        }
    }
}
