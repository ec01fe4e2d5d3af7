//! The short requantisations against TensorFlow Lite's, for every sum that a channel can reach.

use castiron_codegen::ops::numbers::dsp::requantize::{Channel, Output, Requantization};
use castiron_codegen::ops::numbers::nested::Nested;
use castiron_runtime::fixed;
use castiron_runtime::kernels::AnyEpilogue;
use proptest::prelude::*;

/// What the kernels compute of a sum, as their documentation has it.
fn output(epilogue: AnyEpilogue, words: &[i32], sum: i64) -> i32 {
    let half = |value: i64, by: u32| (value + (1 << (by - 1))) >> by;
    let value = match (epilogue, words) {
        (AnyEpilogue::Short(shift), &[m, c]) => {
            (((256 * sum * i64::from(m)) >> 32) + i64::from(c)) >> shift
        }
        (AnyEpilogue::Away(shift), &[m, c]) => {
            let away = if sum < 0 { 1 } else { 0 };
            (half(256 * sum * i64::from(m), 32) + i64::from(c) - away) >> shift
        }
        (AnyEpilogue::Signed(shift), &[m, c, d]) => {
            let away = if sum < 0 { i64::from(d) } else { 0 };
            (((256 * sum * i64::from(m)) >> 32) + i64::from(c) - away) >> shift
        }
        (AnyEpilogue::Long, &[factor, addend, shift]) => {
            let high = sum + half(sum * i64::from(factor), 32);
            let away = if high < 0 { 1 } else { 0 };
            (high - away + i64::from(addend)) >> shift
        }
        (AnyEpilogue::OnceI16, &[m]) => return to_i16((((sum * i64::from(m)) >> 32) + 1) >> 1),
        (AnyEpilogue::TwiceI16, &[factor, addend, shift]) => {
            let high = sum + half(sum * i64::from(factor), 32);
            let away = if high < 0 { 1 } else { 0 };
            return to_i16((high - away + i64::from(addend)) >> shift);
        }
        (AnyEpilogue::LongI16, &[m, addend, shift]) => {
            let away = if sum < 0 { 1 } else { 0 };
            let high = half(2 * sum * i64::from(m), 32) + i64::from(addend) - away;
            return to_i16(high >> shift);
        }
        _ => panic!("{epilogue:?} has no {} constants", words.len()),
    };
    value.clamp(-128, 127) as i32
}

fn to_i16(value: i64) -> i32 {
    value.clamp(-32768, 32767) as i32
}

/// Any factor, and sums between two of which the greater magnitude has at most so many bits.
fn channel_of_i16(bits: u32) -> impl Strategy<Value = Channel> {
    let most = (1i64 << bits) - 1;
    let multiplier = prop_oneof![
        1 << 30..=i32::MAX,
        Just(i32::MAX),
        Just(0x7fff_0000),
        Just(0x7ffe_ffff)
    ];
    (multiplier, -31..=7, -most..=most, -most..=most).prop_map(|(multiplier, shift, a, b)| {
        Channel {
            multiplier,
            shift,
            start: a as i32,
            least: a.min(b),
            greatest: a.max(b),
        }
    })
}

/// Sums at the ends, around zero and anywhere between.
fn sums(channel: &Channel, numbers: &[u32]) -> Vec<i64> {
    let (least, greatest) = (channel.least, channel.greatest);
    let anywhere = numbers
        .iter()
        .map(|n| least + ((i128::from(greatest - least) * i128::from(*n)) >> 32) as i64);
    let ends = (0..100).flat_map(|by| [least + by, greatest - by, by - 50]);
    ends.chain(anywhere)
        .filter(|sum| (least..=greatest).contains(sum))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn one_rounding_to_int16_is_that_of_sums_of_64_bits(
        channel in channel_of_i16(31), numbers in proptest::collection::vec(any::<u32>(), 50),
    ) {
        let Some(found) = Requantization::once(&[channel]) else {
            prop_assert!(channel.shift > -2 || channel.shift < -18);
            return Ok(());
        };
        for sum in sums(&channel, &numbers) {
            let reference = fixed::requantize_wide(sum, channel.multiplier, channel.shift);
            let computed = output(found.epilogue, &found.channels[0].words, sum);
            prop_assert_eq!(computed, to_i16(reference.into()));
        }
    }

    #[test]
    fn two_roundings_to_int16_are_those_of_sums_of_32_bits(
        (channel, bits) in prop_oneof![
            channel_of_i16(30).prop_map(|channel| (channel, 30)),
            channel_of_i16(23).prop_map(|channel| (channel, 23)),
        ],
        numbers in proptest::collection::vec(any::<u32>(), 50),
    ) {
        let narrow = (bits == 23).then(|| Requantization::to_i16(&[channel]));
        let forms = [Some(Requantization::twice(&[channel])), narrow];
        for found in forms.into_iter().flatten() {
            let Some(found) = found else {
                prop_assert!(channel.shift > -1);
                continue;
            };
            for sum in sums(&channel, &numbers) {
                let reference = fixed::requantize(sum as i32, channel.multiplier, channel.shift);
                let computed = output(found.epilogue, &found.channels[0].words, sum);
                prop_assert_eq!(computed, to_i16(reference.into()));
            }
        }
    }
}

fn channels() -> impl Strategy<Value = Vec<Channel>> {
    let channel = (
        1 << 30..=i32::MAX,
        -16..=0,
        -40_000..40_000i64,
        0..80_000i64,
    );
    let channel = channel.prop_map(|(multiplier, shift, least, reach)| Channel {
        multiplier,
        shift,
        start: (least + reach / 2) as i32,
        least,
        greatest: least + reach,
    });
    proptest::collection::vec(channel, 1..3)
}

fn outputs() -> impl Strategy<Value = Output> {
    let zero_point = prop_oneof![Just(-128), Just(127), -128..=127];
    let ends = prop_oneof![Just((-128, 127)), (-128..0, 0..=127)];
    (zero_point, ends, any::<bool>()).prop_map(|(zero_point, (min, max), relu)| Output {
        zero_point,
        min: if relu { zero_point.min(max) } else { min },
        max,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_sum_has_the_references_output(channels in channels(), to in outputs()) {
        let Some(found) = Requantization::of(&channels, to) else {
            // Only sums that are not shifted right have no form.
            prop_assert!(channels.iter().any(|c| c.shift > -1));
            return Ok(());
        };
        for (channel, constants) in channels.iter().zip(&found.channels) {
            for sum in channel.least..=channel.greatest {
                let reference = fixed::requantize(sum as i32, channel.multiplier, channel.shift);
                let reference = (reference + to.zero_point).clamp(to.min, to.max);
                // A constant channel is computed of zeros.
                let sum = if constants.is_constant { 0 } else { sum };
                let computed = output(found.epilogue, &constants.words, sum);
                prop_assert_eq!(computed.clamp(to.min, to.max), reference);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn two_roundings_have_the_references_output(channels in channels(), to in outputs()) {
        for channel in channels {
            let Some(found) = channel.two_roundings(to) else {
                prop_assert!(channel.shift > -1);
                continue;
            };
            for sum in channel.least..=channel.greatest {
                let reference = fixed::requantize(sum as i32, channel.multiplier, channel.shift);
                let reference = (reference + to.zero_point).clamp(to.min, to.max);
                let sum = if found.is_constant { found.start.into() } else { sum };
                let high = sum + ((sum * i64::from(found.factor) + (1 << 31)) >> 32);
                let zero = i64::from(2 * to.zero_point + 1) << found.shift;
                let high = high + (high >> 63) + zero;
                prop_assert!(i32::try_from(high).is_ok());
                let computed = ((high >> found.shift >> 1).clamp(-128, 127)) as i32;
                prop_assert_eq!(computed.clamp(to.min, to.max), reference);
            }
        }
    }
}

/// What Armv6-M computes of a sum, in its 32 bits; an overflow panics here.
fn nested(form: &Nested, words: &[i32], sum: i32) -> i32 {
    let &[high, middle, low, addend, ref away @ ..] = words else {
        panic!("{} constants", words.len());
    };
    let lower = ((sum * low) >> form.fine) + sum * middle;
    let away = away.first().filter(|_| sum < 0).unwrap_or(&0);
    let above = ((lower >> form.fine) + sum * high + addend - away) >> form.shift;
    above.clamp(0, 255) - 128
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn three_products_have_the_references_output(channels in channels(), to in outputs()) {
        let Some(found) = Nested::of(&channels, to) else {
            return Ok(());
        };
        for (channel, constants) in channels.iter().zip(&found.channels) {
            for sum in channel.least..=channel.greatest {
                let reference = fixed::requantize(sum as i32, channel.multiplier, channel.shift);
                let reference = (reference + to.zero_point).clamp(to.min, to.max);
                let sum = if constants.is_constant { 0 } else { sum as i32 };
                let computed = nested(&found, &constants.words, sum);
                prop_assert_eq!(computed.clamp(to.min, to.max), reference);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Channels of the same scale, but with biases of their own.
    #[test]
    fn rows_of_one_scale_share_their_constants(
        multiplier in 1 << 30..=i32::MAX, shift in -10..=-6, zero_point in prop_oneof![Just(-128), -20..=20],
        starts in proptest::array::uniform4(-3000..3000i32),
    ) {
        let to = Output { zero_point, min: -128, max: 127 };
        let channels = starts.map(|start| Channel {
            multiplier,
            shift,
            start,
            least: i64::from(start) - 30_000,
            greatest: i64::from(start) + 40_000,
        });
        let found = Requantization::of_wide_rows(&channels, to).expect("it is shifted right");
        let epilogue = match found.epilogue {
            AnyEpilogue::ShortAlike(shift) => AnyEpilogue::Short(shift),
            AnyEpilogue::AwayAlike(shift) => AnyEpilogue::Away(shift),
            _ => return Ok(()),
        };
        prop_assert!(found.channels.iter().all(|c| c.words.is_empty() && !c.is_constant));
        for channel in channels {
            for sum in channel.least..=channel.greatest {
                let reference = fixed::requantize(sum as i32, multiplier, shift);
                let reference = (reference + zero_point).clamp(-128, 127);
                prop_assert_eq!(output(epilogue, &found.shared, sum), reference);
            }
        }
    }
}

/// Typical layers of one scale share theirs, unless channels do not fill blocks.
#[test]
fn constants_are_shared_by_whole_blocks() {
    let channel = |start| Channel {
        multiplier: 1_431_655_765,
        shift: -8,
        start,
        least: -30_000,
        greatest: 40_000,
    };
    let of = |channels: &[Channel], zero_point| {
        let (min, max) = (-128, 127);
        let to = Output {
            zero_point,
            min,
            max,
        };
        Requantization::of_wide_rows(channels, to).map(|found| found.epilogue)
    };
    let four = [1, 20, 300, 4000].map(channel);
    assert!(matches!(of(&four, -128), Some(AnyEpilogue::ShortAlike(_))));
    assert!(matches!(of(&four, 5), Some(AnyEpilogue::AwayAlike(_))));
    assert!(matches!(of(&four[..3], -128), Some(AnyEpilogue::Short(_))));
}

/// Typical layers take the shortest form, or the test above would say little.
#[test]
fn layers_with_and_without_relu_take_one_multiplication() {
    let channel = |multiplier, shift| Channel {
        multiplier,
        shift,
        start: 300,
        least: -30_000,
        greatest: 40_000,
    };
    let channels = [
        channel(1_431_655_765, -8),
        channel(1_100_000_123, -7),
        channel(2_000_000_011, -8),
    ];
    let epilogue = |zero_point| {
        let (min, max) = (-128, 127);
        let output = Output {
            zero_point,
            min,
            max,
        };
        Requantization::of(&channels, output).map(|found| found.epilogue)
    };
    let of_short_products = |zero_point| {
        let (min, max) = (-128, 127);
        let output = Output {
            zero_point,
            min,
            max,
        };
        Nested::of(&channels, output).map(|found| found.signed)
    };
    assert_eq!(of_short_products(-128), Some(false));
    assert_eq!(of_short_products(5), Some(true));
    assert!(matches!(epilogue(-128), Some(AnyEpilogue::Short(_))));
    assert!(matches!(
        epilogue(5),
        Some(AnyEpilogue::Away(_) | AnyEpilogue::Signed(_))
    ));
}
