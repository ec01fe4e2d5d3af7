use castiron_codegen::tflite::sparsity::*;

fn level(extent: usize, step: usize, chosen: Option<(&[usize], &[usize])>) -> Level {
    let chosen = chosen.map(|(segments, indices)| Chosen {
        segments: segments.to_vec(),
        indices: indices.to_vec(),
    });
    Level {
        extent,
        step,
        chosen,
    }
}

fn places(levels: &[Level]) -> Vec<usize> {
    levels
        .iter()
        .fold(vec![0], |above, level| level.places(&above))
}

#[test]
fn rows_have_the_columns_that_are_told() {
    let levels = [
        level(3, 4, None),
        level(4, 1, Some((&[0, 2, 2, 3], &[1, 3, 0]))),
    ];
    assert_eq!(count(&levels), Ok(3));
    assert_eq!(places(&levels), [1, 3, 8]);
}

/// 4×4 in blocks of 2×2, of which the second in the first row and the first in the second are there.
#[test]
fn blocks_are_dense_within() {
    let levels = [
        level(2, 8, None),
        level(2, 2, Some((&[0, 1, 2], &[1, 0]))),
        level(2, 4, None),
        level(2, 1, None),
    ];
    assert_eq!(count(&levels), Ok(8));
    assert_eq!(places(&levels), [2, 3, 6, 7, 8, 9, 12, 13]);
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_made() {
    let wrong: [(&[usize], &[usize]); 5] = [
        (&[0, 1], &[0]),
        (&[0, 2, 1, 3], &[0, 1, 2]),
        (&[0, 1, 2, 4], &[0, 1, 2]),
        (&[0, 2, 2, 3], &[1, 1, 0]),
        (&[0, 1, 2, 3], &[0, 4, 0]),
    ];
    for (segments, indices) in wrong {
        let levels = [level(3, 4, None), level(4, 1, Some((segments, indices)))];
        assert!(count(&levels).is_err(), "{segments:?} {indices:?}");
    }
    let huge = [level(1 << 40, 1, None), level(1 << 40, 1, None)];
    assert_eq!(count(&huge), Ok(usize::MAX));
}
