use castiron_codegen::graph::shapes::*;

#[test]
fn inputs_are_repeated_along_ones() {
    let of = |shapes: &[&[usize]]| broadcast(shapes.iter().copied());
    assert_eq!(of(&[&[2, 1, 3, 4], &[5, 1, 4]]), Some(vec![2, 5, 3, 4]));
    assert_eq!(of(&[&[], &[2, 3], &[3]]), Some(vec![2, 3]));
    assert_eq!(of(&[&[2, 3], &[2, 4]]), None);
    assert_eq!(of(&[&[0, 3], &[1, 3]]), Some(vec![0, 3]));
}

#[test]
fn ones_do_not_count() {
    assert!(alike(&[1, 2, 3], &[2, 1, 3]));
    assert!(!alike(&[2, 3], &[3, 2]));
    assert!(alike(&[0, 3], &[3, 0, 2]));
}

#[test]
fn axes_count_from_either_end() {
    let of = |axis| dimension(axis, 3);
    assert_eq!(
        [0, 2, 3, -1, -3, -4].map(of),
        [Some(0), Some(2), None, Some(2), Some(0), None]
    );
    assert_eq!(dimension(0, 0), None);
    assert_eq!(dimension(i64::MIN, 3), None);
}

#[test]
fn blocks_move_between_batch_and_space() {
    let flat = [4, 2, 3, 5];
    let image = space_to_batch(&[1, 4, 5, 5], &[2, 2], &[0, 0, 1, 0]);
    assert_eq!(image.as_deref(), Some(&flat[..]));
    assert_eq!(
        batch_to_space(&flat, &[2, 2], &[0, 0, 1, 0]),
        Some(vec![1, 4, 5, 5])
    );
    assert_eq!(space_to_batch(&[1, 4, 5, 5], &[2, 2], &[0; 4]), None);
    assert_eq!(space_to_batch(&[1, 4, 4, 5], &[2, 0], &[0; 4]), None);
    assert_eq!(batch_to_space(&[2, 2, 2, 5], &[2, 2], &[0; 4]), None);
    assert_eq!(batch_to_space(&flat, &[2, 2], &[5, 0, 0, 0]), None);
}

#[test]
fn strides_take_every_nth() {
    let of = |begin: &[i64], end: &[i64], strides: &[i64], shrink_mask| Strided {
        begin: begin.to_vec(),
        end: end.to_vec(),
        strides: strides.to_vec(),
        shrink_mask,
        ..Strided::default()
    };
    assert_eq!(
        of(&[0, 1], &[2, 9], &[1, 2], 0).of(&[2, 6]),
        Some(vec![2, 3])
    );
    assert_eq!(of(&[-1], &[-9], &[-2], 0).of(&[5]), Some(vec![3]));
    assert_eq!(of(&[1, 0], &[2, 4], &[1, 1], 1).of(&[2, 4]), Some(vec![4]));
    assert_eq!(of(&[3], &[1], &[1], 0).of(&[5, 2]), Some(vec![0, 2]));
    assert_eq!(of(&[0], &[1], &[0], 0).of(&[5]), None);
}
