//! ADD and SUB of int8 in fewer instructions than TensorFlow Lite's three roundings take, where that is proven to give the same.

use castiron_runtime::kernels::{Combine, ShortSum, Sum};

/// How far from the ideal factors others are tried.
const NEAR: [f64; 5] = [0.0, -1.0, 1.0, -2.0, 2.0];

/// A sum that gives the same for each of the 65,536 pairs of values; `None` if none was found. `factors` are those of the operands, as far as
/// numbers are exact.
pub fn of(sum: &Sum, factors: [f64; 2]) -> Option<ShortSum> {
    if (sum.min, sum.max) != (i8::MIN.into(), i8::MAX.into()) {
        return None;
    }
    let ideal = factors.map(|factor| (factor * f64::from(1 << ShortSum::SHIFT)).round());
    // All products fit in 31 bits.
    if ideal[0].abs() + ideal[1].abs() >= f64::from(1 << 23) {
        return None;
    }
    let expected: Vec<i8> = pairs().map(|(a, b)| sum.combine(a, b)).collect();
    let near = NEAR
        .iter()
        .flat_map(|a| NEAR.map(|b| [ideal[0] + a, ideal[1] + b]));
    near.map(|factors| factors.map(|factor| factor as i32))
        .find_map(|factors| offset(factors, &expected).map(|offset| (factors, offset)))
        .map(|([first, second], offset)| ShortSum {
            first,
            second,
            offset,
        })
}

/// All values of both operands.
fn pairs() -> impl Iterator<Item = (i8, i8)> {
    let all = i8::MIN..=i8::MAX;
    all.clone()
        .flat_map(move |a| all.clone().map(move |b| (a, b)))
}

/// An offset with which factors give what is expected. Each pair bounds it from one side or both.
fn offset([first, second]: [i32; 2], expected: &[i8]) -> Option<i32> {
    let (mut from, mut to) = (i64::from(i32::MIN), i64::from(i32::MAX));
    for ((a, b), expected) in pairs().zip(expected) {
        let products = i64::from(i32::from(a) * first + i32::from(b) * second);
        let step = i64::from(*expected) << ShortSum::SHIFT;
        if *expected > i8::MIN {
            from = from.max(step - products);
        }
        if *expected < i8::MAX {
            to = to.min(step + (1 << ShortSum::SHIFT) - 1 - products);
        }
        if from > to {
            return None;
        }
    }
    // The sum of all has to fit, too.
    let middle = from + (to - from) / 2;
    let products = 128 * (i64::from(first).abs() + i64::from(second).abs());
    let greatest = products + middle.abs();
    (greatest < 1 << 31).then_some(middle as i32)
}
