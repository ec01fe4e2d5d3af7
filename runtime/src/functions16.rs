//! LOGISTIC and TANH of int16, as TensorFlow Lite computes them: by a table of the logistic function and straight lines
//! between its entries.

/// 1 / (1 + exp(−i / 24)) with 16 fractional bits, with TensorFlow Lite's own rounding.
static LOGISTIC: [u16; 256] = [
    32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149, 40794,
    41432, 42064, 42688, 43304, 43912, 44511, 45102, 45683, 46255, 46817, 47369, 47911, 48443,
    48964, 49475, 49975, 50464, 50942, 51409, 51865, 52311, 52745, 53169, 53581, 53983, 54374,
    54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433, 57724, 58007, 58280, 58544,
    58800, 59048, 59288, 59519, 59743, 59959, 60168, 60370, 60565, 60753, 60935, 61110, 61279,
    61441, 61599, 61750, 61896, 62036, 62172, 62302, 62428, 62549, 62666, 62778, 62886, 62990,
    63090, 63186, 63279, 63368, 63454, 63536, 63615, 63691, 63765, 63835, 63903, 63968, 64030,
    64090, 64148, 64204, 64257, 64308, 64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652,
    64687, 64721, 64754, 64786, 64816, 64845, 64873, 64900, 64926, 64950, 64974, 64997, 65019,
    65039, 65060, 65079, 65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208, 65221, 65234,
    65246, 65258, 65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360,
    65367, 65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425, 65429, 65433,
    65438, 65442, 65445, 65449, 65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474, 65476,
    65479, 65481, 65483, 65485, 65488, 65489, 65491, 65493, 65495, 65497, 65498, 65500, 65501,
    65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511, 65512, 65513, 65514, 65515, 65516,
    65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522, 65523, 65523, 65524, 65524,
    65525, 65525, 65526, 65526, 65526, 65527, 65527, 65528, 65528, 65528, 65529, 65529, 65529,
    65529, 65530, 65530, 65530, 65530, 65531, 65531, 65531, 65531, 65531, 65532, 65532, 65532,
    65532, 65532, 65532, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65534, 65534,
    65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65535,
];

/// A stored value as [`logistic`] and [`tanh`] take it: `x × multiplier / 2^shift`, ties towards +∞; `shift` of at most 30.
///
/// The multiplier holds the input's scale: 3 for one of 2⁻¹².
#[inline(always)]
#[must_use]
pub const fn scaled(x: i16, multiplier: i32, shift: u32) -> i32 {
    let round = 1i32.wrapping_shl(shift) >> 1;
    (x as i32)
        .wrapping_mul(multiplier)
        .wrapping_add(round)
        .wrapping_shr(shift)
}

/// Two neighbours of the table; `None` behind its end.
#[inline(always)]
fn between(at: u32) -> Option<[u32; 2]> {
    match LOGISTIC.get(at as usize..)? {
        [first, second, ..] => Some([u32::from(*first), u32::from(*second)]),
        _ => None,
    }
}

/// 1 / (1 + exp(−x)) with 15 fractional bits, of `x` with 12 and times 3.
#[must_use]
pub fn logistic(x: i32) -> i16 {
    let magnitude = x.unsigned_abs();
    let of_magnitude = match between(magnitude >> 9) {
        Some([a, b]) => (a << 9).wrapping_add((magnitude & 0x1ff).wrapping_mul(b.wrapping_sub(a))),
        None => 0x7fff << 10,
    };
    let rounded = match x >= 0 {
        true => of_magnitude.wrapping_add(1 << 9),
        false => (1u32 << 25)
            .wrapping_sub(of_magnitude)
            .wrapping_add((1 << 9) - 1),
    };
    (rounded >> 10) as i16
}

/// tanh(x) = 2 logistic(2x) − 1 with 15 fractional bits, of `x` with 12 and times 3.
#[must_use]
pub fn tanh(x: i32) -> i16 {
    let magnitude = x.unsigned_abs();
    let of_magnitude = match between(magnitude >> 8) {
        Some([a, b]) => (a << 8).wrapping_add((magnitude & 0xff).wrapping_mul(b.wrapping_sub(a))),
        None => 0xffff << 8,
    };
    let twice = (of_magnitude as i32).wrapping_sub(1 << 23);
    let rounded = match x >= 0 {
        true => twice.wrapping_add(1 << 7),
        false => twice.wrapping_neg().wrapping_add((1 << 7) - 1),
    };
    (rounded >> 8) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logistic_and_tanh_are_close() {
        for x in i16::MIN..=i16::MAX {
            let real = f64::from(x) / 4096.0;
            let x = scaled(x, 3, 0);
            let (found, exact) = (f64::from(logistic(x)), 1.0 / (1.0 + libm::exp(-real)));
            assert!((found / 32768.0 - exact).abs() < 8e-5, "{real}: {found}");
            let found = f64::from(tanh(x));
            assert!(
                (found / 32768.0 - libm::tanh(real)).abs() < 1.6e-4,
                "{real}: {found}"
            );
        }
        assert_eq!((logistic(i32::MIN), logistic(i32::MAX)), (0, 32767));
        assert_eq!((tanh(i32::MIN), tanh(i32::MAX)), (-32768, 32767));
    }

    #[test]
    fn other_scales_are_rounded() {
        assert_eq!(scaled(-3, 3, 1), -4);
        assert_eq!(scaled(3, 3, 1), 5);
        assert_eq!(scaled(5, 12, 0), 60);
    }
}
