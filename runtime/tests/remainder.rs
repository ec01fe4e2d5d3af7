use crate::testing::{Numbers, times};
use castiron_runtime::remainder::*;

const SIGN: u32 = 1 << 31;
const INFINITY: u32 = f32::INFINITY.to_bits();
/// The leading bit of a significand.
const LEADING: u32 = 1 << 23;

#[test]
fn remainders_are_exact() {
    let edges = [
        0,
        1,
        2,
        LEADING - 1,
        LEADING,
        LEADING + 1,
        INFINITY - 1,
        INFINITY,
        INFINITY + 1,
    ];
    let mut numbers = Numbers::new(7);
    let random = (0..times(2000)).map(|_| numbers.next());
    let all: std::vec::Vec<u32> = edges
        .into_iter()
        .chain(edges.map(|e| e | SIGN))
        .chain(random)
        .collect();
    for (i, x) in all.iter().enumerate() {
        let others = edges.iter().chain(all.iter().skip(i / 2).take(20));
        for y in others {
            let (x, y) = (f32::from_bits(*x), f32::from_bits(*y));
            let (found, wanted) = (fmodf(x, y), x % y);
            let same = found.to_bits() == wanted.to_bits() || (found.is_nan() && wanted.is_nan());
            assert!(same, "{x} % {y}: {found}, not {wanted}");
        }
    }
}
