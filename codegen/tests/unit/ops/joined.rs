use proptest::prelude::*;

use castiron_codegen::ops::joined::*;
use castiron_codegen::ops::walk::{Copy, Walk};

/// The elements that a walk meets.
fn met(walk: &Walk) -> Vec<isize> {
    let mut all = vec![walk.start];
    for this in &walk.loops {
        let rounds = 0..this.count as isize;
        all = (all.iter())
            .flat_map(|at| rounds.clone().map(move |round| at + round * this.step))
            .collect();
    }
    all
}

fn elements(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// What a tensor holds after a copy.
fn copied(from: &[isize], x: &Walk, y: &Walk, to: usize) -> Vec<isize> {
    let mut out = vec![-1; to];
    for (x, y) in std::iter::zip(met(x), met(y)) {
        out[y as usize] = from[x as usize];
    }
    out
}

/// A part of a tensor, with axes in another order and some of them backwards: the walk, and the output's shape.
fn movement(shape: &[usize], choices: &[usize]) -> (Walk, Vec<usize>) {
    let mut walk = Walk::of(shape);
    let mut choices = choices.iter().copied().cycle();
    let mut next = |n: usize| choices.next().unwrap_or(0) % n.max(1);
    for (axis, size) in shape.iter().enumerate() {
        match next(4) {
            0 => walk = walk.reversed(axis),
            1 => {
                let first = next(*size);
                let count = 1 + next(size - first);
                walk = walk.part(axis, first, count, 1);
            }
            2 => walk = walk.part(axis, 0, size.div_ceil(2), 2),
            _ => {}
        }
    }
    let mut order: Vec<usize> = (0..shape.len()).collect();
    order.rotate_left(next(shape.len()));
    if next(2) == 1 {
        order.reverse();
    }
    let walk = walk.in_order(&order);
    let counts = walk.counts();
    (walk, counts)
}

proptest! {
    #![proptest_config(crate::unit::settings())]

    #[test]
    fn two_copies_are_one(
        shape in proptest::collection::vec(1usize..5, 1..5),
        first in proptest::collection::vec(0usize..60, 12),
        second in proptest::collection::vec(0usize..60, 12),
        flat in any::<bool>(),
    ) {
        let (x, between) = movement(&shape, &first);
        let source = order(&x, &Walk::of(&between), elements(&between)).expect("all of it");
        // A RESHAPE between the two.
        let reshaped = match flat {
            true => vec![elements(&between)],
            false => between.clone(),
        };
        let (again, out) = movement(&reshaped, &second);
        let input: Vec<isize> = (0..elements(&shape) as isize).collect();
        let middle = copied(&input, &x, &Walk::of(&between), elements(&between));
        let expected = copied(&middle, &again, &Walk::of(&out), elements(&out));
        if let Some((x, y)) = through(&again, &Walk::of(&out), &source) {
            prop_assert_eq!(copied(&input, &x, &y, elements(&out)), expected);
        } else {
            // Only what is flat may have steps that carry over.
            prop_assert!(flat);
        }
    }
}

#[test]
fn transposing_back_is_no_copy() {
    let x = Walk::of(&[2, 3, 4]).in_order(&[2, 0, 1]);
    let source = order(&x, &Walk::of(&[4, 2, 3]), 24).expect("all of it");
    let back = Walk::of(&[4, 2, 3]).in_order(&[1, 2, 0]);
    let (x, y) = through(&back, &Walk::of(&[2, 3, 4]), &source).expect("steps");
    assert!(Copy::new(&x, &y).expect("alike").is_whole(24));
}

#[test]
fn a_step_over_a_carry_is_none() {
    // 0 3 1 4 2 5, of which every second element is 0 1 2, and the last three are 4 2 5.
    let x = Walk::of(&[2, 3]).in_order(&[1, 0]);
    let source = order(&x, &Walk::of(&[3, 2]), 6).expect("all of it");
    let flat = Walk::of(&[6]);
    let even = flat.clone().part(0, 0, 3, 2);
    let (x, _) = through(&even, &Walk::of(&[3]), &source).expect("steps");
    assert_eq!(met(&x), [0, 1, 2]);
    assert!(through(&flat.part(0, 3, 3, 1), &Walk::of(&[3]), &source).is_none());
}
