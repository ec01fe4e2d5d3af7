use castiron_codegen::ops::walk::*;
use castiron_runtime::kernels::{Axis, Reduction};

fn both(count: usize, x: isize, y: isize) -> Joint<2> {
    Joint {
        count,
        steps: [x, y],
    }
}

#[test]
fn neighbours_on_both_sides_are_a_block() {
    let copy = Copy::new(&Walk::of(&[2, 3, 4]), &Walk::of(&[2, 3, 4]));
    assert!(copy.expect("alike").is_whole(24));
    let rows = Walk::of(&[2, 5, 4]).part(1, 1, 3, 1);
    let copy = Copy::new(&Walk::of(&[2, 3, 4]), &rows).expect("alike");
    assert_eq!((copy.y_start, copy.block), (4, 12));
    assert_eq!(copy.loops, [both(2, 12, 20)]);
}

#[test]
fn loops_that_go_on_are_one() {
    let x = Walk::of(&[2, 1, 4, 3]).in_order(&[3, 1, 0, 2]);
    let copy = Copy::new(&x, &Walk::of(&[3, 1, 2, 4])).expect("alike");
    assert_eq!(copy.loops, [both(3, 1, 8), both(8, 3, 1)]);
    assert_eq!(copy.block, 1);
}

#[test]
fn parts_begin_where_they_should() {
    let x = Walk::of(&[4, 6]).part(1, 5, 3, -2).reversed(0);
    assert_eq!(x.start, 23);
    assert_eq!(x.counts(), [4, 3]);
    assert!(Walk::of(&[4, 6]).split(1, 4).is_none());
    let blocks = Walk::of(&[4, 6]).split(1, 3).expect("even");
    assert_eq!(blocks.counts(), [4, 2, 3]);
    assert_eq!(blocks.without(&[0]).counts(), [2, 3]);
}

fn axis(count: usize, step: usize) -> Axis {
    Axis { count, step }
}

fn reduction(shape: &[usize], reduced: &[bool]) -> Option<Reduction> {
    Walk::of(shape).reduction(reduced)
}

#[test]
fn neighbouring_axes_are_one() {
    let r = reduction(&[2, 5, 7, 3], &[false, true, true, false]).expect("few");
    assert_eq!(r.run, 3);
    assert_eq!(r.reduced, [axis(1, 0), axis(1, 0), axis(35, 3)]);
    assert_eq!(r.kept, [axis(1, 0), axis(1, 0), axis(2, 105)]);
}

#[test]
fn a_reduced_last_axis_leaves_single_outputs() {
    let r = reduction(&[4, 1, 6], &[false, false, true]).expect("few");
    assert_eq!(r.run, 1);
    assert_eq!(r.reduced, [axis(1, 0), axis(1, 0), axis(6, 1)]);
    assert_eq!(r.kept, [axis(1, 0), axis(1, 0), axis(4, 6)]);
}

#[test]
fn nothing_reduced_is_one_run() {
    let r = reduction(&[4, 6], &[false, false]).expect("few");
    assert_eq!(r.run, 24);
    assert_eq!(r.reduced[2], axis(1, 24));
    assert_eq!(r.kept, [axis(1, 0); 3]);
}

#[test]
fn alternating_axes_take_three_loops_each() {
    let r = reduction(&[2, 3, 4, 5, 6], &[false, true, false, true, false]).expect("few");
    assert_eq!(r.run, 6);
    assert_eq!(r.reduced, [axis(1, 0), axis(3, 120), axis(5, 6)]);
    assert_eq!(r.kept, [axis(1, 0), axis(2, 360), axis(4, 30)]);
    let six = [true, false, true, false, true, false];
    assert!(reduction(&[2; 6], &six).is_some());
    assert!(reduction(&[2; 7], &[true, false, true, false, true, false, true]).is_none());
}
